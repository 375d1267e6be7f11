"""Several models as one: each counts by its precision where the prediction lies.

Models of the distance to a limit are exact among the best architectures, models of the metric itself among the worst.
So the size of each one's left-out errors is a power of the distance to the limit, and weights are its inverse
squares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Blend"]

NEAREST = 1e-3  # distance to the limit, in that of the median
SMALLEST = 1e-3  # error, in standard deviations: one that is met by chance says little


@dataclass(frozen=True)
class Blend:
    """Weights of some models, by the distance of their median to a limit."""

    limit: float
    nearest: float  # no distance is taken for smaller
    powers: Floats  # float64 (models, 2): error sizes are exp(a + b log distance)

    @classmethod
    def fitted(cls, predicted: Floats, measured: Floats, limit: float) -> Blend:
        """Learn from predictions (models, n) of measured values (n,) that the models did not see."""
        nearest = NEAREST * abs(limit - float(np.median(measured))) or NEAREST
        distances = _distances(predicted, limit, nearest)
        smallest = SMALLEST * (float(measured.std()) or 1.0)
        inputs = np.stack([np.ones_like(distances), distances], axis=1)
        errors = np.log(np.abs(measured - predicted) + smallest)
        solution, *_ = np.linalg.lstsq(inputs, errors.T, rcond=None)
        return cls(limit, nearest, np.asarray(solution.T, np.float64))

    def predict(self, predicted: Floats) -> Floats:
        """Join predictions (models, n), float64 (n,)."""
        if len(predicted) == 1:
            return np.asarray(predicted[0])
        sizes = self.powers[:, :1] + self.powers[:, 1:] * _distances(predicted, self.limit, self.nearest)
        weights = np.exp(-2 * (sizes - sizes.min(axis=0)))
        return np.asarray((weights * predicted).sum(axis=0) / weights.sum(axis=0))


def _distances(predicted: Floats, limit: float, nearest: float) -> Floats:
    return np.log(np.maximum(np.abs(limit - np.median(predicted, axis=0)), nearest))
