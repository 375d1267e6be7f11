"""Dataclasses whose fields are checked when they are made, from Python, a TOML table or JSON."""

from __future__ import annotations

import difflib
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Union, get_args, get_origin, get_type_hints

from accelnas.errors import AccelnasError, FileError
from accelnas.files import parse_toml, read_text
from accelnas_training.errors import SchemeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

_KINDS = {int: "a whole number", float: "a finite number", str: "a string", bool: "true or false"}


@dataclass(frozen=True)
class Range:
    """What a field may be: written as ``Annotated[float, Range(least=0, less_than=1)]``."""

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


@dataclass(frozen=True)
class Checked:
    """What checks its fields when it is made; whole numbers become floats where those are meant, lists tuples.

    Attributes
    ----------
    error
        What is raised where a key is unknown or missing, or a value is of another type or outside its `Range`; the
        message names it.
    where
        Name of its table in files, for messages.
    """

    error: ClassVar[type[AccelnasError]] = SchemeError
    where: ClassVar[str] = ""

    def __post_init__(self) -> None:
        hints = self._hints()
        for each in fields(self):
            hint = hints[each.name]
            value = self._typed(self._name(each.name), getattr(self, each.name), hint)
            object.__setattr__(self, each.name, value)

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Self:
        """Make it, and those inside it, from what `to_dict` or a TOML file gives; raises its `error`."""
        known = {each.name: each for each in fields(cls)}
        for key in table:
            if key not in known:
                alike = difflib.get_close_matches(key, known, 1, 0.7)
                remedy = f"is {alike[0]} meant?" if alike else f"choose among {', '.join(known)}"
                raise cls.error(f"unknown key {cls._name(key)}; {remedy}")
        hints = cls._hints()
        try:
            values = {key: cls._inner(cls._name(key), value, hints[key]) for key, value in table.items()}
            for key, each in known.items():
                if key not in table and each.default is MISSING and each.default_factory is MISSING:
                    raise cls.error(f"{cls._name(key)} is missing; give it a value")
            return cls(**values)
        except AccelnasError as error:  # of a table inside it
            if isinstance(error, cls.error):
                raise
            raise cls.error(str(error)) from error

    @classmethod
    def read(cls, name_or_path: str | Path, what: str, folder: Path | None = None, shipped: Sequence[str] = ()) -> Self:
        """Read ``NAME.toml`` of a folder where the name is a shipped one, or any TOML file; raises its `error`."""
        path = Path(name_or_path)
        if folder is not None and str(name_or_path) in shipped:
            path = folder / f"{name_or_path}.toml"
        elif shipped and not path.exists():
            raise cls.error(f"no {what} {name_or_path}; choose one of {', '.join(shipped)}, or name a TOML file")
        content = read_toml(path, cls.error, f"name a TOML file of a {what}")
        try:
            return cls.from_dict(cls._of_file(content, path.parent))
        except cls.error as error:
            raise cls.error(f"{path}: {error}") from error

    def changed(self, **dotted: Any) -> Self:
        """Give it with other values: ``batch_size=256``, ``**{"resize.end": 192}``; raises its `error`."""
        table = self.to_dict()
        for name, value in dotted.items():
            *path, key = name.split(".")
            inner: Any = table
            for step in path:
                inner = inner.setdefault(step, {}) if isinstance(inner, dict) else None
            if not isinstance(inner, dict):
                raise self.error(f"unknown key {name}; {'.'.join(path)} holds no others")
            inner[key] = value
        return self.from_dict(table)

    def to_dict(self) -> dict[str, Any]:
        """Give all values as plain tables, lists, strings and numbers, for JSON."""
        table: dict[str, Any] = json.loads(json.dumps(asdict(self), default=dict))
        return table

    def digest_of(self, title: str = "", left_out: Sequence[str] = ()) -> str:
        """Name the content, but for some fields: a SHA-256, 64 hex digits."""
        content = {key: value for key, value in self.to_dict().items() if key not in left_out}
        return hashlib.sha256(title.encode() + json.dumps(content, sort_keys=True).encode()).hexdigest()

    @classmethod
    @cache  # searches make thousands of schemes
    def _hints(cls) -> dict[str, Any]:
        return get_type_hints(cls, include_extras=True)

    @classmethod
    def _of_file(cls, content: dict[str, Any], folder: Path) -> dict[str, Any]:  # noqa: ARG003 (for others)
        """Give a file's content as `from_dict` takes it: paths in files are relative to their folder."""
        return content

    @classmethod
    def _name(cls, key: str) -> str:
        return f"{cls.where}.{key}".lstrip(".")

    @classmethod
    def _inner(cls, name: str, value: Any, hint: Any) -> Any:
        """Make a table what it stands for."""
        kind = next((each for each in (_bare(hint), *get_args(_bare(hint))) if _is_checked(each)), None)
        if kind is None or isinstance(value, kind):
            return value
        if not isinstance(value, Mapping):
            raise cls.error(f"{name} is {value!r}; expected a table [{name}]")
        return kind.from_dict(value)

    @classmethod
    def _typed(cls, name: str, value: Any, hint: Any) -> Any:
        """Give the value as its type: 1 as 1.0, a list as a tuple."""
        if get_origin(hint) is Annotated:
            value = cls._typed(name, value, _bare(hint))
            for limit in get_args(hint)[1:]:
                if value is not None and (broken := limit.broken(value)):
                    raise cls.error(f"{name} is {value!r}; expected {broken}")
            return value
        origin, items = get_origin(hint), get_args(hint)
        if origin in (Union, UnionType):
            return None if value is None else cls._typed(name, value, next(each for each in items if each != NoneType))
        if origin is tuple:
            several = items[-1:] == (...,)
            if not isinstance(value, (list, tuple)) or not (several or len(value) == len(items)):
                raise cls.error(f"{name} is {value!r}; expected {'a list' if several else f'{len(items)} values'}")
            kinds = items[:1] * len(value) if several else items
            return tuple(cls._typed(name, each, item) for each, item in zip(value, kinds, strict=True))
        if origin is Mapping and not isinstance(value, Mapping):
            raise cls.error(f"{name} is {value!r}; expected a table [{name}]")
        if hint not in _KINDS:
            return value  # a table, which checks itself
        if hint is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not hint or (hint is float and not math.isfinite(value)):
            raise cls.error(f"{name} is {value!r}; expected {_KINDS[hint]}")
        return value


def read_toml(path: Path, error: type[AccelnasError], remedy: str) -> dict[str, Any]:
    """Read a file, or raise `error`, which names the file and what is wrong; `remedy` follows where there is none."""
    try:
        text = read_text(path, error)
    except FileError as reason:
        raise error(f"{reason}; {remedy}") from reason
    return parse_toml(text, str(path), error)


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _is_checked(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Checked)
