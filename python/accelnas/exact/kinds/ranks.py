"""Ranks of given architectures."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from accelnas.errors import SearchError
from accelnas.exact import checks
from accelnas.exact.case import failed, passed
from accelnas.exact.fields import Fields
from accelnas.exact.kinds.base import Kind
from accelnas.exact.rank import RankResult
from accelnas.models.intervals import at_least

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from accelnas.benchmark import Benchmark
    from accelnas.exact.case import Case, Finding
    from accelnas.exact.certificate import Certificate
    from accelnas.exact.question import Question

__all__ = ["Ranks", "own_scores", "predicted"]


_DOUBT = 1e-9  # probability of a true rank to fail the check of samples


class Ranks(Kind):
    """How many architectures are better than given ones, and how many equal."""

    name: ClassVar[str] = "ranks"
    objectives: ClassVar[range] = range(1, 2)

    def core_options(self, bench: Benchmark, options: Mapping[str, Any]) -> dict[str, Any]:
        """Give choice indices."""
        return {"rows": bench.space.parse(options["architectures"])}

    def check_question(self, content: Mapping[str, Any], where: str) -> None:
        """Expect no constraints."""
        super().check_question(content, where)
        if content["constraints"]:
            raise SearchError(f"{where} has constraints; ranks take none")

    def check_options(self, options: Mapping[str, Any], where: str) -> None:
        """Expect architectures."""
        fields = Fields(dict(options), where)
        fields.texts("architectures")
        fields.end()

    def findings(self, bench: Benchmark, question: Question, outcome: Mapping[str, Any]) -> dict[str, Any]:
        """Give the architectures, their values and counts."""
        return {
            **predicted(bench, question),
            "better": outcome["better"].tolist(),
            "ties": outcome["equal"].tolist(),
        }

    def check_result(self, fields: Fields, certificate: Certificate) -> None:
        """Expect counts of every architecture that was asked about."""
        (metric,) = certificate.question["objectives"]
        texts = fields.texts("architectures")
        if texts != certificate.question["options"]["architectures"]:
            raise SearchError("certificate ranks other architectures than the question names; make it again")
        values = fields.object("values")
        values.numbers(metric, len(texts))
        values.end()
        better, ties = fields.integers("better", len(texts)), fields.integers("ties", len(texts))
        if any(b + t > certificate.size for b, t in zip(better, ties, strict=True)):
            raise SearchError(f"certificate has counts beyond its {certificate.size} architectures; make it again")
        fields.end()

    def bound(self, question: Mapping[str, Any], findings: Mapping[str, Any], size: int) -> str:
        """Say that all were compared."""
        return f"each of the {size:,} architectures was compared with these {len(findings['architectures'])}"

    def result(self, bench: Benchmark, certificate: Certificate) -> RankResult:
        """Give arrays that can't be changed."""
        found, (metric,) = certificate.result, certificate.question["objectives"]
        values = np.array(found["values"][metric])
        better, ties = np.array(found["better"], np.uint64), np.array(found["ties"], np.uint64)
        for array in (values, better, ties):
            array.flags.writeable = False
        return RankResult(metric, values, better, ties, certificate.size, certificate)

    def checks(self) -> Mapping[str, Callable[[Case], Finding]]:
        """Check values, order and random architectures."""
        return {
            "values": checks.values,
            "recomputation": checks.recomputation,
            "order": _order,
            "samples": _samples,
        }


def predicted(bench: Benchmark, question: Question) -> dict[str, Any]:
    """Give the architectures of a question about ranks, and their values."""
    texts, metric = question.options["architectures"], question.objectives[0].metric
    values: Any = bench.predict(bench.space.parse(texts), metric, dtype="float64")
    return {"architectures": list(texts), "values": {metric: values.tolist()}}


def own_scores(case: Case, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give values of which more is better."""
    return values if case.question.objectives[0].direction == "maximise" else -values


def _order(case: Case) -> Finding:
    """Expect that ranks follow values: a worse value has all that are better and equal to the next one above."""
    found, metric = case.certificate.result, case.question.objectives[0].metric
    order = np.argsort(-own_scores(case, case.recorded[metric]), kind="stable").tolist()
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
    n, metric = len(case.sampled), case.question.objectives[0].metric
    drawn = np.sort(own_scores(case, case.predict(case.sampled)[metric]))
    own = own_scores(case, case.recorded[metric])
    better = n - np.searchsorted(drawn, own, side="right")
    for i, (found, exact) in enumerate(zip(better.tolist(), case.certificate.result["better"], strict=True)):
        share = exact / case.certificate.size
        if min(at_least(found, n, share), at_least(n - found, n, 1 - share)) < _DOUBT:
            reason = f"{found:,} of {n:,} random architectures are better than architecture {i + 1}"
            return failed(f"{reason}, {n * share:,.1f} are expected")
    return passed(f"{n:,} random architectures are better as often as the ranks say")
