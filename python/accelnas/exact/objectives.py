"""What is sought: metrics and directions, and the part of a space where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from accelnas.arguments import check_direction
from accelnas.errors import MetricError, SearchError, SpaceError

if TYPE_CHECKING:
    from accelnas.metric import Metric
    from accelnas.space import Choice, Space

__all__ = [
    "Objective",
    "ObjectiveLike",
    "Within",
    "known_metric",
    "parse_objective",
    "parse_objectives",
    "parse_within",
]

ObjectiveLike: TypeAlias = "str | tuple[str, str]"
"""A metric, sought in its own direction, or a metric and a direction."""
Within: TypeAlias = "Mapping[str, Choice | Sequence[Choice]]"
"""A choice, or several, by the name of the variable; other variables have all of theirs."""


@dataclass(frozen=True)
class Objective:
    """A metric and which of its ends is sought."""

    metric: str
    direction: str

    @property
    def sign(self) -> float:
        """What turns values into scores, of which more is better."""
        return 1.0 if self.direction == "maximise" else -1.0

    def __str__(self) -> str:
        return f"{self.direction} {self.metric}"


def known_metric(metrics: Mapping[str, Metric], name: object, place: str = "") -> str:
    """Give the name of a metric.

    Raises
    ------
    MetricError
        If there is none of that name.
    """
    if not isinstance(name, str) or name not in metrics:
        raise MetricError(f'unknown metric "{name}"{place}; the metrics are {", ".join(metrics)}')
    return name


def parse_objective(metrics: Mapping[str, Metric], given: ObjectiveLike) -> Objective:
    """Read an objective: a metric's name, or a pair of it and a direction.

    Raises
    ------
    MetricError
        If there is no such metric.
    SearchError
        If the direction is none, or the objective is of another form.

    Examples
    --------
    >>> import accelnas
    >>> metrics = accelnas.load().metrics
    >>> str(parse_objective(metrics, "macs")), str(parse_objective(metrics, ("macs", "maximize")))
    ('minimise macs', 'maximise macs')
    """
    if isinstance(given, str):
        return Objective(known_metric(metrics, given), metrics[given].direction)
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise SearchError(f"objective is {given!r}; give a metric, or a pair of a metric and a direction")
    metric = known_metric(metrics, given[0])
    return Objective(metric, check_direction(f"direction of {metric}", given[1]))


def parse_objectives(
    metrics: Mapping[str, Metric], given: Sequence[ObjectiveLike], least: int, most: int
) -> tuple[Objective, ...]:
    """Read so many different objectives; see `parse_objective`."""
    if not isinstance(given, (str, Sequence)):
        raise SearchError(f"objectives are {given!r}; give a sequence of metrics")
    listed = [given] if isinstance(given, str) else list(given)
    found = tuple(parse_objective(metrics, one) for one in listed)
    names = [objective.metric for objective in found]
    if not least <= len(names) <= most or len(set(names)) < len(names):
        wanted = "one or more" if least == 1 else f"{least} to {most}"
        raise SearchError(f"objectives are {', '.join(names) or 'none'}; give {wanted} different ones")
    return found


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
    if within is not None and not isinstance(within, Mapping):
        raise SpaceError(f"within is {within!r}; give choices by the names of variables")
    given = dict(within or {})
    allowed = []
    for variable in space.variables:
        choices = given.pop(variable.name, variable.states)
        several = list(choices) if isinstance(choices, Iterable) and not isinstance(choices, str) else [choices]
        if not several:
            raise SpaceError(
                f"within leaves {variable.name} no choice; give at least one of {_listed(variable.states)}"
            )
        indices = {_index(variable.name, variable.states, choice) for choice in several}
        if variable.conditional:  # where it is inactive, it has none of the other choices
            indices.add(len(variable.choices))
        allowed.append(tuple(sorted(indices)))
    if given:
        names = ", ".join(v.name for v in space.variables)
        raise SpaceError(f"within names {', '.join(map(repr, given))}; the variables are {names}")
    return tuple(allowed)


def _index(name: str, choices: Sequence[Choice | None], choice: object) -> int:
    for i, known in enumerate(choices):
        # True == 1, yet they are different choices
        if known == choice and isinstance(known, bool) == isinstance(choice, bool):
            return i
    raise SpaceError(f"within: {name} is {choice!r}; choose from {_listed(choices)}")


def _listed(choices: Sequence[Choice | None]) -> str:
    return ", ".join(map(repr, choices))
