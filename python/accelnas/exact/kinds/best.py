"""The k best architectures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from accelnas._core import MAX_BEST
from accelnas.errors import SearchError
from accelnas.exact import checks
from accelnas.exact.claims import take_values
from accelnas.exact.kinds.base import Kind
from accelnas.exact.objectives import Objective
from accelnas.exact.result import Listed, fixed
from accelnas.exact.verification import failed, passed, skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from accelnas.exact.case import Case
    from accelnas.exact.certificate import Certificate
    from accelnas.exact.claims import Counts
    from accelnas.exact.fields import Fields
    from accelnas.exact.resolved import ResolvedQuestion
    from accelnas.exact.verification import Finding
    from accelnas.models.predictor import Predictor

__all__ = ["Best", "BestResult"]


@dataclass(frozen=True, repr=False, eq=False)
class BestResult(Listed):
    """The best architectures, best first; of equal ones the first of the space come first.

    Attributes
    ----------
    architectures : uint8 array (n, variables)
        Choice indices; fewer than asked for only if no more meet the constraints.
    values : float64 array (n,)
        The objective, in its unit.
    metric_values : mapping of str to float64 array (n,)
        The objective and the metrics under constraints, in their units.
    certificate : Certificate
        What was proven, and all that it depends on.

    Notes
    -----
    A search that was ended early (`RunOptions.anytime`) gives the best that it found; `bound` and `gap` say what is
    proven.
    """

    architectures: NDArray[np.uint8]
    values: NDArray[np.float64]
    metric_values: Mapping[str, NDArray[np.float64]]
    certificate: Certificate

    def __repr__(self) -> str:
        if not len(self):
            return f"<BestResult: no architecture {'meets the constraints' if self.is_complete else 'was found'}>"
        metric = next(iter(self.metric_values))
        open_end = "" if self.is_complete else f", not proven: gap {self.gap:.6g}"
        ends = f"{self.values[0]:.6g} to {self.values[-1]:.6g}"
        return f"<BestResult: {len(self)} architectures, {metric} {ends}{open_end}>"

    @property
    def is_complete(self) -> bool:
        """Whether every architecture was dealt with, so that these are proven to be the best."""
        return self.certificate.complete

    @property
    def bound(self) -> float:
        """What no architecture has a better value than, proven: the first value of a complete search.

        NaN where no architecture meets the constraints, infinite where nothing is proven.
        """
        if self.is_complete:
            return float(self.values[0]) if len(self) else math.nan
        ((metric, direction),) = self.certificate.question["objectives"].items()
        bound = self.certificate.result["bound"]
        return Objective(metric, direction).sign * math.inf if bound is None else float(bound)

    @property
    def gap(self) -> float:
        """By how much the best may be better than the first, in the metric's unit: 0 where that is proven."""
        if self.is_complete:
            return 0.0
        return abs(self.bound - float(self.values[0])) if len(self) else math.inf


