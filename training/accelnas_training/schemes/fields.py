"""Dataclasses whose fields are checked when they are made, from Python or from a TOML table."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import MISSING, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

from accelnas_training.errors import SchemeError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Table = TypeVar("Table", bound=DataclassInstance)

__all__ = ["check_fields", "choice", "from_table", "number"]

_KINDS = {int: "a whole number", float: "a finite number", str: "a string", bool: "true or false"}


def number(
    default: Any = MISSING,
    *,
    least: float = -math.inf,
    most: float = math.inf,
    more_than: float = -math.inf,
    less_than: float = math.inf,
) -> Any:
    """Give a field for a number between limits; ``least`` and ``most`` are allowed, the others are not."""
    limits = {
        f"at least {least:g}": lambda value: value >= least,
        f"at most {most:g}": lambda value: value <= most,
        f"more than {more_than:g}": lambda value: value > more_than,
        f"less than {less_than:g}": lambda value: value < less_than,
    }
    return field(default=default, metadata={"limits": limits})


def choice(*options: str, default: Any = MISSING) -> Any:
    """Give a field for one of some words."""
    limits = {f"one of {', '.join(options)}": lambda value: value in options}
    return field(default=default, metadata={"limits": limits})


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
    hints = get_type_hints(type(instance))
    for each in fields(instance):
        name = f"{where}.{each.name}".lstrip(".")
        value = _typed(name, getattr(instance, each.name), hints[each.name])
        object.__setattr__(instance, each.name, value)
        for limit, holds in each.metadata.get("limits", {}).items():
            if not holds(value):
                raise SchemeError(f"{name} is {value!r}; expected {limit}")


def from_table(kind: type[Table], table: Mapping[str, Any], where: str = "") -> Table:
    """Make a dataclass, and those inside it, from a table as TOML and JSON give it.

    Raises
    ------
    SchemeError
        If a key is unknown, missing, or holds what `check_fields` refuses.
    """
    hints, known = get_type_hints(kind), {each.name: each for each in fields(kind)}
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
                raise SchemeError(f"{name} is missing; every scheme says it")
        elif is_dataclass(hints[key]) and isinstance(hints[key], type):
            if not isinstance(table[key], Mapping):
                raise SchemeError(f"{name} is {table[key]!r}; expected a table [{name}]")
            values[key] = from_table(hints[key], table[key], name)
        else:
            values[key] = _typed(name, table[key], hints[key])
    return kind(**values)


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
