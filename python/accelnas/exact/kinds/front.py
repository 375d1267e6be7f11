"""Pareto fronts of two to five objectives."""

from __future__ import annotations

import math
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from accelnas import _core
from accelnas._core import MAX_LIMITS, MAX_OBJECTIVES, MAX_POINTS
from accelnas.errors import SearchError
from accelnas.exact import checks
from accelnas.exact.claims import take_values
from accelnas.exact.constraints import Constraint
from accelnas.exact.front import FrontResult
from accelnas.exact.hypervolume import hypervolume
from accelnas.exact.kinds.base import Kind
from accelnas.exact.objectives import Objective
from accelnas.exact.references import published_reference
from accelnas.exact.resolved import ResolvedQuestion
from accelnas.exact.result import fixed
from accelnas.exact.verification import failed, passed, skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from accelnas.exact.case import Case
    from accelnas.exact.certificate import Certificate
    from accelnas.exact.claims import Counts
    from accelnas.exact.fields import Fields
    from accelnas.exact.verification import Finding
    from accelnas.models.predictor import Predictor

__all__ = ["Front"]

_COUNTED = 3  # points whose ties are counted again
_TOLERANCE = 1e-9  # relative, of sums in another order


class Front(Kind):
    """All architectures that no other one dominates."""

    name: ClassVar[str] = "front"
    core: ClassVar[str] = "front"
    objectives: ClassVar[range] = range(2, MAX_OBJECTIVES + 1)
    anytime: ClassVar[bool] = True
    kept: ClassVar[bool] = True

    def check_options(self, options: Fields) -> None:
        """Expect how many points it may have, which certificates of older versions lack."""
        if options.has("max_points"):
            options.integer("max_points", least=1, most=MAX_POINTS)

    def findings(self, bench: Predictor, question: ResolvedQuestion, outcome: Mapping[str, Any]) -> dict[str, Any]:
        """Give strings, values by metric, ties, and the hypervolume where a reference point is published."""
        values = dict(zip(question.metrics, outcome["values"].T.tolist(), strict=True))
        reference = published_reference(bench, question.objectives)
        return {
            "architectures": bench.space.format(outcome["rows"]),
            "values": values,
            "ties": [int(n) for n in outcome["ties"]],
            "reference": reference,
            "hypervolume": None if reference is None else _hypervolume(question.objectives, values, reference),
        }

    def check_result(self, result: Fields, question: Mapping[str, Any], size: int, counts: Counts) -> None:
        """Expect values and ties of every architecture."""
        texts = result.texts("architectures")
        ties = result.integers("ties", len(texts), least=1, most=size)
        if sum(ties) > size:
            raise SearchError(f"certificate has {sum(ties)} ties of {size} architectures; make it again")
        take_values(result, {**question["objectives"], **question["constraints"]}, len(texts))
        if result.is_null("reference"):
            result.nothing("reference")
            result.nothing("hypervolume")
        else:
            reference = result.object("reference")
            for metric in question["objectives"]:
                reference.number(metric)
            reference.end()
            result.number("hypervolume", least=0)

    def bound(self, question: Mapping[str, Any], findings: Mapping[str, Any], size: int) -> str:
        """No other architecture is missing."""
        others = f"the other {size - sum(findings['ties']):,} architectures"
        if not findings["architectures"]:
            return f"none of {others} meets the constraints"
        breaks = "breaks a constraint or " if question["constraints"] else ""
        return f"each of {others} {breaks}is dominated by one of these in {', '.join(question['objectives'])}"

    def partial_bound(self, question: Mapping[str, Any], findings: Mapping[str, Any], dealt_with: int) -> str:
        """Say what holds of the jobs that are done."""
        return (
            f"none of the {dealt_with:,} architectures dealt with dominates one of these or is missing; others are open"
        )

    def result(self, bench: Predictor, certificate: Certificate) -> FrontResult:
        """Give arrays that can't be changed."""
        found = certificate.result
        objectives = tuple(Objective(m, d) for m, d in certificate.question["objectives"].items())
        is_wide = max(found["ties"], default=0) > _core.MAX_SIZE
        rows = fixed(bench.space.parse(found["architectures"]))
        ties = fixed(found["ties"], None if is_wide else np.uint64)
        values = {metric: fixed(column) for metric, column in found["values"].items()}
        points = fixed(np.stack([values[o.metric] for o in objectives], axis=1))
        reference = None if found["reference"] is None else MappingProxyType(found["reference"])
        return FrontResult(rows, points, ties, objectives, MappingProxyType(values), reference, certificate)

    def checks(self) -> Mapping[str, Callable[[Case], Finding]]:
        """Check the points and their order, and look for missing ones."""
        return {
            "architectures": checks.architectures,
            "values": checks.values,
            "recomputation": checks.recomputation,
            "constraints": checks.constraints,
            "order": _order,
            "domination": _domination,
            "neighbours": lambda case: _none_missing(case, lambda: case.neighbours(case.rows)),
            "samples": lambda case: _none_missing(case, lambda: case.sampled),
            "ties": _ties,
            "hypervolume": _hypervolume_again,
        }


