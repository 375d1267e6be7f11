"""Settings of REINFORCE with an LSTM controller."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from accelnas_training.errors import ControllerError

__all__ = ["LstmSettings"]


@dataclass(frozen=True)
class LstmSettings:
    """Settings of the controller and of its training; the defaults are those of Accel-NASBench.

    Attributes
    ----------
    hidden, embedding : int
        Width of the LSTM, and of the embedding of a choice.
    episodes : int
        Architectures sampled and evaluated for each step of the optimiser.
    learning_rate : float
        Of Adam.
    entropy_weight : float
        Weight of the entropy bonus, summed over the decisions of an architecture.
    baseline_decay : float
        Of the moving average of rewards that is subtracted from a reward, 0 to 1.
    reward_scale : float
        What scores are multiplied with. Adam divides by the gradient's size, so that this sets how much a reward
        counts beside the entropy bonus, and little else.
    initial_range : float
        All parameters start uniformly between minus and plus this.

    Raises
    ------
    ControllerError
        If a value is out of range.

    Examples
    --------
    >>> LstmSettings(episodes=12).episodes
    12
    """

    hidden: int = 100
    embedding: int = 32
    episodes: int = 6
    learning_rate: float = 3.5e-4
    entropy_weight: float = 1e-5
    baseline_decay: float = 0.95
    reward_scale: float = 1.0
    initial_range: float = 0.1

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type == "int":
                if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                    raise ControllerError(f"{field.name} is {value!r}; choose an integer of at least 1")
            elif isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                raise ControllerError(f"{field.name} is {value!r}; choose a finite number")
        for name in ("learning_rate", "reward_scale", "initial_range"):
            if getattr(self, name) <= 0:
                raise ControllerError(f"{name} is {getattr(self, name)!r}; choose a number above 0")
        if self.entropy_weight < 0:
            raise ControllerError(f"entropy_weight is {self.entropy_weight!r}; choose 0 or more")
        if not 0 <= self.baseline_decay < 1:
            raise ControllerError(f"baseline_decay is {self.baseline_decay!r}; choose 0 or more, below 1")
