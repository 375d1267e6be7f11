"""What is trained to judge a scheme, through a store that keeps every training, and what comes out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelnas_training.collect.collector import collect
from accelnas_training.collect.job import Job
from accelnas_training.errors import ProxyError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from accelnas_training.arrays import Archs, Floats, Rows
    from accelnas_training.collect.collector import Progress
    from accelnas_training.collect.job import Limits
    from accelnas_training.collect.store import Store
    from accelnas_training.collect.work import Runner, WorkDescription
    from accelnas_training.schemes.scheme import Scheme

    Watch = AbstractContextManager[Callable[[Progress], None] | None]


@dataclass(frozen=True)
class Training:
    """One training."""

    architecture: tuple[int, ...]  # choice indices, in the order of the space's variables
    scheme: Scheme  # how it is trained
    seed: int  # of the initial weights, the order of images and their augmentation


@dataclass(frozen=True)
class Measured:
    """What a training gave; all NaN if it failed for good."""

    accuracy: float = math.nan  # top-1 in per cent
    seconds: float = math.nan  # training alone, without validation
    joules: float = math.nan  # energy; NaN where it was not measured


# gives what each training gave, in their order; it may train them in any order, or know them already
Evaluate = Callable[[Sequence[Training]], Sequence[Measured]]


@dataclass(frozen=True)
class Trained:
    """What one scheme gave on several architectures; raises ProxyError if the shapes don't agree."""

    choices: Archs  # uint8 (n, variables): the architectures' choice indices
    accuracy: Floats  # float64 (n, seeds): top-1 in per cent; NaN where the training failed
    seconds: Floats  # float64 (n, seeds): time of each training; NaN where it failed
    joules: Floats  # float64 (n, seeds): energy of each training; NaN where it was not measured

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
    def deviations(self) -> Floats | None:
        """Standard deviation of accuracy over seeds, float64 (n,); None with one seed."""
        several = self.accuracy.shape[1] > 1
        return np.asarray(self.accuracy.std(axis=1, ddof=1)) if several else None

    @property
    def failures(self) -> int:
        """Number of trainings that failed."""
        return int(np.isnan(self.accuracy).sum())

    def take(self, rows: Rows | slice) -> Trained:
        """Give some architectures, by their rows."""
        return Trained(self.choices[rows], self.accuracy[rows], self.seconds[rows], self.joules[rows])

    def joined(self, other: Trained) -> Trained:
        """Give the architectures of both, these first."""
        names = ("choices", "accuracy", "seconds", "joules")
        return Trained(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in names))


def train_all(evaluate: Evaluate, choices: Archs, schemes: Sequence[Scheme], seeds: Sequence[int]) -> list[Trained]:
    """Train architectures, uint8 (n, variables), under each scheme with each seed, all in one call."""
    rows = [tuple(map(int, row)) for row in choices]
    found = evaluate([Training(row, scheme, seed) for scheme in schemes for row in rows for seed in seeds])
    table = np.array([(one.accuracy, one.seconds, one.joules) for one in found], np.float64)
    shaped = table.reshape(len(schemes), len(rows), len(seeds), 3)
    return [Trained(choices, *np.moveaxis(own, -1, 0)) for own in shaped]


class Collected:
    """Trains, within limits, what a store does not have, and keeps it there; what is given up failed.

    `watch` shows the progress of a call: given the number of its trainings, a context with what to call after every
    change. `recorded` is called with a job once its result is on disk.
    """

    def __init__(
        self,
        store: Store,
        work: WorkDescription,
        runner: Runner,
        limits: Limits | None = None,
        watch: Callable[[int], Watch] | None = None,
        recorded: Callable[[Job], None] | None = None,
    ) -> None:
        self._store, self._work, self._runner, self._limits = store, work, runner, limits
        self._watch, self._recorded = watch or (lambda _trainings: nullcontext()), recorded

    def __call__(self, trainings: Sequence[Training]) -> list[Measured]:
        """Give what each training gave, after training those that are missing; one that is quarantined failed."""
        for scheme in {training.scheme.digest: training.scheme for training in trainings}.values():
            self._store.add_scheme(scheme.digest, scheme.name, scheme.to_dict())
        jobs = [Job(training.architecture, training.scheme.digest, training.seed) for training in trainings]
        with self._watch(len(jobs)) as report:
            collect(self._store, jobs, self._work, self._runner, self._limits, report=report, recorded=self._recorded)
        names = ("accuracy", "train_time", "energy")
        return [
            Measured(*((values or {}).get(name, math.nan) for name in names)) for values in self._store.values(jobs)
        ]
