"""Questions that random architectures answer: estimates, of any metrics."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from accelnas._core import MAX_BINS
from accelnas.errors import SearchError
from accelnas.exact.case import failed, passed
from accelnas.exact.estimates import CountEstimate, DistributionEstimate, RankEstimate, mean_estimate
from accelnas.exact.fields import Fields
from accelnas.exact.kinds.base import Kind
from accelnas.exact.kinds.histogram import check_bins, deviation_finding
from accelnas.exact.kinds.ranks import predicted
from accelnas.exact.sampling import MOST_SAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from accelnas.benchmark import Benchmark
    from accelnas.exact.case import Case, Finding
    from accelnas.exact.certificate import Certificate
    from accelnas.exact.question import Question

__all__ = ["SampledCount", "SampledDistribution", "SampledRanks"]

_SPREAD = 5  # standard deviations that two samples may differ by


class Sampled(Kind):
    """A question that samples answer."""

    sampled: ClassVar[bool] = True

    def check_options(self, options: Mapping[str, Any], where: str) -> None:
        """Expect how many samples, and their seed."""
        fields = Fields(dict(options), where)
        fields.integer("samples", least=100, most=MOST_SAMPLES)
        fields.integer("seed")
        self.check_more_options(fields)
        fields.end()

    def check_more_options(self, fields: Fields) -> None:
        """Expect no more options."""

    def check_result(self, fields: Fields, certificate: Certificate) -> None:
        """Expect all samples counted as evaluated."""
        n = certificate.question["options"]["samples"]
        if certificate.complete or (certificate.counts.evaluated, certificate.counts.total) != (n, n):
            raise SearchError(f"certificate of {n} samples counts {certificate.counts.total}; make it again")
        self.check_estimate(fields, certificate, n)
        fields.end()

    @abstractmethod
    def check_estimate(self, fields: Fields, certificate: Certificate, n: int) -> None:
        """Check types and lengths of what `findings` gave."""

    def bound(self, question: Mapping[str, Any], findings: Mapping[str, Any], size: int) -> str:
        """Refuse to prove anything."""
        return "nothing: an estimate"

    def partial_bound(self, findings: Mapping[str, Any], dealt_with: int) -> str:
        """Say what it is."""
        return f"an estimate from {dealt_with:,} random architectures"


class SampledCount(Sampled):
    """The number of architectures that meet constraints."""

    name: ClassVar[str] = "count estimate"
    objectives: ClassVar[range] = range(1)

    def findings(self, bench: Benchmark, question: Question, outcome: Mapping[str, Any]) -> dict[str, Any]:
        """Give how many samples meet the constraints."""
        return {"met": int(np.count_nonzero(_feasible(question, outcome)))}

    def check_estimate(self, fields: Fields, certificate: Certificate, n: int) -> None:
        """Expect a number of samples."""
        fields.integer("met", most=n)

    def result(self, bench: Benchmark, certificate: Certificate) -> CountEstimate:
        """Give the estimate."""
        n = certificate.question["options"]["samples"]
        return CountEstimate(certificate.result["met"], n, certificate.size, certificate)

    def checks(self) -> Mapping[str, Callable[[Case], Finding]]:
        """Draw others."""
        return {"samples": _met_again}


class SampledRanks(Sampled):
    """Ranks of given architectures."""

    name: ClassVar[str] = "rank estimate"
    objectives: ClassVar[range] = range(1, 2)

    def check_more_options(self, fields: Fields) -> None:
        """Expect architectures."""
        fields.texts("architectures")

    def findings(self, bench: Benchmark, question: Question, outcome: Mapping[str, Any]) -> dict[str, Any]:
        """Give the architectures, their values, and how many samples are better."""
        found = predicted(bench, question)
        (objective,) = question.objectives
        sign = 1.0 if objective.direction == "maximise" else -1.0
        drawn = np.sort(sign * outcome["values"][objective.metric])
        own = sign * np.array(found["values"][objective.metric])
        return {**found, "better": (len(drawn) - np.searchsorted(drawn, own, side="right")).tolist()}

    def check_estimate(self, fields: Fields, certificate: Certificate, n: int) -> None:
        """Expect a count of every architecture that was asked about."""
        (metric,) = certificate.question["objectives"]
        texts = fields.texts("architectures")
        if texts != certificate.question["options"]["architectures"]:
            raise SearchError("certificate ranks other architectures than the question names; make it again")
        values = fields.object("values")
        values.numbers(metric, len(texts))
        values.end()
        if max(fields.integers("better", len(texts)), default=0) > n:
            raise SearchError(f"certificate has counts beyond its {n} samples; make it again")

    def result(self, bench: Benchmark, certificate: Certificate) -> RankEstimate:
        """Give arrays that can't be changed."""
        found, (metric,) = certificate.result, certificate.question["objectives"]
        values, better = np.array(found["values"][metric]), np.array(found["better"], np.uint64)
        values.flags.writeable = better.flags.writeable = False
        n = certificate.question["options"]["samples"]
        return RankEstimate(metric, values, better, n, certificate.size, certificate)

    def checks(self) -> Mapping[str, Callable[[Case], Finding]]:
        """Draw others."""
        return {"samples": _ranked_again}


