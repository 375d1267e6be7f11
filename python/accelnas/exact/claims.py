"""What certificates of each kind of question claim, as plain data: so that a stranger's can be read and checked."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from accelnas.errors import SearchError
from accelnas.exact.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CLAIMS", "Claims", "Counts", "checked_question", "take_values"]


@dataclass(frozen=True)
class Counts:
    """How the architectures were settled.

    Attributes
    ----------
    evaluated : int
        Evaluated one by one.
    pruned : int
        Excluded by a bound.
    settled : int
        Counted by a bound.
    unlawful : int
        Joint states of blocks that break rules of the space and are no architectures; the others count them too.
    """

    evaluated: int
    pruned: int
    settled: int
    unlawful: int = 0

    @property
    def total(self) -> int:
        """All joint states that are dealt with."""
        return self.evaluated + self.pruned + self.settled


class Claims(ABC):
    """What a kind of question has to say of its certificates.

    Attributes
    ----------
    name : str
        What certificates call the kind.
    objectives : range
        How many objectives it has.
    """

    name: ClassVar[str]
    objectives: ClassVar[range]

    def check_question(self, content: Mapping[str, Any], where: str) -> None:
        """Refuse a question whose objectives do not fit the kind."""
        count = len(content["objectives"])
        if count not in self.objectives:
            expected = " or ".join(map(str, self.objectives))
            raise SearchError(f"{where} has {count} objectives; {self.name} takes {expected}")

    @abstractmethod
    def check_options(self, options: Fields) -> None:
        """Take the options, each of its type."""

    @abstractmethod
    def check_result(self, result: Fields, question: Mapping[str, Any], size: int, counts: Counts) -> None:
        """Take what was found, each field of its type and length."""

    @abstractmethod
    def bound(self, question: Mapping[str, Any], findings: Mapping[str, Any], size: int) -> str:
        """Say what a complete search proves of all architectures that the result doesn't name."""

    def partial_bound(self, question: Mapping[str, Any], findings: Mapping[str, Any], dealt_with: int) -> str:
        """Say what is proven before the search is complete."""
        return "nothing: the search was interrupted"


CLAIMS: dict[str, Claims] = {}
"""By name; `accelnas.exact.kinds` fills it."""


def take_values(result: Fields, metrics: Mapping[str, Any], count: int) -> None:
    """Take so many values of each metric."""
    values = result.object("values")
    for metric in metrics:
        values.numbers(metric, count)
    values.end()


def checked_question(fields: Fields, where: str) -> dict[str, Any]:
    """Read a question of a stranger."""
    content: dict[str, Any] = {"kind": fields.text("kind", tuple(CLAIMS))}
    for name in ("objectives", "constraints", "within", "options"):
        content[name] = fields.mapping(name)
    fields.end()
    directions = Fields(dict(content["objectives"]), f"{where}: objectives")
    for metric in content["objectives"]:
        directions.text(metric, ("maximise", "minimise"))
    for metric, ends in content["constraints"].items():
        if not (isinstance(ends, list) and len(ends) == 2 and all(map(_is_end, ends)) and ends != [None, None]):
            raise SearchError(f"{where}: the constraint on {metric} is {ends!r}; expected two numbers, one may be null")
    for variable, choices in content["within"].items():
        if not isinstance(choices, list) or not all(isinstance(c, (bool, int, float, str)) for c in choices):
            raise SearchError(f"{where}: within leaves {variable} {choices!r}; expected a list of choices")
    claims, place = CLAIMS[content["kind"]], f"{where}: question"
    options = Fields(dict(content["options"]), f"{place}: options")
    claims.check_options(options)
    options.end()
    claims.check_question(content, place)
    return content


def _is_end(end: object) -> bool:
    return end is None or (isinstance(end, (int, float)) and not isinstance(end, bool) and math.isfinite(end))
