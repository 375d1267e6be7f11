"""A certificate to be checked, with what checks need: its question, its rows, random ones, predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.arguments import MOST_SAMPLES, check_whole
from accelnas.caching import cached_property
from accelnas.space.definition import sample_within

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from accelnas.exact.certificate import Certificate
    from accelnas.exact.resolved import ResolvedQuestion
    from accelnas.models.predictor import Predictor

__all__ = ["Case"]

_SEED = 20240808  # of samples: the same check finds the same


@dataclass(frozen=True)
class Case:
    """A certificate and the benchmark to check it with; `answer` answers further questions."""

    certificate: Certificate
    bench: Predictor
    question: ResolvedQuestion
    answer: Callable[[ResolvedQuestion], Any]
    samples: int
    threads: int | None

    @cached_property
    def rows(self) -> NDArray[np.uint8]:
        """Choice indices of the architectures that the certificate names."""
        return self.bench.space.parse(self.certificate.result["architectures"])

    @cached_property
    def recorded(self) -> dict[str, NDArray[np.float64]]:
        """Values that the certificate gives to its architectures, by metric."""
        return {name: np.array(values, np.float64) for name, values in self.certificate.result["values"].items()}

    @cached_property
    def sampled(self) -> NDArray[np.uint8]:
        """Random architectures of the (sub)space."""
        samples = check_whole("samples", self.samples, 0, MOST_SAMPLES)
        return sample_within(self.bench.space, self.question.allowed, samples, _SEED)

    def predict(self, rows: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
        """Values of the question's metrics in float64."""
        names = list(self.question.metrics)
        found: dict[str, Any] = self.bench.predict(rows, names, dtype="float64", threads=self.threads)
        return found

    def scores(self, values: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Give scores (n, objectives), of which more is better."""
        return np.stack([o.sign * values[o.metric] for o in self.question.objectives], axis=1)

    def feasible(self, values: Mapping[str, NDArray[np.float64]]) -> NDArray[np.bool_]:
        """Whether values meet all constraints."""
        met = np.ones(len(next(iter(values.values()), ())), bool)
        for constraint in self.question.constraints:
            met &= (constraint.lower <= values[constraint.metric]) & (values[constraint.metric] <= constraint.upper)
        return met

    def inside(self, rows: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Whether architectures belong to the (sub)space."""
        inside = np.ones(len(rows), bool)
        for v, choices in enumerate(self.question.allowed):
            inside &= np.isin(rows[:, v], choices)
        return inside

    def neighbours(self, rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Architectures of the (sub)space that differ from one of these in one variable."""
        near = [self.bench.space.neighbours(row) for row in rows]
        every = np.concatenate(near) if near else rows
        return np.ascontiguousarray(np.unique(every[self.inside(every)], axis=0))
