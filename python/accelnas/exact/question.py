"""Questions about a whole space: what is wanted, of which architectures, under which constraints."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from accelnas import _core
from accelnas.arguments import check_whole
from accelnas.errors import SpaceError
from accelnas.exact.artifacts import described
from accelnas.exact.constraints import Constraint, Constraints, parse_constraints, require_tables
from accelnas.exact.sampling import predictable, sampling_options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelnas.benchmark import Benchmark
    from accelnas.space import Choice, Space

__all__ = ["Objective", "Question", "Within", "best_question", "count_question", "parse_within"]

Within: TypeAlias = "Mapping[str, Choice | Sequence[Choice]]"
"""A choice, or several, by the name of the variable; other variables have all of theirs."""


@dataclass(frozen=True)
class Objective:
    """A metric and which of its ends is sought."""

    metric: str
    direction: str


@dataclass(frozen=True)
class Question:
    """What is asked of which architectures.

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

    @property
    def size(self) -> int:
        """Number of architectures."""
        return math.prod(len(choices) for choices in self.allowed)

    def estimated(self, kind: str, samples: int, seed: int) -> Question:
        """Ask the same of random architectures."""
        options = {**sampling_options(self.size, samples, seed), **self.options}
        return replace(self, kind=kind, options=MappingProxyType(options))

    def search(self, bench: Benchmark, threads: int | None, *, prune: bool = True) -> _core.Search:
        """Prepare the search; without pruning every architecture is evaluated."""
        from accelnas.exact.kinds import KINDS

        if self.size > _core.MAX_SIZE:
            raise SpaceError(
                f"{self.size:.3g} architectures are too many to search, 2**64 or more; restrict the space with within, "
                "or estimate a count, a rank or a distribution with method='sample'"
            )
        kind, position = KINDS[self.kind], bench._core.position
        search: _core.Search = _core.Search(
            bench._core,
            kind.core,
            [(position(o.metric), o.direction) for o in self.objectives],
            [(position(c.metric), c.lower, c.upper) for c in self.constraints],
            [list(choices) for choices in self.allowed],
            prune=prune,
            threads=threads,
            **kind.core_options(bench, self.options),
        )
        return search

    def to_json(self, space: Space) -> dict[str, Any]:
        """Give the question as plain data: values in place of choice indices, null for no bound."""
        restricted = {
            variable.name: [variable.choices[i] for i in choices]
            for variable, choices in zip(space.variables, self.allowed, strict=True)
            if len(choices) < len(variable.choices)
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
    def from_json(cls, bench: Benchmark, content: Mapping[str, Any]) -> Question:
        """Read what `to_json` gives, whose types were checked."""
        from accelnas.exact.kinds import KINDS

        metrics = predictable(bench.metrics) if KINDS[content["kind"]].sampled else bench.metrics
        return cls(
            content["kind"],
            tuple(Objective(require_tables(metrics, m), d) for m, d in content["objectives"].items()),
            parse_constraints(metrics, {m: tuple(ends) for m, ends in content["constraints"].items()}),
            parse_within(bench.space, content["within"]),
            MappingProxyType(dict(content["options"])),
        )

    def key(self, bench: Benchmark) -> str:
        """Tell questions, benchmarks and versions apart: SHA-256 of all that a result depends on."""
        content = [
            _core.__version__,
            bench.space.sha256,
            self.to_json(bench.space),
            [objective.metric for objective in self.objectives],  # whose order matters
            described(bench, self.metrics),
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def __str__(self) -> str:
        sought = [f"{o.direction} {o.metric}" for o in self.objectives] or [self.kind]
        limits = [str(c) for c in self.constraints]
        return ", ".join(sought) + (f" subject to {', '.join(limits)}" if limits else "")


def best_question(
    bench: Benchmark, objective: str, *, subject_to: Constraints = (), within: Within | None = None, k: int = 1
) -> Question:
    """Ask for the `k` best architectures; see `Benchmark.best`.

    Examples
    --------
    >>> import accelnas
    >>> str(best_question(accelnas.load(), "accuracy", subject_to="latency_zcu102 <= 5"))
    'maximise accuracy subject to latency_zcu102 <= 5.0'
    """
    k = check_whole("k", k, 1, _core.MAX_BEST)
    sought = Objective(require_tables(bench.metrics, objective), bench.metrics[objective].direction)
    limits = parse_constraints(bench.metrics, subject_to)
    return Question("best", (sought,), limits, parse_within(bench.space, within), MappingProxyType({"k": k}))


def count_question(
    bench: Benchmark,
    subject_to: Constraints,
    *,
    within: Within | None = None,
    drawn: tuple[int, int] | None = None,
) -> Question:
    """Ask how many architectures meet constraints; see `Benchmark.count`. `drawn`: samples and seed of an estimate."""
    metrics = bench.metrics if drawn is None else predictable(bench.metrics)
    limits = parse_constraints(metrics, subject_to)
    question = Question("count", (), limits, parse_within(bench.space, within))
    return question if drawn is None else question.estimated("count estimate", *drawn)


def parse_within(space: Space, within: Within | None) -> tuple[tuple[int, ...], ...]:
    """Give the allowed choice indices of every variable, ascending.

    Raises
    ------
    SpaceError
        If a variable or a choice is unknown, or a variable has no choice left.

    Examples
    --------
    >>> import accelnas
    >>> parse_within(accelnas.mnasnet_space(), {"block0_e": 6, "block0_k": [5, 3]})[:3]
    ((2,), (0, 1), (0, 1, 2))
    """
    given = dict(within or {})
    allowed = []
    for variable in space.variables:
        choices = given.pop(variable.name, variable.choices)
        several = [choices] if isinstance(choices, (bool, int, float, str)) else list(choices)
        if not several:
            raise SpaceError(
                f"within leaves {variable.name} no choice; give at least one of {_listed(variable.choices)}"
            )
        allowed.append(tuple(sorted({_index(variable.name, variable.choices, choice) for choice in several})))
    if given:
        names = ", ".join(v.name for v in space.variables)
        raise SpaceError(f"within names {', '.join(map(repr, given))}; the variables are {names}")
    return tuple(allowed)


def _index(name: str, choices: Sequence[Choice], choice: object) -> int:
    for i, known in enumerate(choices):
        # True == 1, yet they are different choices
        if known == choice and isinstance(known, bool) == isinstance(choice, bool):
            return i
    raise SpaceError(f"within: {name} is {choice!r}; choose from {_listed(choices)}")


def _listed(choices: Sequence[Choice]) -> str:
    return ", ".join(map(repr, choices))
