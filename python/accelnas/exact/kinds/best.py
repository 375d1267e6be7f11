"""The k best architectures."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from accelnas._core import MAX_BEST
from accelnas.errors import SearchError
from accelnas.exact import checks
from accelnas.exact.claims import take_values
from accelnas.exact.kinds.base import Kind
from accelnas.exact.result import Listed, fixed
from accelnas.exact.verification import failed, passed

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
    """

    architectures: NDArray[np.uint8]
    values: NDArray[np.float64]
    metric_values: Mapping[str, NDArray[np.float64]]
    certificate: Certificate

    def __repr__(self) -> str:
        if not len(self):
            return "<BestResult: no architecture meets the constraints>"
        metric = next(iter(self.metric_values))
        return f"<BestResult: {len(self)} architectures, {metric} {self.values[0]:.6g} to {self.values[-1]:.6g}>"


class Best(Kind):
    """The k best architectures of one objective."""

    name: ClassVar[str] = "best"
    core: ClassVar[str] = "best"
    objectives: ClassVar[range] = range(1, 2)
    scanned: ClassVar[bool] = True

    def check_options(self, options: Fields) -> None:
        """Expect k."""
        options.integer("k", least=1, most=MAX_BEST)

    def findings(self, bench: Predictor, question: ResolvedQuestion, outcome: Mapping[str, Any]) -> dict[str, Any]:
        """Give strings, and values by metric."""
        columns = zip(question.metrics, outcome["values"].T.tolist(), strict=True)
        return {"architectures": bench.space.format(outcome["rows"]), "values": dict(columns)}

    def check_result(self, result: Fields, question: Mapping[str, Any], size: int, counts: Counts) -> None:
        """Expect at most k architectures, and as many values of every metric."""
        texts, k = result.texts("architectures"), question["options"]["k"]
        if len(texts) > min(k, size):
            raise SearchError(f"certificate has {len(texts)} architectures, {k} were asked for; make it again")
        take_values(result, {**question["objectives"], **question["constraints"]}, len(texts))

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
    """Look for architectures that belong among the best and are not there."""
    values = case.predict(rows)
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
