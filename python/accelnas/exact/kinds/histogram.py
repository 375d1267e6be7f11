"""How a metric is distributed."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from accelnas._core import MAX_BINS
from accelnas.errors import SearchError
from accelnas.exact import checks
from accelnas.exact.distribution import Distribution, moment_bounds
from accelnas.exact.kinds.base import Kind
from accelnas.exact.result import fixed
from accelnas.exact.verification import failed, passed, skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelnas.exact.case import Case
    from accelnas.exact.certificate import Certificate
    from accelnas.exact.claims import Counts
    from accelnas.exact.fields import Fields
    from accelnas.exact.resolved import ResolvedQuestion
    from accelnas.exact.verification import Finding
    from accelnas.models.predictor import Predictor

__all__ = ["Histogram"]

_DOUBT = 1e-9  # probability that a true distribution fails the check of samples


class Histogram(Kind):
    """Number of architectures by value of a metric."""

    name: ClassVar[str] = "histogram"
    core: ClassVar[str] = "histogram"
    objectives: ClassVar[range] = range(1, 2)

    def check_options(self, options: Fields) -> None:
        """Expect the number of bins."""
        options.integer("bins", least=1, most=MAX_BINS)

    def findings(self, bench: Predictor, question: ResolvedQuestion, outcome: Mapping[str, Any]) -> dict[str, Any]:
        """Give edges, counts, and the moments in closed form where there is one."""
        return {
            "edges": outcome["edges"].tolist(),
            "counts": outcome["counts"].tolist(),
            "closed_form": _closed_form(bench, question),
        }

    def check_result(self, result: Fields, question: Mapping[str, Any], size: int, counts: Counts) -> None:
        """Expect counts between ascending edges, not more than there are architectures."""
        bins = question["options"]["bins"]
        edges = result.numbers("edges", bins + 1)
        if any(a > b for a, b in pairwise(edges)):
            raise result.wrong("edges", edges, "ascending numbers")
        total, looked_at = sum(result.integers("counts", bins)), counts.settled + counts.evaluated
        if total > looked_at:
            raise SearchError(f"certificate counts {total} architectures of {looked_at} looked at; make it again")
        if result.is_null("closed_form"):
            result.nothing("closed_form")
        else:
            result.numbers("closed_form", 2)

    def bound(self, question: Mapping[str, Any], findings: Mapping[str, Any], size: int) -> str:
        """Say that all are counted."""
        total = sum(findings["counts"])
        if not question["constraints"]:
            return f"each of the {total:,} architectures is counted in its bin"
        return f"each of {total:,} architectures is counted in its bin, none of the others meets the constraints"

    def result(self, bench: Predictor, certificate: Certificate) -> Distribution:
        """Give arrays that can't be changed."""
        found, (metric,) = certificate.result, certificate.question["objectives"]
        edges, counts = fixed(found["edges"]), fixed(found["counts"], np.uint64)
        closed = None if found["closed_form"] is None else (found["closed_form"][0], found["closed_form"][1])
        unit = certificate.metrics[metric]["unit"]
        return Distribution(metric, unit, edges, counts, certificate.size, closed, certificate)

    def checks(self) -> Mapping[str, Callable[[Case], Finding]]:
        """Hold random architectures and the moments against the counts."""
        return {"recomputation": checks.recomputation, "moments": _moments, "samples": _samples}


def _closed_form(bench: Predictor, question: ResolvedQuestion) -> list[float] | None:
    """Mean and variance of the whole space from purified tables."""
    (objective,) = question.objectives
    space, link = bench.space, bench.metrics[objective.metric].link
    if question.constraints or space.has_rules or question.size(space) < space.size or link != "identity":
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
    allowed = math.sqrt(math.log(2 / _DOUBT) / 2) * len(values) ** -0.5
    largest = float(np.abs(below - exact).max())
    reason = (
        f"{len(values):,} random architectures: the distributions differ by {largest:.2g}, allowed is {allowed:.2g}"
    )
    return passed(reason) if largest <= allowed else failed(reason)
