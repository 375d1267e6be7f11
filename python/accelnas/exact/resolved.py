"""A question as the core takes it: every metric known, every variable with the choices it may have."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from accelnas import _core
from accelnas.exact.artifacts import described
from accelnas.exact.constraints import Constraint, parse_constraints
from accelnas.exact.objectives import Objective, parse_objective, parse_within
from accelnas.space.definition import size_within

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelnas.models.predictor import Predictor
    from accelnas.space import Space

__all__ = ["ResolvedQuestion"]


@dataclass(frozen=True)
class ResolvedQuestion:
    """What is asked of which architectures of which benchmark; `Question.resolve` gives it.

    Attributes
    ----------
    kind : str
        What is wanted: a name in `accelnas.exact.kinds.KINDS`.
    objectives : tuple of Objective
        Metrics and directions.
    constraints : tuple of Constraint
        Closed ranges of other metrics, at most one a metric.
    allowed : tuple of tuple of int
        Ascending choice indices of every variable.
    options : mapping of str to object
        What the kind needs to know, such as ``k``.
    """

    kind: str
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    allowed: tuple[tuple[int, ...], ...]
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics that the question names, each once: objectives first."""
        return tuple(dict.fromkeys([o.metric for o in self.objectives] + [c.metric for c in self.constraints]))

    def size(self, space: Space) -> int:
        """Count the architectures that it is about."""
        return size_within(space, self.allowed)

    def to_json(self, space: Space) -> dict[str, Any]:
        """Give the question as plain data: values in place of choice indices, null for no bound."""
        restricted = {
            variable.name: [variable.states[i] for i in choices]
            for variable, choices in zip(space.variables, self.allowed, strict=True)
            if len(choices) < len(variable.states)
        }
        finite = {c.metric: [None if math.isinf(end) else end for end in (c.lower, c.upper)] for c in self.constraints}
        return {
            "kind": self.kind,
            "objectives": {o.metric: o.direction for o in self.objectives},
            "constraints": finite,
            "within": restricted,
            "options": dict(self.options),
        }

    @classmethod
    def from_json(cls, bench: Predictor, content: Mapping[str, Any]) -> ResolvedQuestion:
        """Read what `to_json` gives, whose types were checked."""
        metrics = bench.metrics
        return cls(
            content["kind"],
            tuple(parse_objective(metrics, (m, d)) for m, d in content["objectives"].items()),
            parse_constraints(metrics, {m: tuple(ends) for m, ends in content["constraints"].items()}),
            parse_within(bench.space, content["within"]),
            MappingProxyType(dict(content["options"])),
        )

    def key(self, bench: Predictor) -> str:
        """Tell questions, benchmarks and versions apart: SHA-256 of all that a result depends on."""
        asked = self.to_json(bench.space)
        asked["options"].pop("max_points", None)  # limits what may be found, and changes nothing of it
        content = [
            _core.__version__,
            bench.space.sha256,
            asked,
            [objective.metric for objective in self.objectives],  # whose order matters
            described(bench, self.metrics),
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def __str__(self) -> str:
        sought = [str(o) for o in self.objectives] or [self.kind]
        limits = [str(c) for c in self.constraints]
        return ", ".join(sought) + (f" subject to {', '.join(limits)}" if limits else "")
