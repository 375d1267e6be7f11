"""How many architectures meet constraints."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from accelnas.errors import SearchError
from accelnas.exact import checks
from accelnas.exact.kinds.base import Kind
from accelnas.exact.verification import failed, passed
from accelnas.notebook import Table, Tabled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelnas.exact.case import Case
    from accelnas.exact.certificate import Certificate
    from accelnas.exact.claims import Counts
    from accelnas.exact.fields import Fields
    from accelnas.exact.resolved import ResolvedQuestion
    from accelnas.exact.verification import Finding
    from accelnas.models.predictor import Predictor

__all__ = ["Count", "CountResult"]


@dataclass(frozen=True, repr=False)
class CountResult(Tabled):
    """How many architectures meet the constraints; ``int(result)`` is the count.

    Attributes
    ----------
    count : int
        Architectures that do.
    size : int
        Architectures of the (sub)space.
    certificate : Certificate
        What was proven, and all that it depends on.
    """

    count: int
    size: int
    certificate: Certificate

    @property
    def fraction(self) -> float:
        """Part of the architectures, 0 to 1."""
        return self.count / self.size

    def __int__(self) -> int:
        return self.count

    __index__ = __int__

    def _table(self) -> Table:
        header = ("meet the constraints", "of", "per cent")
        return Table(header, [(self.count, self.size, 100 * self.fraction)], 1)

    def __repr__(self) -> str:
        return f"<CountResult: {self.count:,} of {self.size:,} architectures, {100 * self.fraction:.4g} %>"


class Count(Kind):
    """The number of architectures that meet the constraints."""

    name: ClassVar[str] = "count"
    core: ClassVar[str] = "count"
    counts: ClassVar[bool] = True
    objectives: ClassVar[range] = range(1)

    def check_options(self, options: Fields) -> None:
        """Expect none."""

    def findings(self, bench: Predictor, question: ResolvedQuestion, outcome: Mapping[str, Any]) -> dict[str, Any]:
        """Give the count."""
        return {"count": int(outcome["count"])}

    def check_result(self, result: Fields, question: Mapping[str, Any], size: int, counts: Counts) -> None:
        """Expect a count of the architectures."""
        count = result.integer("count")
        if not counts.settled <= count <= counts.settled + counts.evaluated:
            raise SearchError(
                f"certificate counts {count} architectures of {counts.settled} counted by bounds and "
                f"{counts.evaluated} evaluated; make it again"
            )

    def bound(self, question: Mapping[str, Any], findings: Mapping[str, Any], size: int) -> str:
        """Say that the others do not meet the constraints."""
        return f"none of the other {size - findings['count']:,} architectures meets the constraints"

    def result(self, bench: Predictor, certificate: Certificate) -> CountResult:
        """Give the count."""
        return CountResult(certificate.result["count"], certificate.size, certificate)

    def checks(self) -> Mapping[str, Callable[[Case], Finding]]:
        """Hold random architectures against the count."""
        return {"recomputation": checks.recomputation, "samples": _fraction}


def _fraction(case: Case) -> Finding:
    """Compare the part of random architectures that meet the constraints: 5 standard deviations are allowed."""
    n = len(case.sampled)
    if not n:
        return passed("no samples were asked for")
    met = case.feasible(case.predict(case.sampled)) if case.question.constraints else np.ones(n, bool)
    found = int(np.count_nonzero(met))
    expected = n * case.certificate.result["count"] / case.certificate.size
    spread = math.sqrt(expected * (1 - expected / n))
    # one architecture more or less says nothing, unless none or all should
    allowed = 5 * spread + 1 if spread else 0
    reason = f"{found:,} of {n:,} random architectures meet the constraints, {expected:,.1f} ± {spread:.1f} expected"
    return passed(reason) if abs(found - expected) <= allowed else failed(reason)
