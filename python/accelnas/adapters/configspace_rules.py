"""Conditions and forbidden clauses of ConfigSpace as rules of a space, and back."""

from __future__ import annotations

from functools import cache, reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.adapters.rules import can_hold, joined, stated_rules
from accelnas.errors import SpaceError
from accelnas.space.definition import defined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy.typing as npt
    from ConfigSpace import ConfigurationSpace

    from accelnas.adapters.rules import Clause, Rules
    from accelnas.space.parts import Choice

__all__ = ["KINDS", "read_rules", "same_blocks", "write_rules"]

KINDS = ("conditions", "forbidden", "equivalences")
SMALL = 1 << 12  # joint choices of variables that conditions make one block


def write_rules(configspace: ConfigurationSpace, rules: Rules, choices: Mapping[str, Sequence[Choice]]) -> None:
    """Add rules to a configuration space."""
    from ConfigSpace import (
        AndConjunction,
        EqualsCondition,
        ForbiddenAndConjunction,
        ForbiddenEqualsClause,
        ForbiddenInClause,
        InCondition,
        OrConjunction,
    )

    def named(clause: Clause) -> Iterable[tuple[Any, list[Choice]]]:
        return ((configspace[name], [choices[name][i] for i in sorted(own)]) for name, own in clause.items())

    def one(kind: Any, parts: list[Any]) -> Any:
        return parts[0] if len(parts) == 1 else kind(*parts)

    conditions, forbidden = rules
    added: list[Any] = []
    for name, alternatives in conditions.items():
        if all(alternatives):  # one of nothing always holds
            child = configspace[name]
            written = [
                one(
                    AndConjunction,
                    [
                        EqualsCondition(child, parent, values[0])
                        if len(values) == 1
                        else InCondition(child, parent, values)
                        for parent, values in named(clause)
                    ],
                )
                for clause in alternatives
            ]
            added.append(one(OrConjunction, written))
    for clause in filter(can_hold, forbidden):
        parts = [
            ForbiddenEqualsClause(parent, values[0]) if len(values) == 1 else ForbiddenInClause(parent, values)
            for parent, values in named(clause)
        ]
        added.append(one(ForbiddenAndConjunction, parts))
    configspace.add(*added)


