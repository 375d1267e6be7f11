"""Several models on one scale as one: a weighted sum, which tables hold as well as each of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import nnls

from accelnas.fitting.ensemble import link_of
from accelnas.fitting.families.base import Fit, Models

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from accelnas.fitting.ensemble import Ensemble

    Floats = NDArray[np.float64]

__all__ = ["Stack"]


@dataclass(frozen=True)
class Stack:
    """Weights of models on the scale of a link (Breiman, "Stacked regressions", 1996)."""

    weights: Floats  # float64 (models,), none below 0
    constant: float

    @classmethod
    def fitted(cls, predicted: Floats, targets: Floats) -> Stack:
        """Learn from predictions (models, n) of targets (n,) that the models did not see; one is left as it is."""
        if len(predicted) == 1:
            return cls(np.ones(1), 0.0)
        means = predicted.mean(axis=1)
        weights, _ = nnls((predicted - means[:, None]).T, targets - targets.mean())
        return cls(weights, float(targets.mean() - weights @ means))

    def predict(self, predicted: Floats) -> Floats:
        """Join predictions (models, n), float64 (n,)."""
        return np.asarray(self.constant + self.weights @ predicted)

    def ensemble(self, parts: Sequence[Ensemble], left_out: Floats) -> Ensemble:
        """Give ensembles of as many members as one; `left_out` is what that says of the metric of rows it did not see.

        Its members are sums of one member each. The parts' own errors are independent as far as they state them, so
        the squares of their spreads add up.
        """
        if len(parts) == 1:
            return parts[0]

        def predict(choices: NDArray[np.uint8]) -> Floats:
            sums = [weight * part.predict_members(choices) for weight, part in zip(self.weights, parts, strict=True)]
            return np.asarray(self.constant + np.sum(sums, axis=0))

        first = parts[0]
        spreads = [weight * part.left_out[1] for weight, part in zip(self.weights, parts, strict=True)]
        models = Models(predict, first.fit.models.count, sum(part.fit.models.size for part in parts))
        fit = Fit(models, link_of(first.metric).apply(left_out), np.sqrt(np.square(spreads).sum(axis=0)))
        return replace(first, fit=fit, scale=1.0, bias=0.0)
