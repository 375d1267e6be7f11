"""How a metric is distributed."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from accelnas._core import MAX_BINS
from accelnas.errors import SearchError
from accelnas.exact import checks
from accelnas.exact.case import failed, passed, skipped
from accelnas.exact.distribution import Distribution, moment_bounds
from accelnas.exact.fields import Fields
from accelnas.exact.kinds.base import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelnas.benchmark import Benchmark
    from accelnas.exact.case import Case, Finding
    from accelnas.exact.certificate import Certificate
    from accelnas.exact.question import Question

__all__ = ["Histogram", "check_bins", "deviation_finding"]

_DOUBT = 1e-9  # probability that a true distribution fails the check of samples


class Histogram(Kind):
    """Number of architectures by value of a metric."""

    name: ClassVar[str] = "histogram"
    objectives: ClassVar[range] = range(1, 2)

    def check_options(self, options: Mapping[str, Any], where: str) -> None:
        """Expect the number of bins."""
        fields = Fields(dict(options), where)
        fields.integer("bins", least=1, most=MAX_BINS)
        fields.end()

    def findings(self, bench: Benchmark, question: Question, outcome: Mapping[str, Any]) -> dict[str, Any]:
        """Give edges, counts, and the moments in closed form where there is one."""
        return {
            "edges": outcome["edges"].tolist(),
            "counts": outcome["counts"].tolist(),
            "closed_form": _closed_form(bench, question),
        }

    def check_result(self, fields: Fields, certificate: Certificate) -> None:
        """Expect counts between ascending edges, not more than there are architectures."""
        counts = check_bins(fields, certificate.question["options"]["bins"])
        total, looked_at = sum(counts), certificate.counts.settled + certificate.counts.evaluated
        if total > looked_at:
            raise SearchError(f"certificate counts {total} architectures of {looked_at} looked at; make it again")
        if certificate.result.get("closed_form") is None:
            fields.nothing("closed_form")
        else:
            fields.numbers("closed_form", 2)
        fields.end()

    def bound(self, question: Mapping[str, Any], findings: Mapping[str, Any], size: int) -> str:
        """Say that all are counted."""
        total = sum(findings["counts"])
        if not question["constraints"]:
            return f"each of the {total:,} architectures is counted in its bin"
        return f"each of {total:,} architectures is counted in its bin, none of the others meets the constraints"

    def result(self, bench: Benchmark, certificate: Certificate) -> Distribution:
        """Give arrays that can't be changed."""
        found, (metric,) = certificate.result, certificate.question["objectives"]
        edges, counts = np.array(found["edges"]), np.array(found["counts"], np.uint64)
        edges.flags.writeable = counts.flags.writeable = False
        closed = None if found["closed_form"] is None else (found["closed_form"][0], found["closed_form"][1])
        return Distribution(
            metric, certificate.metrics[metric]["unit"], edges, counts, certificate.size, closed, certificate
        )

    def checks(self) -> Mapping[str, Callable[[Case], Finding]]:
        """Hold random architectures and the moments against the counts."""
        return {"recomputation": checks.recomputation, "moments": _moments, "samples": _samples}


def check_bins(fields: Fields, bins: int) -> list[int]:
    """Expect counts between ascending edges; give the counts."""
    edges = fields.numbers("edges", bins + 1)
    if any(a > b for a, b in pairwise(edges)):
        raise fields.wrong("edges", edges, "ascending numbers")
    return fields.integers("counts", bins)


def deviation_finding(case: Case, samples: int) -> Finding:
    """Compare counts with random architectures: the distribution functions must not lie too far apart."""
    (objective,) = case.question.objectives
    edges, counts = np.array(case.certificate.result["edges"]), case.certificate.result["counts"]
    predicted = case.predict(case.sampled)
    values = predicted[objective.metric][case.feasible(predicted)]
    if not len(values) or not sum(counts):
        return skipped("none of the samples meets the constraints")
    below = np.searchsorted(np.sort(values), edges) / len(values)
    exact = np.append(0, np.cumsum(counts)) / sum(counts)
    # Dvoretzky, Kiefer and Wolfowitz (1956) with Massart's (1990) constant
    allowed = math.sqrt(math.log(2 / _DOUBT) / 2) * (len(values) ** -0.5 + (samples**-0.5 if samples else 0.0))
    largest = float(np.abs(below - exact).max())
    reason = (
        f"{len(values):,} random architectures: the distributions differ by {largest:.2g}, allowed is {allowed:.2g}"
    )
    return passed(reason) if largest <= allowed else failed(reason)


def _closed_form(bench: Benchmark, question: Question) -> list[float] | None:
    """Mean and variance of the whole space from purified tables."""
    (objective,) = question.objectives
    if question.constraints or question.size < bench.space.size or bench.metrics[objective.metric].link != "identity":
        return None
    found = bench.importances(objective.metric)
    return [found.mean, found.variance]


def _moments(case: Case) -> Finding:
    """Compare the moments in closed form with those of the tables, and with what the counts prove."""
    found = case.certificate.result
    own = _closed_form(case.bench, case.question)
    if found["closed_form"] != own:
        return failed(f"mean and variance are {own}, recorded are {found['closed_form']}")
    if own is None:
        return skipped("there is no closed form of a part of the space, or on another scale than the metric's")
    bounds = moment_bounds(found["counts"], found["edges"])
    if any(not lower <= value <= upper for value, (lower, upper) in zip(own, bounds, strict=True)):
        return failed(f"mean and variance are {own}, the counts prove {bounds}")
    return passed(f"mean {own[0]:.9g} and variance {own[1]:.9g} lie within what the counts prove")


def _samples(case: Case) -> Finding:
    """Compare the counts with random architectures."""
    return deviation_finding(case, 0)
