"""Optima of scores that are monotone in every objective: the best points of a Pareto front."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from accelnas._core import MAX_OBJECTIVES
from accelnas.errors import SearchError
from accelnas.exact import checks
from accelnas.exact.claims import take_values
from accelnas.exact.formulations import (
    Formulation,
    WeightedProduct,
    formulation_from_json,
    resolved_ranges,
)
from accelnas.exact.kinds.base import Kind
from accelnas.exact.narrowing import is_narrowed, narrowed
from accelnas.exact.objectives import Objective
from accelnas.exact.resolved import ResolvedQuestion
from accelnas.exact.result import Listed, fixed
from accelnas.exact.verification import failed, passed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from accelnas.exact.case import Case
    from accelnas.exact.certificate import Certificate
    from accelnas.exact.claims import Counts
    from accelnas.exact.constraints import Constraint
    from accelnas.exact.fields import Fields
    from accelnas.exact.narrowing import First
    from accelnas.exact.verification import Finding
    from accelnas.models.predictor import Predictor

__all__ = ["Scalarised", "ScalarisedResult"]

_ROUNDING = 1e-12  # relative, by which powers of equal numbers may differ


@dataclass(frozen=True, repr=False, eq=False)
class ScalarisedResult(Listed):
    """Architectures with the best score.

    Attributes
    ----------
    architectures : uint8 array (n, variables)
        Choice indices. From a front all its points with exactly the best score, none of them dominated; from tables
        the k best, best first.
    values : float64 array (n,)
        The scores: what the formulation maximises, or minimises.
    metric_values : mapping of str to float64 array (n,)
        The formulation's metrics in their units.
    ranges : mapping of str to (worst, ideal)
        What the metrics were normalised by; empty for products.
    certificate : Certificate
        What was proven, and all that it depends on.
    """

    architectures: NDArray[np.uint8]
    values: NDArray[np.float64]
    metric_values: Mapping[str, NDArray[np.float64]]
    ranges: Mapping[str, tuple[float, float]]
    certificate: Certificate

    def __repr__(self) -> str:
        if not len(self):
            return "<ScalarisedResult: no architecture meets the constraints>"
        values = ", ".join(f"{name} {column[0]:.6g}" for name, column in self.metric_values.items())
        return f"<ScalarisedResult: score {self.values[0]:.6g} at {values}>"

    def columns(self) -> Mapping[str, Any]:
        """Give ``architecture`` (readable strings), ``score``, and a column of values a metric."""
        texts, *_ = super().columns().values()
        return {"architecture": texts, "score": self.values, **self.metric_values}


class Scalarised(Kind):
    """The best points of a front by a formulation."""

    name: ClassVar[str] = "scalarised"
    core: ClassVar[str] = "front"
    objectives: ClassVar[range] = range(2, MAX_OBJECTIVES + 1)

    def core_options(self, bench: Predictor, options: Mapping[str, Any]) -> dict[str, Any]:
        """Give none: the core finds the front."""
        return {}

    def limits(
        self, bench: Predictor, question: ResolvedQuestion, best: Callable[[Objective], float | None], first: First
    ) -> tuple[Constraint, ...]:
        """Leave out what can't have the best score: of three metrics and more that is most of a front."""
        formulation = _formulation(question.options)
        if not is_narrowed(formulation):
            return question.constraints
        ideals: dict[str, float] = {}
        for objective in question.objectives:
            found = best(objective)
            if found is None:
                return question.constraints
            ideals[objective.metric] = found
        return narrowed(formulation, bench.metrics, question.constraints, ideals, first)

    def check_question(self, content: Mapping[str, Any], where: str) -> None:
        """Expect the formulation's metrics as objectives."""
        super().check_question(content, where)
        formulation = formulation_from_json(content["options"]["formulation"], where)
        if set(formulation.weights) != set(content["objectives"]):
            raise SearchError(f"{where} has a formulation of other metrics than its objectives; make it again")

    def check_options(self, options: Fields) -> None:
        """Expect a formulation."""
        formulation_from_json(options.mapping("formulation"), "formulation")

    def require(self, question: ResolvedQuestion, answer: Callable[[ResolvedQuestion], Any]) -> None:
        """Prove that a product's metrics are above 0 at every architecture of the question."""
        if not isinstance(_formulation(question.options), WeightedProduct):
            return
        for objective in question.objectives:
            lowest, one = (Objective(objective.metric, "minimise"),), MappingProxyType({"k": 1})
            found = answer(ResolvedQuestion("best", lowest, question.constraints, question.allowed, one))
            if len(found) and not found.values[0] > 0:
                raise SearchError(
                    f"{objective.metric} is {found.values[0]:.6g} somewhere, where a product of powers is no score; "
                    f"add the constraint '{objective.metric} > 0'"
                )

    def findings(self, bench: Predictor, question: ResolvedQuestion, outcome: Mapping[str, Any]) -> dict[str, Any]:
        """Give the best points, their values and scores, and how many points were compared."""
        formulation = _formulation(question.options)
        columns = dict(zip(question.metrics, outcome["values"].T, strict=True))
        ranges = resolved_ranges(formulation, bench.metrics, columns)
        scores = formulation.score(columns, ranges)
        best = scores == _best(formulation, scores) if len(scores) else np.zeros(0, bool)
        return {
            "architectures": bench.space.format(outcome["rows"][best]),
            "values": {metric: column[best].tolist() for metric, column in columns.items()},
            "scores": scores[best].tolist(),
            "ranges": {} if isinstance(formulation, WeightedProduct) else {m: list(r) for m, r in ranges.items()},
            "points": len(scores),
        }

    def check_result(self, result: Fields, question: Mapping[str, Any], size: int, counts: Counts) -> None:
        """Expect values and a score of every architecture."""
        texts = result.texts("architectures")
        result.numbers("scores", len(texts))
        result.integer("points", least=len(texts))
        take_values(result, {**question["objectives"], **question["constraints"]}, len(texts))
        ranges = result.object("ranges")
        if question["options"]["formulation"]["kind"] != WeightedProduct.kind:
            for metric in question["objectives"]:
                ranges.numbers(metric, 2)
        ranges.end()

    def bound(self, question: Mapping[str, Any], findings: Mapping[str, Any], size: int) -> str:
        """No architecture has a better score."""
        others = f"none of the {size:,} architectures"
        met = " meets the constraints" if question["constraints"] else ""
        if not findings["architectures"]:
            return f"{others}{met}"
        better = "lower" if _formulation(question["options"]).is_loss else "higher"
        return f"{others}{met}{' and' if met else ''} has a {better} score than {findings['scores'][0]!r}"

    def result(self, bench: Predictor, certificate: Certificate) -> ScalarisedResult:
        """Give arrays that can't be changed."""
        found = certificate.result
        values = {metric: fixed(column) for metric, column in found["values"].items()}
        ranges = {metric: (ends[0], ends[1]) for metric, ends in found["ranges"].items()}
        rows, scores = fixed(bench.space.parse(found["architectures"])), fixed(found["scores"])
        return ScalarisedResult(rows, scores, MappingProxyType(values), MappingProxyType(ranges), certificate)

    def checks(self) -> Mapping[str, Callable[[Case], Finding]]:
        """Check the architectures and their scores, and look for better ones."""
        return {
            "architectures": checks.architectures,
            "values": checks.values,
            "recomputation": checks.recomputation,
            "constraints": checks.constraints,
            "formulation": _monotone,
            "scores": _scores,
            "neighbours": lambda case: _no_better(case, case.neighbours(case.rows)),
            "samples": lambda case: _no_better(case, case.sampled),
        }


