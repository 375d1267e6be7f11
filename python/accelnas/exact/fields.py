"""Reads plain data from a stranger: every field has its type, none is missing, none is unknown."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

from accelnas._core import MAX_SIZE
from accelnas.errors import SearchError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Fields"]

_DEEPEST = 16  # objects and lists inside each other; certificates have 5


class Fields:
    """Fields of an object of a JSON file.

    Examples
    --------
    >>> fields = Fields({"k": 3}, "part.json")
    >>> fields.integer("k", least=1)
    3
    >>> fields.end()
    """

    def __init__(self, content: object, where: str) -> None:
        if not isinstance(content, dict):
            raise SearchError(f"{where} is {_shown(content)}; expected an object")
        self._open: dict[str, Any] = dict(content)
        self._where = where

    @classmethod
    def of_stranger(cls, content: object, where: str) -> Fields:
        """Take an object whose texts are Unicode, whose numbers fit float64, and which is not nested deeply."""
        inner = [(content, 0)]
        while inner:
            value, depth = inner.pop()
            if depth > _DEEPEST:
                raise SearchError(f"{where} is nested more than {_DEEPEST} deep; make it again")
            if isinstance(value, dict):
                inner += [(part, depth + 1) for entry in value.items() for part in entry]
            elif isinstance(value, (list, tuple)):
                inner += [(part, depth + 1) for part in value]
            elif isinstance(value, str):
                if any("\ud800" <= char <= "\udfff" for char in value):
                    raise SearchError(f"{where} holds the text {_shown(value)}, which is no Unicode; make it again")
            elif isinstance(value, (int, float)):
                if not abs(value) <= sys.float_info.max:
                    shown = value if isinstance(value, float) else f"an integer of {value.bit_length()} bits"
                    raise SearchError(f"{where} holds {shown}, expected numbers that float64 has; make it again")
            elif value is not None:
                raise SearchError(f"{where} holds a {type(value).__name__}, expected what JSON has; make it again")
        return cls(content, where)

    def _take(self, name: str, kind: type | tuple[type, ...], expected: str) -> Any:
        if name not in self._open:
            raise SearchError(f"{self._where} lacks the field {name}; make it again")
        value = self._open.pop(name)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.wrong(name, value, expected)
        return value

    def has(self, name: str) -> bool:
        """Whether there is a field that is not taken yet."""
        return name in self._open

    def wrong(self, name: str, value: object, expected: str) -> SearchError:
        """Give the error of a field."""
        return SearchError(f"{self._where}: {name} is {_shown(value)}; expected {expected}")

    def text(self, name: str, choices: tuple[str, ...] = ()) -> str:
        """Take a text, one of the choices where there are any."""
        expected = " or ".join(choices) or "a text"
        value: str = self._take(name, str, expected)
        if choices and value not in choices:
            raise self.wrong(name, value, expected)
        return value

    def digest(self, name: str) -> str:
        """Take a SHA-256 in hexadecimal."""
        value = self.text(name)
        if len(value) != 64 or value.strip("0123456789abcdef"):
            raise self.wrong(name, value, "64 hexadecimal digits")
        return value

    def integer(self, name: str, *, least: int = 0, most: int = MAX_SIZE) -> int:
        """Take an integer of a range."""
        value: int = self._take(name, int, f"an integer of {least} to {most}")
        if not least <= value <= most:
            raise self.wrong(name, value, f"an integer of {least} to {most}")
        return value

    def truth(self, name: str) -> bool:
        """Take true or false."""
        value: bool = self._take(name, bool, "true or false")
        return value

    def number(self, name: str, *, least: float = -math.inf) -> float:
        """Take a finite number."""
        value = float(self._take(name, (int, float), "a number"))
        if not math.isfinite(value) or value < least:
            raise self.wrong(name, value, "a finite number" + ("" if least == -math.inf else f" of at least {least:g}"))
        return value

    def is_null(self, name: str) -> bool:
        """Whether a field is null; it is still to be taken."""
        return self._open.get(name) is None

    def nothing(self, name: str) -> None:
        """Take null."""
        self._take(name, type(None), "null")

    def texts(self, name: str) -> list[str]:
        """Take a list of texts."""
        return self._list(name, str, "texts")

    def numbers(self, name: str, length: int) -> list[float]:
        """Take a list of so many finite numbers."""
        values = [float(value) for value in self._list(name, (int, float), "numbers")]
        if len(values) != length or not all(map(math.isfinite, values)):
            raise self.wrong(name, values, f"{length} finite numbers")
        return values

    def optional_numbers(self, name: str, length: int) -> list[float | None]:
        """Take a list of so many finite numbers and nulls."""
        values = [None if v is None else float(v) for v in self._list(name, (int, float, type(None)), "numbers")]
        if len(values) != length or not all(value is None or math.isfinite(value) for value in values):
            raise self.wrong(name, values, f"{length} finite numbers or nulls")
        return values

    def rows(self, name: str, length: int, width: int) -> list[list[float]]:
        """Take so many lists of so many finite numbers each."""
        rows = self._list(name, list, "lists")
        for row in rows:
            if len(row) != width or not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in row):
                raise self.wrong(name, row, f"lists of {width} numbers")
        if len(rows) != length:
            raise self.wrong(name, f"a list of {len(rows)}", f"{length} lists")
        return [[float(value) for value in row] for row in rows]

    def integers(self, name: str, length: int | None, *, least: int = 0, most: int = MAX_SIZE) -> list[int]:
        """Take a list of so many integers, or of any number of them, of a range, by default of 64 bits."""
        values: list[int] = self._list(name, int, "integers")
        if length not in (None, len(values)) or not all(least <= value <= most for value in values):
            raise self.wrong(name, values, f"{'' if length is None else f'{length} '}integers of {least} to {most}")
        return values

    def objects(self, name: str, length: int) -> list[Fields]:
        """Take a list of so many objects."""
        values = self._list(name, dict, "objects")
        if len(values) != length:
            raise self.wrong(name, f"a list of {len(values)}", f"{length} objects")
        return [Fields(value, f"{self._where}: {name}[{i}]") for i, value in enumerate(values)]

    def _list(self, name: str, kind: type | tuple[type, ...], what: str) -> list[Any]:
        values: list[Any] = self._take(name, list, f"a list of {what}")
        if not all(isinstance(value, kind) and not isinstance(value, bool) for value in values):
            raise self.wrong(name, values, f"a list of {what}")
        return values

    def object(self, name: str) -> Fields:
        """Take an object."""
        return Fields(self._take(name, dict, "an object"), f"{self._where}: {name}")

    def mapping(self, name: str) -> Mapping[str, Any]:
        """Take an object whose names are not known beforehand."""
        value: dict[str, Any] = self._take(name, dict, "an object")
        return value

    def end(self) -> None:
        """Refuse what was not taken."""
        if self._open:
            raise SearchError(f"{self._where} has an unknown field {next(iter(self._open))}; make it again")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
