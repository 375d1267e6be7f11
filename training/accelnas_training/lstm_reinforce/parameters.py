"""Settings of LSTM controllers, and their parameters: one row of float32 a run, and named views of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, NamedTuple

import numpy as np
import torch

from accelnas_training.checked import Checked, Range
from accelnas_training.errors import ControllerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor


@dataclass(frozen=True)
class LstmSettings(Checked):
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

    error = ControllerError
    hidden: Annotated[int, Range(least=1)] = 100
    embedding: Annotated[int, Range(least=1)] = 32
    episodes: Annotated[int, Range(least=1)] = 6
    learning_rate: Annotated[float, Range(more_than=0)] = 3.5e-4
    entropy_weight: Annotated[float, Range(least=0)] = 1e-5
    baseline_decay: Annotated[float, Range(least=0, less_than=1)] = 0.95
    reward_scale: Annotated[float, Range(more_than=0)] = 1.0
    initial_range: Annotated[float, Range(more_than=0)] = 0.1


_ALIGNMENT = 16  # a run's numbers begin at a multiple of 64 bytes: products round differently where they don't


class Parameters(NamedTuple):
    """Parameters of controllers, the first axis is the run; gates are in PyTorch's order (i, f, g, o).

    Attributes
    ----------
    inputs : (runs, 1 + (variables - 1) * choices, embedding)
        What the LSTM reads: the start, then the embedding of each choice of all variables but the last. The number
        is rounded up to a multiple of 4.
    weight_ih, weight_hh : (runs, 4 * hidden, embedding), (runs, 4 * hidden, hidden)
        Weights of the gates.
    bias_ih, bias_hh : (runs, 4 * hidden)
        Biases of the gates; two of them, as `torch.nn.LSTMCell` has.
    head_weight, head_bias : (runs, variables, choices, hidden), (runs, variables, choices)
        One linear layer a variable. All are as wide as the largest; what is beyond a variable's choices is not used.
    """

    inputs: Tensor
    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor
    bias_hh: Tensor
    head_weight: Tensor
    head_bias: Tensor


class Layout:
    """Where the parameters of one controller lie in a row, whose decisions have so many choices each."""

    def __init__(self, choices: Sequence[int], settings: LstmSettings) -> None:
        gates, variables, widest = 4 * settings.hidden, len(choices), max(choices)
        self._shapes = (
            (_round_up(1 + (variables - 1) * widest, 4), settings.embedding),
            (gates, settings.embedding),
            (gates, settings.hidden),
            (gates,),
            (gates,),
            (variables, widest, settings.hidden),
            (variables, widest),
        )
        self.size = _round_up(sum(math.prod(shape) for shape in self._shapes), _ALIGNMENT)

    def views(self, rows: Tensor) -> Parameters:
        """Give named views of rows (runs, size)."""
        views, start = [], 0
        for shape in self._shapes:
            stop = start + math.prod(shape)
            views.append(rows[:, start:stop].view(-1, *shape))
            start = stop
        return Parameters(*views)


def initial_parameters(layout: Layout, streams: Sequence[np.random.Generator], bound: float) -> Tensor:
    """Draw the first parameters, float32 (runs, size), within ± bound, each row from its own stream."""
    rows: NDArray[np.float32] = np.empty((len(streams), layout.size), np.float32)
    for row, stream in zip(rows, streams, strict=True):
        stream.random(dtype=np.float32, out=row)
    rows *= 2 * bound
    rows -= bound
    return torch.from_numpy(rows)


def aligned_zeros(like: Tensor, runs: int, *shape: int) -> Tensor:
    """Give zeros (runs, *shape), each run's at an aligned address."""
    used = math.prod(shape)
    return like.new_zeros(runs, _round_up(used, _ALIGNMENT))[:, :used].view(runs, *shape)


def _round_up(number: int, multiple: int) -> int:
    return math.ceil(number / multiple) * multiple
