"""The k best architectures."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from accelnas._core import MAX_BEST
from accelnas.errors import SearchError
from accelnas.exact import checks
from accelnas.exact.case import failed, passed
from accelnas.exact.fields import Fields
from accelnas.exact.kinds.base import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import polars
    from numpy.typing import NDArray

    from accelnas.benchmark import Benchmark
    from accelnas.exact.case import Case, Finding
    from accelnas.exact.certificate import Certificate
    from accelnas.exact.question import Question

__all__ = ["Best", "BestResult"]


@dataclass(frozen=True, repr=False, eq=False)
class BestResult:
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

    def __len__(self) -> int:
        return len(self.architectures)

    def __repr__(self) -> str:
        if not len(self):
            return "<BestResult: no architecture meets the constraints>"
        metric = next(iter(self.metric_values))
        return f"<BestResult: {len(self)} architectures, {metric} {self.values[0]:.6g} to {self.values[-1]:.6g}>"

    def to_polars(self) -> polars.DataFrame:
        """Give a table: ``architecture`` (readable strings) and a column of values a metric.

        Needs the extra ``[polars]``.
        """
        import polars as pl

        texts = self.certificate.result["architectures"]
        return pl.DataFrame({"architecture": pl.Series(texts, dtype=pl.String), **self.metric_values})


class Best(Kind):
    """The k best architectures of one objective."""

    name: ClassVar[str] = "best"
    objectives: ClassVar[range] = range(1, 2)
    scanned: ClassVar[bool] = True

    def check_options(self, options: Mapping[str, Any], where: str) -> None:
        """Expect k."""
        fields = Fields(dict(options), where)
        fields.integer("k", least=1, most=MAX_BEST)
        fields.end()

    def findings(self, bench: Benchmark, question: Question, outcome: Mapping[str, Any]) -> dict[str, Any]:
        """Give strings, and values by metric."""
        columns = zip(question.metrics, outcome["values"].T.tolist(), strict=True)
        return {"architectures": bench.space.format(outcome["rows"]), "values": dict(columns)}

    def check_result(self, fields: Fields, certificate: Certificate) -> None:
        """Expect at most k architectures, and as many values of every metric."""
        question = certificate.question
        texts = fields.texts("architectures")
        k = question["options"]["k"]
        if len(texts) > min(k, certificate.size):
            raise SearchError(f"certificate has {len(texts)} architectures, {k} were asked for; make it again")
        values = fields.object("values")
        for metric in dict.fromkeys([*question["objectives"], *question["constraints"]]):
            values.numbers(metric, len(texts))
        values.end()
        fields.end()

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

    def result(self, bench: Benchmark, certificate: Certificate) -> BestResult:
        """Give arrays that can't be changed."""
        rows = bench.space.parse(certificate.result["architectures"])
        values = {metric: np.array(column) for metric, column in certificate.result["values"].items()}
        for array in (rows, *values.values()):
            array.flags.writeable = False
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


def _score(case: Case, values: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Values of the objective, more is better."""
    objective = case.question.objectives[0]
    return values[objective.metric] * (1.0 if objective.direction == "maximise" else -1.0)


def _order(case: Case) -> Finding:
    score = _score(case, case.recorded)
    for i in range(1, len(score)):
        earlier = case.rows[i - 1].tolist() < case.rows[i].tolist()
        if not (score[i - 1] > score[i] or (score[i - 1] == score[i] and earlier)):
            return failed(f"architecture {i + 1} belongs before architecture {i}")
    return passed(f"{len(score)} architectures, best first")


def _no_better(case: Case, rows: NDArray[np.uint8]) -> Finding:
    """Look for architectures that belong among the best and are not there."""
    values = case.predict(rows)
    score, reported = _score(case, values), {row.tobytes() for row in case.rows}
    wanted = case.feasible(values)
    if len(case.rows) == case.question.options["k"]:
        last = _score(case, case.recorded)[-1]
        wanted &= score >= last
    for i in np.flatnonzero(wanted):
        ties = len(case.rows) == case.question.options["k"] and score[i] == last
        later = ties and rows[i].tolist() > case.rows[-1].tolist()
        if rows[i].tobytes() not in reported and not later:
            return failed(f"{case.bench.space.format(rows[[i]])[0]} is missing")
    return passed(f"none of {len(rows):,} architectures is missing")
