"""Rules of a space as what holds for choices, for libraries that have rules of their own, or none."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from accelnas.errors import SpaceError
from accelnas.space.definition import definition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from accelnas.space import Rows, Space
    from accelnas.space.parts import Choice, Variable

__all__ = [
    "Clause",
    "Rules",
    "allowed",
    "can_hold",
    "is_active",
    "joined",
    "parents_first",
    "stated_rules",
]

# by variable, the numbers of some choices: holds where each has one of them
Clause: TypeAlias = "dict[str, frozenset[int]]"
# by variable, what it is active under, and what no architecture has
Rules: TypeAlias = "tuple[dict[str, list[Clause]], list[Clause]]"

MOST = 1 << 14  # clauses that rules may combine into
TRIES = 32  # of each number of changes to what is forbidden


def stated_rules(table: Mapping[str, Any], choices: Mapping[str, Sequence[Choice]]) -> Rules:
    """Give the rules of a ``[space]`` table but for classes; an equivalence forbids what it stands for."""

    def clause(when: Mapping[str, Any]) -> Clause:
        return {name: _numbers(choices[name], own if isinstance(own, list) else [own]) for name, own in when.items()}

    conditions: dict[str, list[Clause]] = {}
    for condition in table.get("conditions", ()):
        for name in condition["variables"]:
            conditions.setdefault(name, []).append(clause(condition["when"]))
    forbidden = [clause(rule["when"]) for rule in table.get("forbidden", ())]
    for rule in table.get("equivalences", ()):
        for name, choice in rule["same_as"].items():
            others = frozenset(range(len(choices[name]))) - _numbers(choices[name], [choice])
            forbidden += joined([clause(rule["when"])], [{name: others}])
    return conditions, forbidden


@lru_cache(maxsize=16)
def parents_first(space: Space) -> tuple[tuple[Variable, list[Clause]], ...]:
    """Give the variables, each behind those that it depends on, with what it is active under.

    Examples
    --------
    >>> from accelnas import spaces
    >>> [variable.name for variable, _ in parents_first(spaces.load("transnas-macro"))][:2]
    ['modules', 'module1']
    """
    choices = {variable.name: variable.choices for variable in space.variables}
    conditions = stated_rules(definition(space), choices)[0] if space.has_rules else {}
    waiting = {variable.name: variable for variable in space.variables}
    result = []
    while waiting:  # no circle: the space was checked
        for name in list(waiting):
            alternatives = conditions.get(name, [{}])
            if not any(parent in waiting for clause in alternatives for parent in clause):
                result.append((waiting.pop(name), alternatives))
    return tuple(result)


def is_active(alternatives: Iterable[Clause], numbers: Mapping[str, int]) -> bool:
    """Whether a variable is active under the numbers of other variables' choices; inactive ones have none."""
    return any(all(numbers.get(name) in own for name, own in clause.items()) for clause in alternatives)


def allowed(space: Space, rows: Rows) -> Rows:
    """Give the canonical forms of choices of every variable; what is forbidden becomes a near architecture that is not.

    The same row always becomes the same architecture.

    Raises
    ------
    SpaceError
        If a variable that is active has no choice.

    Examples
    --------
    >>> from accelnas import spaces
    >>> space = spaces.load("transnas-macro")
    >>> space.format(allowed(space, np.array([[0, 1, 2, 0, 0, 3, 3]], np.uint8)))
    ['n4_2_3_1_1_~_~']
    """
    if not space.has_rules:
        return rows
    try:
        return space.encode(rows)
    except SpaceError:
        return np.concatenate([_near(space, row) for row in rows])


def _near(space: Space, row: Rows) -> Rows:
    """Change more and more variables by chance until nothing is forbidden."""
    most = np.array([len(variable.choices) for variable in space.variables])
    if (row >= most).any():
        return space.encode(row[None])
    chance = np.random.default_rng(row)
    for changes in range(len(row) + 1):
        for _ in range(TRIES if changes else 1):
            near, places = row.copy(), chance.choice(len(row), changes, replace=False)
            near[places] = chance.integers(0, most[places])
            try:
                return space.encode(near[None])
            except SpaceError:
                continue
    return space.sample(1, int(chance.integers(2**63)))


def joined(some: list[Clause], others: list[Clause]) -> list[Clause]:
    """Give clauses of which one holds where one of some and one of others do."""
    if len(some) * len(others) > MOST:
        raise SpaceError(f"rules combine into {len(some) * len(others)} clauses, at most {MOST} are read; state fewer")
    both = [{name: a.get(name, b.get(name, frozenset())) & b.get(name, a.get(name, frozenset()))
             for name in {**a, **b}} for a in some for b in others]  # fmt: skip
    return list({frozenset(clause.items()): clause for clause in filter(can_hold, both)}.values())


def can_hold(clause: Clause) -> bool:
    """Whether there are choices for which a clause holds."""
    return all(clause.values())


def _numbers(choices: Sequence[Choice], own: Iterable[Choice]) -> frozenset[int]:
    """Give the places of some choices; True is not 1."""
    wanted = [(choice, isinstance(choice, bool)) for choice in own]
    return frozenset(i for i, choice in enumerate(choices) if (choice, isinstance(choice, bool)) in wanted)
