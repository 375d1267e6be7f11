"""Known metrics among the candidates: what they see of them, and how a sum with them is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelnas import _core
from accelnas.errors import ModelError
from accelnas.fitting.automatic.candidates import enumerates, limit_of
from accelnas.fitting.known import known_metrics
from accelnas.fitting.verify import VerificationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from accelnas.fitting.automatic.candidates import Candidate
    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.ensemble import Ensemble
    from accelnas.fitting.known import Features, LinearFeatures
    from accelnas.models.predictor import Predictor

    Floats = NDArray[np.float64]

__all__ = ["KnownOutcome", "KnownViews", "summed"]

TOLERANCE = 1e-5  # of a written sum, in standard deviations of the metric
SAMPLED = 10_000  # architectures on which it is verified


@dataclass(frozen=True)
class KnownOutcome:
    """Whether known metrics were of use.

    Attributes
    ----------
    names
        The known metrics.
    used
        Whether what was chosen has a model that sees them.
    mae_with, mae_without
        Mean absolute error, on rows that they did not see, of the best model with them and of the best one without;
        None where none was tried.
    """

    names: tuple[str, ...]
    used: bool
    mae_with: float | None
    mae_without: float | None


class KnownViews:
    """Known metrics as the models of one scale see them.

    In a space that enumerates, models of the distance to a limit see the distances of known metrics to theirs. In a
    larger one, a surrogate has to hold their weighted sum: they are on the scales of their own links.
    """

    def __init__(self, dataset: Dataset, benchmarks: Sequence[Predictor], metrics: Sequence[str] | None) -> None:
        known = known_metrics(dataset.space, benchmarks, metrics)
        self.names, self.links = known.names, known.links
        self.linear: LinearFeatures | None = None
        if enumerates(dataset.space):
            self._plain = known.tabulated(lambda values, _: values)
            self._limited = known.tabulated(_distance)
        else:
            self.linear = known.linear()

    def of(self, candidate: Candidate) -> Features | None:
        """Give what a candidate sees."""
        if not candidate.known:
            return None
        if self.linear is not None:
            return self.linear
        return self._limited if candidate.scale == "limit" else self._plain

    def design(self, choices: NDArray[np.uint8]) -> Floats:
        """Known metrics of a linear baseline, float64 (n, names)."""
        return self._plain.of(choices) if self.linear is None else self.linear.of(choices)


def _distance(values: Floats, direction: str) -> Floats:
    """Logarithm of the distance to a limit, more for better values."""
    limit = limit_of(values, direction)
    return np.asarray(-np.log(np.abs(limit - values)))


def summed(dataset: Dataset, ensemble: Ensemble, known: LinearFeatures) -> _core.Surrogate:
    """Give tables and known metrics as one surrogate, verified against the models.

    Raises
    ------
    ModelError
        If no surrogate holds the sum.
    VerificationError
        If the surrogate predicts something else than the models.
    """
    models = ensemble.fit.models
    if models.tables is None or models.weights is None:
        raise ModelError(f"{ensemble.metric.name}: models with known metrics have no tables; use an ANOVA process")
    tables = models.tables.scaled(ensemble.scale, ensemble.bias)
    flat = [cells.reshape(len(cells), -1) for cells in tables.cells]
    space = dataset.space
    own = _core.Surrogate.from_tables(space._core, tables.constants.tolist(), tables.sets, flat, tables.over)
    surrogate = known.added(own, ensemble.scale * models.weights).rounded()
    rows = np.concatenate([dataset.choices[ensemble.rows], space.sample(SAMPLED, 0)])
    expected = ensemble.predict_members(rows)
    error = np.abs(surrogate.predict_members(rows, 1).reshape(len(rows), -1).T - expected).max() / ensemble.scale
    if not error <= TOLERANCE:
        raise VerificationError(
            f"{ensemble.metric.name}: the sum with known metrics is off by {error:.2g} standard deviations, at most "
            f"{TOLERANCE} are expected; fit without them"
        )
    return surrogate