class SampledDistribution(Sampled):
    """How a metric is distributed."""

    name: ClassVar[str] = "distribution estimate"
    objectives: ClassVar[range] = range(1, 2)

    def check_more_options(self, fields: Fields) -> None:
        """Expect the number of bins."""
        fields.integer("bins", least=1, most=MAX_BINS)

    def findings(self, bench: Benchmark, question: Question, outcome: Mapping[str, Any]) -> dict[str, Any]:
        """Give edges, counts, mean and variance of the samples that meet the constraints."""
        values = outcome["values"][question.objectives[0].metric][_feasible(question, outcome)]
        if not len(values):
            raise SearchError(f"none of {question.options['samples']} samples meets the constraints; take more")
        counts, edges = np.histogram(values, question.options["bins"])
        return {
            "edges": edges.tolist(),
            "counts": counts.tolist(),
            "mean": float(values.mean()),
            "variance": float(values.var()),
        }

    def check_estimate(self, fields: Fields, certificate: Certificate, n: int) -> None:
        """Expect counts between ascending edges, not more than samples."""
        total = sum(check_bins(fields, certificate.question["options"]["bins"]))
        if not 0 < total <= n:
            raise SearchError(f"certificate counts {total} of {n} samples; make it again")
        fields.number("mean")
        fields.number("variance", least=0)

    def result(self, bench: Benchmark, certificate: Certificate) -> DistributionEstimate:
        """Give arrays that can't be changed."""
        found, (metric,) = certificate.result, certificate.question["objectives"]
        edges, counts = np.array(found["edges"]), np.array(found["counts"], np.uint64)
        edges.flags.writeable = counts.flags.writeable = False
        return DistributionEstimate(
            metric,
            certificate.metrics[metric]["unit"],
            edges,
            counts,
            mean_estimate(found["mean"], found["variance"], sum(found["counts"])),
            found["variance"],
            certificate.question["options"]["samples"],
            certificate.size,
            certificate,
        )

    def checks(self) -> Mapping[str, Callable[[Case], Finding]]:
        """Draw others."""
        return {"samples": lambda case: deviation_finding(case, sum(case.certificate.result["counts"]))}


def _feasible(question: Question, outcome: Mapping[str, Any]) -> NDArray[np.bool_]:
    met = np.ones(outcome["evaluated"], bool)
    for constraint in question.constraints:
        values = outcome["values"][constraint.metric]
        met &= (constraint.lower <= values) & (values <= constraint.upper)
    return met


def _met_again(case: Case) -> Finding:
    found = int(np.count_nonzero(case.feasible(case.predict(case.sampled))))
    return _compared(case, [case.certificate.result["met"]], [found])


def _ranked_again(case: Case) -> Finding:
    (objective,) = case.question.objectives
    outcome = {"values": case.predict(case.sampled), "evaluated": len(case.sampled)}
    found = SampledRanks().findings(case.bench, case.question, outcome)
    if found["values"] != case.certificate.result["values"]:
        return failed(f"the values of {objective.metric} are not those recorded")
    return _compared(case, case.certificate.result["better"], found["better"])


def _compared(case: Case, recorded: list[int], found: list[int]) -> Finding:
    """Compare shares of two independent samples."""
    a, b = case.question.options["samples"], len(case.sampled)
    for first, second in zip(recorded, found, strict=True):
        if not b:
            break
        share = (first + second) / (a + b)
        allowed = _SPREAD * (share * (1 - share) * (1 / a + 1 / b)) ** 0.5 + 1 / b
        if abs(first / a - second / b) > allowed:
            return failed(f"{second:,} of {b:,} other samples, {first:,} of {a:,} are recorded")
    return passed(f"{b:,} other random architectures agree")
