"""What is trained to judge a scheme, and what comes out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelnas_training.errors import ProxyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accelnas_training.schemes.scheme import Scheme

    Floats = NDArray[np.float64]

__all__ = ["Evaluate", "Measured", "Trained", "Training", "train_all"]


@dataclass(frozen=True)
class Training:
    """One training.

    Attributes
    ----------
    architecture
        Choice indices, in the order of the space's variables.
    scheme
        How it is trained.
    seed
        Of the initial weights, the order of images and their augmentation.
    """

    architecture: tuple[int, ...]
    scheme: Scheme
    seed: int


@dataclass(frozen=True)
class Measured:
    """What a training gave; all NaN if it failed for good.

    Attributes
    ----------
    accuracy
        Top-1 in per cent.
    seconds
        Training alone, without validation.
    joules
        Energy; NaN where it was not measured.
    """

    accuracy: float = math.nan
    seconds: float = math.nan
    joules: float = math.nan


# gives what each training gave, in their order; it may train them in any order, or know them already
Evaluate = Callable[[Sequence[Training]], Sequence[Measured]]


@dataclass(frozen=True)
class Trained:
    """What one scheme gave on several architectures.

    Attributes
    ----------
    choices
        uint8 (n, variables): the architectures' choice indices.
    accuracy
        float64 (n, seeds): top-1 in per cent; NaN where the training failed.
    seconds
        float64 (n, seeds): time of each training; NaN where it failed.
    joules
        float64 (n, seeds): energy of each training; NaN where it was not measured.

    Raises
    ------
    ProxyError
        If the shapes don't agree.
    """

    choices: NDArray[np.uint8]
    accuracy: Floats
    seconds: Floats
    joules: Floats

    def __post_init__(self) -> None:
        for name in ("accuracy", "seconds", "joules"):
            shape = getattr(self, name).shape
            if len(shape) != 2 or shape != (len(self.choices), self.accuracy.shape[1]):
                raise ProxyError(f"{name} is of shape {shape} for {len(self.choices)} architectures; give (n, seeds)")

    def __len__(self) -> int:
        return len(self.choices)

    @property
    def means(self) -> Floats:
        """Mean accuracy over seeds, float64 (n,); NaN for an architecture that failed with any seed."""
        means: Floats = self.accuracy.mean(axis=1)
        return means

    @property
    def failures(self) -> int:
        """Number of trainings that failed."""
        return int(np.isnan(self.accuracy).sum())

    def take(self, rows: NDArray[np.intp] | slice) -> Trained:
        """Give some architectures, by their rows."""
        return Trained(self.choices[rows], self.accuracy[rows], self.seconds[rows], self.joules[rows])

    def joined(self, other: Trained) -> Trained:
        """Give the architectures of both, these first."""
        names = ("choices", "accuracy", "seconds", "joules")
        return Trained(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in names))


def train_all(
    evaluate: Evaluate, choices: NDArray[np.uint8], schemes: Sequence[Scheme], seeds: Sequence[int]
) -> list[Trained]:
    """Train each architecture under each scheme with each seed, all in one call of `evaluate`.

    Parameters
    ----------
    evaluate
        Trains.
    choices
        uint8 (n, variables): choice indices.
    schemes, seeds
        How, and with which seeds.

    Returns
    -------
    list of Trained
        One a scheme.
    """
    rows = [tuple(map(int, row)) for row in choices]
    found = evaluate([Training(row, scheme, seed) for scheme in schemes for row in rows for seed in seeds])
    table = np.array([(one.accuracy, one.seconds, one.joules) for one in found], np.float64)
    shaped = table.reshape(len(schemes), len(rows), len(seeds), 3)
    return [Trained(choices, *np.moveaxis(own, -1, 0)) for own in shaped]
