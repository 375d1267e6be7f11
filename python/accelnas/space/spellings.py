"""What a cell of a table may say of a variable's choices."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Spellings", "is_missing"]

_LARGEST = 2**64  # of numbers that are written: Python refuses to write thousands of digits


def is_missing(value: object) -> bool:
    """Whether a cell is empty: None, NaN, empty text, or what pandas has for one."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or value == "" or type(value).__name__ in ("NAType", "NaTType")


class Spellings:
    """Choice indices of what cells say.

    A cell is the choice itself; or its text, that of `labels` or of a truth value (true, True, 1), with blanks around
    it and, where that is no other choice, in capitals; or a number for a truth value or for text of it. An empty cell,
    or ``~``, is an inactive variable. True is no 1, and a number is a choice only if they are equal.

    Examples
    --------
    >>> expansion, squeeze = Spellings([1, 4, 6]), Spellings([False, True])
    >>> [expansion.code(value) for value in (4, 4.0, " 4 ", True, None)]
    [1, 1, 1, None, None]
    >>> [squeeze.code(value) for value in (True, "TRUE", 1, 2)]
    [1, 1, 1, None]
    """

    def __init__(self, choices: Sequence[object], labels: Sequence[str] = (), *, conditional: bool = False) -> None:
        self.inactive = len(choices) if conditional else None
        self._exact = {(type(choice), choice): code for code, choice in enumerate(choices)}
        self._equal: dict[float | Decimal, int] = {}  # numbers and truth values
        self._texts: dict[str, int] = {}
        forms = [[str(choice) for choice in choices], list(labels)]
        forms += [[_other_text(choice) for choice in choices]]
        for form in forms:  # a choice's own text comes first
            for code, text in enumerate(form):
                self._texts.setdefault(text, code)
        for code, choice in enumerate(choices):
            if isinstance(choice, (bool, int, float)):
                self._equal.setdefault(choice, code)
        if self.inactive is not None:
            self._texts.setdefault("~", self.inactive)
        self._lower: dict[str, int | None] = {}
        for text, code in self._texts.items():
            same = self._lower.setdefault(text.lower(), code) == code
            self._lower[text.lower()] = code if same else None

    def code(self, value: Any) -> int | None:
        """Give the choice index of a cell, or None of a value that is no choice."""
        value = value.item() if isinstance(value, np.generic) else value
        if isinstance(value, (bool, int, float, str)) and (type(value), value) in self._exact:
            return self._exact[type(value), value]
        if is_missing(value):
            return self.inactive
        if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
            if value in self._equal:
                return self._equal[value]
            return self._texts.get(str(value)) if -_LARGEST < value < _LARGEST else None
        if not isinstance(value, (bool, str)):
            return None
        text = str(value).strip()
        found = self._lower.get(text.lower()) if isinstance(value, bool) else self._texts.get(text)
        if found is None and isinstance(value, str):
            found = self.inactive if text == "" else self._lower.get(text.lower())
        return found

    @property
    def integers(self) -> dict[int, int]:
        """Choice indices by whole number, where all choices are such, or truth values; else nothing."""
        kinds = {kind for kind, _ in self._exact}
        return {int(value): code for value, code in self._equal.items()} if kinds in ({int}, {bool}) else {}

    @property
    def truth(self) -> dict[int, int]:
        """Choice indices by truth value, where all choices are such; else nothing."""
        return self.integers if all(kind is bool for kind, _ in self._exact) else {}


def _other_text(choice: object) -> str:
    """Write a choice in another way: a truth value as the space does, a whole number as a fraction."""
    if isinstance(choice, bool):
        return str(int(choice))
    return str(float(choice)) if isinstance(choice, int) else str(choice)