def read_rules(
    configspace: ConfigurationSpace,
    choices: Mapping[str, Sequence[Choice]],
    vectors: Mapping[str, npt.NDArray[np.float64]],
    noted: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Give the rules of a configuration space about some of its hyperparameters.

    Parameters
    ----------
    configspace
        The configuration space.
    choices, vectors
        Of each hyperparameter that is read, the choices and the numbers that stand for them.
    noted
        Tables of rules, which are given where they say the same.

    Raises
    ------
    SpaceError
        If rules name other hyperparameters, or are of an unknown kind.
    """
    reader = _Reader(configspace, vectors)
    active = {name: reader.active(name) for name in choices if configspace.parent_conditions_of[name]}
    conditions = {name: own for name, own in active.items() if all(own)}
    for name, own in conditions.items():
        own[:] = own or [{configspace.parents_of[name][0].name: frozenset()}]
    forbidden = [clause for rule in configspace.forbidden_clauses for clause in reader.clauses(rule)]
    if noted and _same((conditions, forbidden), noted, choices):
        return {key: noted[key] for key in KINDS if key in noted}
    together: dict[str, tuple[list[str], list[Clause]]] = {}  # variables that are active under the same
    for name, own in conditions.items():
        together.setdefault(repr(_normal(own)), ([], own))[0].append(name)

    def when(clause: Clause) -> dict[str, list[Choice]]:
        return {name: [choices[name][i] for i in sorted(own)] for name, own in clause.items()}

    return {
        "conditions": [{"variables": own, "when": when(clause)} for own, many in together.values() for clause in many],
        "forbidden": [{"when": when(clause)} for clause in forbidden],
    }


def same_blocks(
    variables: Mapping[str, dict[str, object]], conditions: Sequence[Mapping[str, Any]]
) -> dict[str, list[dict[str, object]]]:
    """Give blocks: variables that conditions join are one where that has few joint choices, each other one its own."""
    group = {name: [name] for name in variables}
    for condition in conditions:
        for name in (*condition["variables"], *condition["when"]):
            first = group[condition["variables"][0]]
            if group[name] is not first:
                first += group[name]
                group.update(dict.fromkeys(group[name], first))
    order = {name: position for position, name in enumerate(variables)}
    blocks: dict[str, list[dict[str, object]]] = {}
    for members in {id(own): own for own in group.values()}.values():
        members.sort(key=order.__getitem__)
        own = {name: [variables[name]] for name in members}
        inside = [condition for condition in conditions if condition["variables"][0] in own]
        if len(own) > 1 and defined("block", own, conditions=inside).size <= SMALL:
            own = {members[0]: [variables[name] for name in members]}
        blocks.update(own)
    return blocks


class _Reader:
    """What conditions and clauses of ConfigSpace hold for, by asking them about each choice."""

    def __init__(self, configspace: ConfigurationSpace, vectors: Mapping[str, npt.NDArray[np.float64]]) -> None:
        self._configspace, self._vectors = configspace, vectors
        self.active = cache(self._active)

    def _active(self, name: str) -> list[Clause]:
        return reduce(joined, map(self.clauses, self._configspace.parent_conditions_of[name]), [{}])

    def clauses(self, rule: Any) -> list[Clause]:
        """Give clauses of which one holds where the rule does."""
        from ConfigSpace.conditions import AndConjunction, Condition, OrConjunction
        from ConfigSpace.forbidden import (
            ForbiddenAndConjunction,
            ForbiddenClause,
            ForbiddenOrConjunction,
            ForbiddenRelation,
        )

        if isinstance(rule, (AndConjunction, ForbiddenAndConjunction)):
            return reduce(joined, map(self.clauses, rule.components))
        if isinstance(rule, (OrConjunction, ForbiddenOrConjunction)):
            return [clause for part in rule.components for clause in self.clauses(part)]
        if isinstance(rule, Condition):
            return self._of_one(rule.parent.name, rule, rule.satisfied_by_vector)
        if isinstance(rule, ForbiddenClause):
            return self._of_one(rule.hyperparameter.name, rule, rule.is_forbidden_vector)
        if isinstance(rule, ForbiddenRelation):
            return self._of_two(rule.left.name, rule.right.name, rule)
        raise SpaceError(f"{rule} is a {type(rule).__name__}, which is not known; state it as conditions or clauses")

    def _of_one(self, name: str, rule: Any, holds: Callable[[Any], Any]) -> list[Clause]:
        vector = self._blank(name, rule)
        when_inactive = self._inactive(name) if holds(vector) else []  # as what is not equal
        own = frozenset(i for i in range(len(self._vectors[name])) if holds(self._set(vector, name, i)))
        return [{name: own}, *when_inactive] if own else when_inactive

    def _of_two(self, left: str, right: str, rule: Any) -> list[Clause]:
        vector = self._blank(left, rule)
        self._blank(right, rule)
        result = []
        for i in range(len(self._vectors[left])):
            self._set(vector, left, i)
            try:
                own = frozenset(
                    j for j in range(len(self._vectors[right])) if rule.is_forbidden_vector(self._set(vector, right, j))
                )
            except TypeError as error:
                raise SpaceError(f"{rule}: {error}; compare numbers with numbers") from None
            result += joined([{left: frozenset([i])}], [{right: own}])
        return result

    def _inactive(self, name: str) -> list[Clause]:
        """Give clauses of which one holds where a hyperparameter is inactive."""
        result: list[Clause] = [{}]
        for clause in self.active(name):
            negated: list[Clause] = []
            for parent, own in clause.items():
                others = frozenset(range(len(self._vectors[parent]))) - own
                negated += [{parent: others}] if others else []
                negated += self._inactive(parent)
            result = joined(result, negated)
        return result

    def _blank(self, name: str, rule: Any) -> npt.NDArray[np.float64]:
        if name not in self._vectors:
            raise SpaceError(f"{name} is left out, but ({rule}) names it; keep it, or remove that rule")
        return np.full(len(self._configspace), np.nan)

    def _set(self, vector: npt.NDArray[np.float64], name: str, choice: int) -> npt.NDArray[np.float64]:
        vector[self._configspace.index_of[name]] = self._vectors[name][choice]
        return vector


def _normal(clauses: Iterable[Clause]) -> list[list[tuple[str, list[int]]]]:
    """Give clauses that can hold in one order."""
    return sorted(sorted((name, sorted(own)) for name, own in clause.items()) for clause in clauses if can_hold(clause))


def _same(rules: Rules, noted: Mapping[str, Any], choices: Mapping[str, Sequence[Choice]]) -> bool:
    """Whether noted tables say the same as rules."""
    try:
        conditions, forbidden = stated_rules(noted, choices)
    except (KeyError, TypeError, AttributeError):  # of variables that are left out, or no such tables
        return False
    found = {name: _normal(own) for name, own in rules[0].items()}
    expected = {name: _normal(own) for name, own in conditions.items() if all(own)}
    return found == expected and _normal(rules[1]) == _normal(forbidden)
