"""Which of several models to join: what improves what the joint model says of rows left out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from accelnas.fitting.evaluate import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from accelnas.fitting.automatic.blend import Blend
    from accelnas.fitting.automatic.stack import Stack

    Floats = NDArray[np.float64]

__all__ = ["Group"]


@dataclass(frozen=True)
class Group:
    """Models that can be joined, and how."""

    models: Sequence[int]  # their numbers
    # predicted, targets: float64 (models, n), (n,): what models say of rows that they did not see, and what was
    # measured, on the scale on which they are joined
    predicted: Floats
    targets: Floats
    measured: Floats  # float64 (n,): the same in the metric's unit
    folds: Sequence[NDArray[np.intp]]
    fit: Callable[[Floats, Floats], Blend | Stack]  # to predictions and targets
    inverse: Callable[[Floats], Floats]  # from that scale to the metric's unit
    starts: Sequence[list[int]] = ()  # positions of those to begin with, the best of them; none is each model alone

    def left_out(self, some: Sequence[int]) -> Floats:
        """Predict, in the metric's unit, each fold by some of the models joined by weights of the others."""
        predicted = self.predicted[list(some)]
        out = np.empty(len(self.targets))
        for fold in self.folds:
            others = np.setdiff1d(np.arange(len(out)), fold, assume_unique=True)
            out[fold] = self.fit(predicted[:, others], self.targets[others]).predict(predicted[:, fold])
        return np.asarray(self.inverse(out))

    @cached_property
    def chosen(self) -> tuple[list[int], float]:
        """Positions of those that are joined, and their score.

        Whichever change makes the joint model best is made, as long as that lowers the score by more than it scatters
        by chance among so few rows.
        """
        every = range(len(self.models))
        some = min(self.starts or [[i] for i in every], key=self._score)
        best = self._score(some)
        while True:
            changed = [[*some, i] for i in every if i not in some]
            changed += [[j for j in some if j != i] for i in some if len(some) > 1]
            scores = [self._score(other) for other in changed]
            if not scores or min(scores) > best - 1 / np.sqrt(len(self.measured)):
                return some, best
            some, best = changed[int(np.argmin(scores))], min(scores)

    def _score(self, some: Sequence[int]) -> float:
        """Logarithm of mean absolute error times 1 − tau; a constant metric has no tau."""
        figures = evaluate(self.measured, self.left_out(some))
        tau = 0.0 if np.isnan(figures.tau) else figures.tau
        return float(np.log(max(figures.mae, np.finfo(float).tiny)) + np.log(max(1.0 - tau, 1e-12)))
