"""What a search seeks: a metric, a formulation of several, several objectives, or a function; under constraints."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from accelnas.arguments import check_direction, check_number
from accelnas.errors import SearchError
from accelnas.exact.constraints import Constraint, Constraints, parse_constraints
from accelnas.exact.derivations import with_derived, with_limits
from accelnas.exact.formulations import (
    FORMULATIONS,
    Formulation,
    ReferencePoint,
    WeightedProduct,
    formulation_to_json,
    resolved_ranges,
)
from accelnas.exact.objectives import Objective, parse_objective, parse_objectives
from accelnas.exact.questions import FrontQuestion
from accelnas.exact.solve import solve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from accelnas.exact.objectives import ObjectiveLike, Within
    from accelnas.models.predictor import Predictor

__all__ = ["FunctionObjective", "Sought", "SoughtLike", "parse_sought"]


@dataclass(frozen=True)
class FunctionObjective:
    """A function of architectures as objective: whatever can be computed fast enough.

    Attributes
    ----------
    function : callable
        Takes choice indices, uint8 (n, variables), and gives float64 (n,), or (n, m) of m objectives.
    directions : mapping of str to {"maximise", "minimise"}
        The name of each objective, and which end of it is sought.

    Examples
    --------
    >>> import accelnas
    >>> depth = FunctionObjective(lambda archs: archs.sum(axis=1), {"sum of choices": "maximise"})
    >>> accelnas.load().search("local_search", depth, budget=100, seed=1).best_values[-1] > 30
    np.True_
    """

    function: Callable[[NDArray[np.uint8]], Any]
    directions: Mapping[str, str]

    def columns(self, rows: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Give the values of rows, (n, m)."""
        found = np.asarray(self.function(rows), np.float64)
        if found.shape not in ((len(rows),), (len(rows), len(self.directions))):
            raise SearchError(
                f"the function gave an array of shape {found.shape} for {len(rows)} architectures and "
                f"{len(self.directions)} objectives; give one value of each"
            )
        return np.ascontiguousarray(found.reshape(len(rows), len(self.directions)))


SoughtLike: TypeAlias = (
    "str | Formulation | FunctionObjective | Callable[[NDArray[np.uint8]], Any] | Sequence[ObjectiveLike]"
)


