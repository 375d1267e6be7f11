"""A certificate to be checked, with what checks need: its question, its rows, random ones, predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from accelnas.caching import cached_property
from accelnas.errors import SearchError
from accelnas.exact.sampling import MOST_SAMPLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from accelnas.benchmark import Benchmark
    from accelnas.exact.certificate import Certificate
    from accelnas.exact.question import Question

__all__ = ["Case", "Finding", "failed", "passed", "skipped"]

_SEED = 20240808  # of samples: the same check finds the same


class Finding(NamedTuple):
    """What a check found: ``"passed"``, ``"failed"`` or ``"skipped"``, and why."""

    status: str
    reason: str


def passed(reason: str) -> Finding:
    """Say that a claim holds."""
    return Finding("passed", reason)


def failed(reason: str) -> Finding:
    """Say that a claim does not hold."""
    return Finding("failed", reason)


def skipped(reason: str) -> Finding:
    """Say that a claim was not checked."""
    return Finding("skipped", reason)


@dataclass(frozen=True)
class Case:
    """A certificate and the benchmark to check it with."""

    certificate: Certificate
    bench: Benchmark
    question: Question
    samples: int
    threads: int | None

    @cached_property
    def rows(self) -> NDArray[np.uint8]:
        """Choice indices of the architectures that the certificate names."""
        return self.bench.space.parse(self.certificate.result["architectures"])

    @cached_property
    def recorded(self) -> dict[str, NDArray[np.float64]]:
        """Values that the certificate gives to its architectures, by metric."""
        return {metric: np.array(values) for metric, values in self.certificate.result["values"].items()}

    @cached_property
    def sampled(self) -> NDArray[np.uint8]:
        """Random architectures of the (sub)space."""
        is_count = isinstance(self.samples, int) and not isinstance(self.samples, bool)
        if not is_count or not 0 <= self.samples <= MOST_SAMPLES:
            raise SearchError(f"samples is {self.samples!r}; choose an integer of 0 to {MOST_SAMPLES}")
        draw = np.random.default_rng(_SEED)
        columns = [draw.choice(np.array(choices, np.uint8), self.samples) for choices in self.question.allowed]
        return np.ascontiguousarray(np.stack(columns, axis=1))

    def predict(self, rows: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
        """Values of the question's metrics in float64."""
        names = list(self.question.metrics)
        found: dict[str, Any] = self.bench.predict(rows, names, dtype="float64", threads=self.threads)
        return found

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
