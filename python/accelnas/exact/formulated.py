"""Searches for formulations of several metrics: by their tables, or by Pareto fronts."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from accelnas._core import MAX_BEST, MAX_OBJECTIVES
from accelnas.arguments import check_whole
from accelnas.errors import SearchError
from accelnas.exact.constraints import Constraint, parse_constraints, require_tables
from accelnas.exact.kinds.scalarised import ScalarisedResult, require_positive
from accelnas.exact.question import Objective, Question, best_question, parse_within
from accelnas.exact.scalarised import (
    FORMULATIONS,
    Formulation,
    WeightedProduct,
    WeightedSum,
    formulation_to_json,
    resolved_ranges,
)
from accelnas.exact.whole_space import solve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelnas.benchmark import Benchmark
    from accelnas.exact.constraints import Constraints
    from accelnas.exact.engine import RunOptions
    from accelnas.exact.question import Within
    from accelnas.metric import Metric

__all__ = ["solve_scalarised", "tightened"]


def solve_scalarised(
    bench: Benchmark,
    formulation: Formulation,
    options: RunOptions,
    *,
    subject_to: Constraints = (),
    within: Within | None = None,
    k: int = 1,
) -> ScalarisedResult:
    """Find the best architectures by a formulation; see `Benchmark.scalarised`."""
    if not isinstance(formulation, tuple(FORMULATIONS.values())):
        known = ", ".join(one.__name__ for one in FORMULATIONS.values())
        raise SearchError(f"formulation is {formulation!r}; give one of accelnas.exact: {known}")
    names = [require_tables(bench.metrics, name) for name in formulation.weights]
    if not 2 <= len(names) <= MAX_OBJECTIVES:
        raise SearchError(f"the formulation has {len(names)} metrics; give 2 to {MAX_OBJECTIVES}")
    formulation.check(bench.metrics)
    if isinstance(formulation, WeightedSum) and _is_table(bench.metrics, names):
        return _by_tables(bench, formulation, options, subject_to, within, k)
    if check_whole("k", k, 1, MAX_BEST) != 1:
        raise SearchError(f"k is {k!r}; choose 1, as only sums of metrics with link identity have more than one best")
    content = MappingProxyType({"formulation": formulation_to_json(formulation)})
    sought = tuple(Objective(name, bench.metrics[name].direction) for name in names)
    limits = parse_constraints(bench.metrics, subject_to)
    question = Question("scalarised", sought, limits, parse_within(bench.space, within), content)
    if isinstance(formulation, WeightedProduct):
        require_positive(bench, question, options.threads)
    result: ScalarisedResult = solve(bench, question, options)
    return result


def tightened(
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


def _is_table(metrics: Mapping[str, Metric], names: list[str]) -> bool:
    """Whether a weighted sum is a sum of tables: of ensembles of one size."""
    members = {metrics[name].members for name in names if metrics[name].members > 1}
    return len(members) < 2 and all(metrics[name].link == "identity" for name in names)


def _by_tables(
    bench: Benchmark,
    formulation: WeightedSum,
    options: RunOptions,
    subject_to: Constraints,
    within: Within | None,
    k: int,
) -> ScalarisedResult:
    """Search for the best of the sum as a derived metric."""
    name = next(name for i in range(len(bench.metrics) + 1) if (name := f"score{i or ''}") not in bench.metrics)
    ranges = resolved_ranges(formulation, bench.metrics, {})
    derived = bench.derive(name, formulation.expression(ranges), direction="maximise")
    question = best_question(derived, name, subject_to=subject_to, within=within, k=k)
    found: Any = solve(derived, question, options)
    names = list(formulation.weights)
    values: Any = bench.predict(found.architectures, names, dtype="float64", threads=options.threads)
    return ScalarisedResult(
        found.architectures, found.values, MappingProxyType(values), MappingProxyType(ranges), found.certificate
    )
