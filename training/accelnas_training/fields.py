"""Dataclasses whose fields are checked when they are made, from Python or from a TOML table."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

from accelnas_training.errors import SchemeError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Table = TypeVar("Table", bound=DataclassInstance)

__all__ = ["Limits", "check_fields", "from_table"]

_KINDS = {int: "a whole number", float: "a finite number", str: "a string", bool: "true or false"}


@dataclass(frozen=True)
class Limits:
    """What a field may be: written as ``Annotated[float, Limits(least=0, less_than=1)]``."""

    least: float = -math.inf
    most: float = math.inf
    more_than: float = -math.inf
    less_than: float = math.inf
    choices: tuple[str, ...] = ()

    def broken(self, value: Any) -> str:
        """Say which limit a value does not keep; nothing if it keeps all."""
        if self.choices:
            return "" if value in self.choices else f"one of {', '.join(self.choices)}"
        limits = {
            f"at least {self.least:g}": value >= self.least,
            f"at most {self.most:g}": value <= self.most,
            f"more than {self.more_than:g}": value > self.more_than,
            f"less than {self.less_than:g}": value < self.less_than,
        }
        return next((limit for limit, holds in limits.items() if not holds), "")


def check_fields(instance: DataclassInstance, where: str = "") -> None:
    """Check types and limits of a dataclass; whole numbers become floats where those are meant.

    Parameters
    ----------
    instance
        The dataclass, which may be frozen.
    where
        What to call it in messages: the name of its TOML table.

    Raises
    ------
    SchemeError
        If a value is of another type or outside its limits; the message names it.
    """
    hints, limits = _hints(type(instance)), _hints(type(instance), limits=True)
    for each in fields(instance):
        name = f"{where}.{each.name}".lstrip(".")
        value = _typed(name, getattr(instance, each.name), hints[each.name])
        object.__setattr__(instance, each.name, value)
        for limit in getattr(limits[each.name], "__metadata__", ()):
            if broken := limit.broken(value):
                raise SchemeError(f"{name} is {value!r}; expected {broken}")


def from_table(kind: type[Table], table: Mapping[str, Any], where: str = "") -> Table:
    """Make a dataclass, and those inside it, from a table as TOML and JSON give it.

    Raises
    ------
    SchemeError
        If a key is unknown, missing, or holds what `check_fields` refuses.
    """
    hints, known = _hints(kind), {each.name: each for each in fields(kind)}
    for key in table:
        if key not in known:
            alike = difflib.get_close_matches(key, known, 1)
            remedy = f"is {alike[0]} meant?" if alike else f"choose among {', '.join(known)}"
            raise SchemeError(f"unknown key {f'{where}.{key}'.lstrip('.')}; {remedy}")
    values = {}
    for key, each in known.items():
        name = f"{where}.{key}".lstrip(".")
        if key not in table:
            if each.default is MISSING and each.default_factory is MISSING:
                raise SchemeError(f"{name} is missing; give it a value")
        elif is_dataclass(hints[key]) and isinstance(hints[key], type):
            if not isinstance(table[key], Mapping):
                raise SchemeError(f"{name} is {table[key]!r}; expected a table [{name}]")
            values[key] = from_table(hints[key], table[key], name)
        else:
            values[key] = _typed(name, table[key], hints[key])
    return kind(**values)


@cache  # searches make thousands of schemes
def _hints(kind: type, limits: bool = False) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=limits)


def _typed(name: str, value: Any, hint: Any) -> Any:
    """Give the value as its type: 1 as 1.0, a list as a tuple."""
    if get_origin(hint) is tuple:
        items = get_args(hint)
        if not isinstance(value, (list, tuple)) or len(value) != len(items):
            raise SchemeError(f"{name} is {value!r}; expected {len(items)} values")
        return tuple(_typed(name, each, item) for each, item in zip(value, items, strict=True))
    if get_origin(hint) is not None or hint not in _KINDS:
        return value  # a table, which checks itself
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not hint or (hint is float and not math.isfinite(value)):
        raise SchemeError(f"{name} is {value!r}; expected {_KINDS[hint]}")
    return value