def _hypervolume(
    objectives: tuple[Objective, ...], values: Mapping[str, list[float]], reference: Mapping[str, float]
) -> float:
    points = np.array([values[o.metric] for o in objectives]).T
    return hypervolume(points, [reference[o.metric] for o in objectives], [o.direction for o in objectives])


def _order(case: Case) -> Finding:
    points = case.scores(case.recorded)
    keys = [(-first, row.tolist()) for first, row in zip(points[:, 0].tolist(), case.rows, strict=True)]
    for i, (above, below) in enumerate(pairwise(keys), 1):
        if above >= below:
            return failed(f"architecture {i + 1} belongs before architecture {i}")
    return passed(f"{len(keys)} points, best first in {case.question.objectives[0].metric}")


def _domination(case: Case) -> Finding:
    """Expect that no point covers another one."""
    points = case.scores(case.recorded)
    covered = _core.covered(points)
    if covered.any():
        return failed(f"architecture {int(np.argmax(covered)) + 1} is dominated, or equals another one")
    return passed(f"none of {len(points)} points dominates or equals another one")


def _none_missing(case: Case, rows: Callable[[], NDArray[np.uint8]]) -> Finding:
    """Look for architectures that no point covers."""
    if not case.certificate.complete:
        return skipped("the search was interrupted, so points may be missing")
    found = rows()
    values = case.predict(found)
    feasible = case.feasible(values)
    missing = feasible.copy()
    missing[feasible] = ~_core.covered(case.scores(case.recorded), case.scores(values)[feasible])
    if missing.any():
        return failed(f"{case.bench.space.format(found[[int(np.argmax(missing))]])[0]} is missing")
    return passed(
        f"none of {len(found):,} architectures is missing, {np.count_nonzero(feasible):,} meet the constraints"
    )


def _ties(case: Case) -> Finding:
    """Count again the architectures that equal those points that most do."""
    if not case.certificate.complete:
        return skipped("the search was interrupted, so ties may be missing")
    ties = np.array(case.certificate.result["ties"], object)
    most = np.argsort(-ties.astype(np.float64), kind="stable")[:_COUNTED]
    names = [o.metric for o in case.question.objectives]
    others = tuple(c for c in case.question.constraints if c.metric not in names)
    if 2 * len(names) + sum(math.isfinite(end) for c in others for end in (c.lower, c.upper)) > MAX_LIMITS:
        return skipped(f"more than {MAX_LIMITS} bounds are no question of a count")
    for i in most.tolist():
        equal = tuple(Constraint(m, float(case.recorded[m][i]), float(case.recorded[m][i])) for m in names)
        question = ResolvedQuestion("count", (), equal + others, case.question.allowed)
        count = case.answer(question).count
        if count != ties[i]:
            return failed(f"{count:,} architectures have the values of architecture {i + 1}, recorded are {ties[i]:,}")
    return passed(f"the ties of {len(most)} points are counted again")


def _hypervolume_again(case: Case) -> Finding:
    """Compute it with the objectives in another order."""
    found = case.certificate.result
    if found["reference"] is None:
        return skipped("no reference point of these objectives is published")
    if found["reference"] != published_reference(case.bench, case.question.objectives):
        return failed(f"the reference point is {found['reference']}, which is not the published one")
    again = _hypervolume(case.question.objectives[::-1], found["values"], found["reference"])
    recorded = found["hypervolume"]
    if not abs(again - recorded) <= _TOLERANCE * recorded:
        return failed(f"the hypervolume is {again!r}, recorded is {recorded!r}")
    return passed(f"{recorded:.9g}, with the objectives in another order")
