"""Ranks of given architectures."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from accelnas.errors import SearchError
from accelnas.exact import checks
from accelnas.exact.claims import take_values
from accelnas.exact.kinds.base import Kind
from accelnas.exact.rank import RankResult
from accelnas.exact.result import fixed
from accelnas.exact.verification import failed, passed
from accelnas.models.intervals import at_least

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelnas.exact.case import Case
    from accelnas.exact.certificate import Certificate
    from accelnas.exact.claims import Counts
    from accelnas.exact.fields import Fields
    from accelnas.exact.resolved import ResolvedQuestion
    from accelnas.exact.verification import Finding
    from accelnas.models.predictor import Predictor

__all__ = ["Ranks"]


_DOUBT = 1e-9  # probability of a true rank to fail the check of samples


class Ranks(Kind):
    """How many architectures are better than given ones, and how many equal."""

    name: ClassVar[str] = "ranks"
    core: ClassVar[str] = "ranks"
    counts: ClassVar[bool] = True
    objectives: ClassVar[range] = range(1, 2)

    def core_options(self, bench: Predictor, options: Mapping[str, Any]) -> dict[str, Any]:
        """Give choice indices."""
        return {"rows": bench.space.parse(options["architectures"])}

    def check_question(self, content: Mapping[str, Any], where: str) -> None:
        """Expect no constraints."""
        super().check_question(content, where)
        if content["constraints"]:
            raise SearchError(f"{where} has constraints; ranks take none")

    def check_options(self, options: Fields) -> None:
        """Expect architectures."""
        options.texts("architectures")

    def findings(self, bench: Predictor, question: ResolvedQuestion, outcome: Mapping[str, Any]) -> dict[str, Any]:
        """Give the architectures, their values and counts."""
        texts, metric = question.options["architectures"], question.objectives[0].metric
        values: Any = bench.predict(bench.space.parse(texts), metric, dtype="float64")
        return {
            "architectures": list(texts),
            "values": {metric: values.tolist()},
            "better": outcome["better"].tolist(),
            "ties": outcome["equal"].tolist(),
        }

    def check_result(self, result: Fields, question: Mapping[str, Any], size: int, counts: Counts) -> None:
        """Expect counts of every architecture that was asked about."""
        texts = result.texts("architectures")
        if texts != question["options"]["architectures"]:
            raise SearchError("certificate ranks other architectures than the question names; make it again")
        take_values(result, question["objectives"], len(texts))
        better, ties = result.integers("better", len(texts)), result.integers("ties", len(texts))
        if any(b + t > size for b, t in zip(better, ties, strict=True)):
            raise SearchError(f"certificate has counts beyond its {size} architectures; make it again")

    def bound(self, question: Mapping[str, Any], findings: Mapping[str, Any], size: int) -> str:
        """Say that all were compared."""
        return f"each of the {size:,} architectures was compared with these {len(findings['architectures'])}"

    def result(self, bench: Predictor, certificate: Certificate) -> RankResult:
        """Give arrays that can't be changed."""
        found, (metric,) = certificate.result, certificate.question["objectives"]
        better, ties = fixed(found["better"], np.uint64), fixed(found["ties"], np.uint64)
        rows = fixed(bench.space.parse(found["architectures"]))
        return RankResult(metric, rows, fixed(found["values"][metric]), better, ties, certificate.size, certificate)

    def checks(self) -> Mapping[str, Callable[[Case], Finding]]:
        """Check values, order and random architectures."""
        return {
            "values": checks.values,
            "recomputation": checks.recomputation,
            "order": _order,
            "samples": _samples,
        }


def _order(case: Case) -> Finding:
    """Expect that ranks follow values: a worse value has all that are better and equal to the next one above."""
    found, metric = case.certificate.result, case.question.objectives[0].metric
    order = np.argsort(-case.scores(case.recorded)[:, 0], kind="stable").tolist()
    inside = case.inside(case.rows).tolist()
    for above, below in pairwise(order):
        same = case.recorded[metric][above] == case.recorded[metric][below]
        counts = (found["better"][below], found["ties"][below])
        least = found["better"][above] + found["ties"][above]
        if (same and counts != (found["better"][above], found["ties"][above])) or (not same and counts[0] < least):
            return failed(f"the counts of architectures {above + 1} and {below + 1} contradict their values")
    lonely = [i + 1 for i, ties in enumerate(found["ties"]) if inside[i] and not ties]
    if lonely:
        return failed(f"architecture {lonely[0]} does not equal itself")
    return passed(f"the ranks of {len(order)} architectures follow their values")


def _samples(case: Case) -> Finding:
    """Compare ranks with random architectures, by the tails of the binomial distribution."""
    n = len(case.sampled)
    drawn = np.sort(case.scores(case.predict(case.sampled))[:, 0])
    own = case.scores(case.recorded)[:, 0]
    better = n - np.searchsorted(drawn, own, side="right")
    for i, (found, exact) in enumerate(zip(better.tolist(), case.certificate.result["better"], strict=True)):
        share = exact / case.certificate.size
        if min(at_least(found, n, share), at_least(n - found, n, 1 - share)) < _DOUBT:
            reason = f"{found:,} of {n:,} random architectures are better than architecture {i + 1}"
            return failed(f"{reason}, {n * share:,.1f} are expected")
    return passed(f"{n:,} random architectures are better as often as the ranks say")