def _formulation(options: Mapping[str, Any]) -> Formulation:
    return formulation_from_json(options["formulation"], "formulation")


def _best(formulation: Formulation, scores: NDArray[np.float64]) -> float:
    return float(scores.min() if formulation.is_loss else scores.max())


def _monotone(case: Case) -> Finding:
    """Check the parameters, and that a product's metrics are above 0."""
    _formulation(case.question.options).check(case.bench.metrics)
    Scalarised().require(case.question, case.answer)
    return passed("the score is monotone in every objective")


def _score_of(case: Case, values: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    ranges = {metric: (ends[0], ends[1]) for metric, ends in case.certificate.result["ranges"].items()}
    return _formulation(case.question.options).score(values, ranges)


def _scores(case: Case) -> Finding:
    """Compute the scores again, and expect all of them to be the same."""
    recorded = np.array(case.certificate.result["scores"])
    if len(recorded) and (_score_of(case, case.recorded) != recorded).any():
        return failed(f"the scores are {_score_of(case, case.recorded).tolist()}, recorded are {recorded.tolist()}")
    if len(set(recorded.tolist())) > 1:
        return failed(f"the scores {recorded.tolist()} are not the same")
    return passed(f"{len(recorded)} scores are computed again")


def _no_better(case: Case, rows: NDArray[np.uint8]) -> Finding:
    """Look for better scores; those of powers may be off in the last digits."""
    values = case.predict(rows)
    feasible = case.feasible(values)
    scores = _score_of(case, {metric: column[feasible] for metric, column in values.items()})
    recorded = case.certificate.result["scores"]
    if not len(scores):
        return passed(f"none of {len(rows):,} architectures meets the constraints")
    sign = -1.0 if _formulation(case.question.options).is_loss else 1.0
    i = int(np.argmax(sign * scores))
    if not recorded or sign * (scores[i] - recorded[0]) > _ROUNDING * abs(recorded[0]):
        text = case.bench.space.format(rows[feasible][[i]])[0]
        return failed(f"{text} has the score {float(scores[i])!r}, recorded is {recorded[:1]}")
    return passed(f"none of {len(rows):,} architectures has a better score")