@dataclass(frozen=True)
class Sought:
    """What is sought, in one form.

    Attributes
    ----------
    objectives : tuple of Objective
        The metrics of the objectives, or of the formulation.
    formulation : Formulation or None
        What makes one score of them, with all its ranges.
    constraints : tuple of Constraint
        Closed ranges of metrics.
    penalty : float or None
        What a relative violation of 1 costs a score; without it feasible architectures come first.
    function : FunctionObjective or None
        What gives the values, where they are not a benchmark's.
    """

    objectives: tuple[Objective, ...]
    formulation: Formulation | None = None
    constraints: tuple[Constraint, ...] = ()
    penalty: float | None = None
    function: FunctionObjective | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Metrics that an evaluation gives: those of the objectives, then those of the constraints."""
        return tuple(dict.fromkeys([o.metric for o in self.objectives] + [c.metric for c in self.constraints]))

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the scores."""
        return tuple(o.metric for o in self.objectives) if self.formulation is None else ("score",)

    @property
    def directions(self) -> dict[str, str]:
        """Which end of each score is sought, by its label."""
        return dict(zip(self.labels, ("maximise" if sign > 0 else "minimise" for sign in self.signs), strict=True))

    @property
    def signs(self) -> NDArray[np.float64]:
        """What turns each score, of which more is better, into what people read: float64 (scores,)."""
        if self.formulation is not None:
            return np.array([-1.0 if self.formulation.is_loss else 1.0])
        return np.array([o.sign for o in self.objectives])

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "objectives": {o.metric: o.direction for o in self.objectives},
            "formulation": None if self.formulation is None else formulation_to_json(self.formulation),
            "constraints": [str(c) for c in self.constraints],
            "penalty": self.penalty,
        }

    def to_core(self) -> str:
        """Write it as the core reads it."""
        place = self.columns.index
        content: dict[str, Any] = {"directions": [o.direction for o in self.objectives], "penalty": self.penalty}
        content["constraints"] = [
            {"column": place(c.metric), "lower": _finite(c.lower), "upper": _finite(c.upper)} for c in self.constraints
        ]
        if self.formulation is not None:
            content["formula"] = _formula(self.formulation, {o.metric: place(o.metric) for o in self.objectives})
        return json.dumps(content)

    def score(self, values: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Give what people read of values by metric, (n, scores), whatever the constraints."""
        if self.formulation is None:
            return np.stack([values[o.metric] for o in self.objectives], axis=1)
        return self.formulation.score(values, self.formulation.ranges)[:, None]

    def __str__(self) -> str:
        if self.formulation is None:
            sought = ", ".join(map(str, self.objectives))
        else:
            sought = f"{self.formulation.kind} of {', '.join(o.metric for o in self.objectives)}"
        limits = ", ".join(map(str, self.constraints))
        return sought + (f" subject to {limits}" if limits else "")


def parse_sought(
    bench: Predictor,
    objective: SoughtLike,
    subject_to: Constraints = (),
    penalty: float | None = None,
    within: Within | None = None,
) -> tuple[Predictor, Sought]:
    """Read what is sought, in any of the forms that people write; give it with a benchmark that has all its metrics.

    Constraints on choices are on metrics that are derived for them, see `accelnas.exact.choices`.

    Raises
    ------
    MetricError
        If a metric is unknown.
    SearchError
        If a formulation or a constraint makes no sense.
    ParameterError
        If the penalty is no number of at least 0.

    Examples
    --------
    >>> import accelnas
    >>> bench, sought = parse_sought(accelnas.load(), ["accuracy", "latency_zcu102"], ["macs <= 400", "sum(l) <= 16"])
    >>> str(sought), "sum(l)" in bench.metrics
    ('maximise accuracy, minimise latency_zcu102 subject to macs <= 400.0, sum(l) <= 16.0', True)
    """
    bench, subject_to = with_limits(bench, subject_to)
    bench = with_derived(bench, _named(objective))
    limits = parse_constraints(bench.metrics, subject_to)
    if penalty is not None:
        check_number("penalty", penalty, 0)
    if isinstance(objective, FunctionObjective) or (callable(objective) and not isinstance(objective, str)):
        return bench, _of_function(objective, limits, penalty)
    if isinstance(objective, tuple(FORMULATIONS.values())):
        return bench, _of_formulation(bench, cast("Formulation", objective), limits, penalty, subject_to, within)
    objectives = parse_objectives(bench.metrics, objective, 1, len(bench.metrics))  # type: ignore[arg-type]
    return bench, Sought(objectives, None, limits, penalty)


def _named(objective: Any) -> list[Any]:
    """Names in an objective that is no function."""
    if isinstance(objective, tuple(FORMULATIONS.values())):
        return list(cast("Formulation", objective).weights)
    if not isinstance(objective, (tuple, list)):
        return [objective]
    return [one[0] if isinstance(one, (tuple, list)) and one else one for one in objective]


def _of_function(given: Any, limits: tuple[Constraint, ...], penalty: float | None) -> Sought:
    name = getattr(given, "__name__", type(given).__name__)
    function = given if isinstance(given, FunctionObjective) else FunctionObjective(given, {name: "maximise"})
    if limits:
        raise SearchError("a function comes with its own constraints; leave subject_to out, or give metrics")
    if not function.directions:
        raise SearchError("the function has no directions; give maximise or minimise for each objective")
    ends = {name: check_direction(f"direction of {name}", end) for name, end in function.directions.items()}
    return Sought(tuple(Objective(n, d) for n, d in ends.items()), None, (), penalty, function)


def _of_formulation(
    bench: Predictor,
    formulation: Formulation,
    limits: tuple[Constraint, ...],
    penalty: float | None,
    subject_to: Constraints,
    within: Within | None,
) -> Sought:
    objectives = tuple(parse_objective(bench.metrics, name) for name in formulation.weights)
    formulation.check(bench.metrics)
    if not isinstance(formulation, WeightedProduct):
        lacking = [name for name in formulation.weights if name not in formulation.ranges]
        values: Mapping[str, Any] = {}
        if lacking and formulation.is_loss:
            # nadir and ideal point, as `Benchmark.scalarised` takes them
            front = solve(bench, FrontQuestion(list(formulation.weights), subject_to, within))
            values = front.metric_values
        ranges = resolved_ranges(formulation, bench.metrics, values)
        formulation = replace(formulation, ranges=ranges)
    return Sought(objectives, formulation, limits, penalty)


def _formula(formulation: Formulation, columns: Mapping[str, int]) -> dict[str, Any]:
    """Write a formulation as terms over columns."""
    if isinstance(formulation, WeightedProduct):
        pairs = {m: e if isinstance(e, tuple) else (e, e) for m, e in formulation.exponents.items()}
        powers = [
            {"column": columns[m], "target": formulation.targets.get(m, 1.0), "up_to": up_to, "beyond": beyond}
            for m, (up_to, beyond) in pairs.items()
        ]
        return {"kind": formulation.kind, "terms": powers}
    if isinstance(formulation, ReferencePoint):
        spans = {m: ideal - worst for m, (worst, ideal) in formulation.ranges.items()}
        aspirations = [
            {"column": columns[m], "weight": w, "reference": formulation.reference[m], "extent": spans[m]}
            for m, w in formulation.weights.items()
        ]
        return {"kind": formulation.kind, "terms": aspirations, "rho": formulation.rho}
    terms = [
        {"column": columns[m], "weight": w, "worst": formulation.ranges[m][0], "ideal": formulation.ranges[m][1]}
        for m, w in formulation.weights.items()
    ]
    power = {"power": formulation.power} if hasattr(formulation, "power") else {}
    return {"kind": formulation.kind, "terms": terms, **power}


def _finite(bound: float) -> float | None:
    return None if math.isinf(bound) else bound