class Best(Kind):
    """The k best architectures of one objective."""

    name: ClassVar[str] = "best"
    core: ClassVar[str] = "best"
    objectives: ClassVar[range] = range(1, 2)
    scanned: ClassVar[bool] = True
    anytime: ClassVar[bool] = True

    def check_options(self, options: Fields) -> None:
        """Expect k."""
        options.integer("k", least=1, most=MAX_BEST)

    def findings(self, bench: Predictor, question: ResolvedQuestion, outcome: Mapping[str, Any]) -> dict[str, Any]:
        """Give strings, and values by metric; before the search is complete also what none is better than."""
        columns = dict(zip(question.metrics, outcome["values"].T.tolist(), strict=True))
        found = {"architectures": bench.space.format(outcome["rows"]), "values": columns}
        if outcome["complete"]:
            return found
        objective = question.objectives[0]
        known = [*columns[objective.metric][:1], *([] if outcome["open_bound"] is None else [outcome["open_bound"]])]
        sign = objective.sign
        bound = sign * max((sign * value for value in known), default=-math.inf)
        return {**found, "bound": bound if math.isfinite(bound) else None}

    def check_result(self, result: Fields, question: Mapping[str, Any], size: int, counts: Counts) -> None:
        """Expect at most k architectures, as many values of every metric, and a bound before all were dealt with."""
        texts, k = result.texts("architectures"), question["options"]["k"]
        if len(texts) > min(k, size):
            raise SearchError(f"certificate has {len(texts)} architectures, {k} were asked for; make it again")
        take_values(result, {**question["objectives"], **question["constraints"]}, len(texts))
        if counts.total < size + counts.unlawful:
            result.nothing("bound") if result.is_null("bound") else result.number("bound")

    def bound(self, question: Mapping[str, Any], findings: Mapping[str, Any], size: int) -> str:
        """No other one is better than the last."""
        others = f"none of the other {size - len(findings['architectures']):,} architectures"
        met = " meets the constraints" if question["constraints"] else ""
        if len(findings["architectures"]) < question["options"]["k"]:
            return f"{others}{met or ' exists'}"
        ((metric, direction),) = question["objectives"].items()
        last = findings["values"][metric][-1]
        better = "higher" if direction == "maximise" else "lower"
        claim = f"has a {better} {metric} than {last!r}, or the same and an earlier place in the space"
        return f"{others}{met}{' and' if met else ''} {claim}"

    def partial_bound(self, question: Mapping[str, Any], findings: Mapping[str, Any], dealt_with: int) -> str:
        """Say what no architecture is better than."""
        if findings["bound"] is None:
            return super().partial_bound(question, findings, dealt_with)
        ((metric, direction),) = question["objectives"].items()
        better = "higher" if direction == "maximise" else "lower"
        met = " that meets the constraints" if question["constraints"] else ""
        return f"no architecture{met} has a {better} {metric} than {findings['bound']!r}; the search was ended early"

    def result(self, bench: Predictor, certificate: Certificate) -> BestResult:
        """Give arrays that can't be changed."""
        rows = fixed(bench.space.parse(certificate.result["architectures"]))
        values = {metric: fixed(column) for metric, column in certificate.result["values"].items()}
        return BestResult(rows, next(iter(values.values())), MappingProxyType(values), certificate)

    def checks(self) -> Mapping[str, Callable[[Case], Finding]]:
        """Check the architectures, their values and order, and look for better ones."""
        return {
            "architectures": checks.architectures,
            "values": checks.values,
            "recomputation": checks.recomputation,
            "constraints": checks.constraints,
            "order": _order,
            "neighbours": lambda case: _no_better(case, case.neighbours(case.rows)),
            "samples": lambda case: _no_better(case, case.sampled),
        }


def _order(case: Case) -> Finding:
    score = case.scores(case.recorded)[:, 0]
    for i in range(1, len(score)):
        earlier = case.rows[i - 1].tolist() < case.rows[i].tolist()
        if not (score[i - 1] > score[i] or (score[i - 1] == score[i] and earlier)):
            return failed(f"architecture {i + 1} belongs before architecture {i}")
    return passed(f"{len(score)} architectures, best first")


def _no_better(case: Case, rows: NDArray[np.uint8]) -> Finding:
    """Look for architectures that belong among the best and are not there, or are better than a bound."""
    values = case.predict(rows)
    if not case.certificate.complete:
        return _none_beyond(case, rows, values)
    score, reported = case.scores(values)[:, 0], {row.tobytes() for row in case.rows}
    wanted = case.feasible(values)
    if len(case.rows) == case.question.options["k"]:
        last = case.scores(case.recorded)[-1, 0]
        wanted &= score >= last
    for i in np.flatnonzero(wanted):
        ties = len(case.rows) == case.question.options["k"] and score[i] == last
        later = ties and rows[i].tolist() > case.rows[-1].tolist()
        if rows[i].tobytes() not in reported and not later:
            return failed(f"{case.bench.space.format(rows[[i]])[0]} is missing")
    return passed(f"none of {len(rows):,} architectures is missing")


def _none_beyond(case: Case, rows: NDArray[np.uint8], values: Mapping[str, NDArray[np.float64]]) -> Finding:
    """Look for architectures that are better than what an interrupted search says none is."""
    bound = case.certificate.result["bound"]
    if bound is None:
        return skipped("the search was interrupted before it proved anything")
    better = case.feasible(values) & (case.scores(values)[:, 0] > case.question.objectives[0].sign * bound)
    if better.any():
        return failed(f"{case.bench.space.format(rows[[int(np.argmax(better))]])[0]} is better than {bound!r}")
    return passed(f"none of {len(rows):,} architectures is better than {bound!r}")
