"""Answers to questions of every kind."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from accelnas.errors import SearchError
from accelnas.exact.answer import answer
from accelnas.exact.constraints import Constraint, parse_constraints
from accelnas.exact.engine import Run
from accelnas.exact.formulations import WeightedSum, resolved_ranges
from accelnas.exact.kinds import BestResult, ScalarisedResult
from accelnas.exact.objectives import parse_objectives
from accelnas.exact.questions import BestQuestion, LexicographicQuestion, RankQuestion, ScalarisedQuestion, on_metrics
from accelnas.models.derived import is_sum, unused_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelnas.exact.objectives import Objective
    from accelnas.exact.questions import Question
    from accelnas.metric import Metric
    from accelnas.models.predictor import Predictor

__all__ = ["solve"]


def solve(bench: Predictor, question: Question, how: Run | None = None) -> Any:
    """Answer a question exactly; see `Benchmark.solve`.

    Examples
    --------
    >>> import accelnas
    >>> from accelnas.exact import BestQuestion
    >>> solve(accelnas.load(), BestQuestion("macs")).values
    array([57.030736])
    """
    how = how or Run()
    bench, question = on_metrics(bench, question)
    if isinstance(question, ScalarisedQuestion):
        return _solve_scalarised(bench, question, how)
    if isinstance(question, LexicographicQuestion):
        return _solve_stages(bench, question, how)
    found = answer(bench, question.resolve(bench), how)
    return found.of(question.architectures) if isinstance(question, RankQuestion) else found


def _solve_scalarised(bench: Predictor, question: ScalarisedQuestion, how: Run) -> ScalarisedResult:
    formulation = question.formulation
    if isinstance(formulation, WeightedSum) and _is_table(bench.metrics, list(formulation.weights)):
        replace(question, k=1).resolve(bench)  # refuses what is at fault
        return _by_tables(bench, question, formulation, how)
    result: ScalarisedResult = answer(bench, question.resolve(bench), how)
    return result


def _is_table(metrics: Mapping[str, Metric], names: list[str]) -> bool:
    """Whether a weighted sum is a sum of tables: of ensembles of one size, on the metrics' own scale."""
    known = [metrics[name] for name in names if name in metrics]
    members = {metric.members for metric in known if metric.members > 1}
    return len(members) < 2 and all(is_sum(metric) and metric.link == "identity" for metric in known)


def _by_tables(bench: Predictor, question: ScalarisedQuestion, formulation: WeightedSum, how: Run) -> ScalarisedResult:
    """Search for the best of the sum as a derived metric."""
    name = unused_name(bench.metrics, "score")
    ranges = resolved_ranges(formulation, bench.metrics, {})
    derived = bench.derive(name, formulation.expression(ranges), direction="maximise")
    found: BestResult = solve(derived, BestQuestion(name, question.subject_to, question.within, question.k), how)
    names = list(formulation.weights)
    values: Any = bench.predict(found.architectures, names, dtype="float64", threads=how.threads)
    return ScalarisedResult(
        found.architectures, found.values, MappingProxyType(values), MappingProxyType(ranges), found.certificate
    )


def _solve_stages(bench: Predictor, question: LexicographicQuestion, how: Run) -> tuple[BestResult, ...]:
    if how.options.checkpoint is not None:
        raise SearchError("a checkpoint holds one search, a lexicographic question has one a stage; leave it out")
    sought = parse_objectives(bench.metrics, question.objectives, 1, len(bench.metrics))
    margins, stage = question.margins(), question.resolve(bench)
    stages: list[BestResult] = []
    for i, objective in enumerate(sought):
        last = i == len(sought) - 1
        options = MappingProxyType({"k": question.k if last else 1})
        stage = replace(stage, objectives=(objective,), options=options)
        stages.append(answer(bench, stage, how))
        if last or not len(stages[-1]) or not stages[-1].is_complete:
            break
        optimum = float(stages[-1].values[0])
        stage = replace(stage, constraints=_tightened(bench.metrics, stage.constraints, objective, optimum, margins[i]))
    return tuple(stages)


def _tightened(
    metrics: Mapping[str, Metric], limits: tuple[Constraint, ...], objective: Objective, optimum: float, margin: float
) -> tuple[Constraint, ...]:
    """Add to constraints that an objective stays within a margin of its optimum."""
    maximised = objective.direction == "maximise"
    ends = (optimum - margin, None) if maximised else (None, optimum + margin)
    (more,) = parse_constraints(metrics, {objective.metric: ends})
    known = {limit.metric: limit for limit in limits}
    old = known.get(objective.metric, more)
    known[objective.metric] = Constraint(objective.metric, max(old.lower, more.lower), min(old.upper, more.upper))
    return tuple(known[name] for name in metrics if name in known)
