"""UBJSON, the binary form of JSON in which XGBoost writes models (https://ubjson.org)."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["decode"]

NUMBERS = {b"i": ">i1", b"U": ">u1", b"I": ">i2", b"l": ">i4", b"L": ">i8", b"d": ">f4", b"D": ">f8"}
CONSTANTS = {b"T": True, b"F": False, b"Z": None, b"N": None}
DEPTH = 100


def decode(data: bytes) -> Any:
    r"""Return the value that bytes hold.

    Raises
    ------
    ValueError
        If they are no UBJSON, or cut short.

    Examples
    --------
    >>> decode(b"{i\x01aSi\x02hi" + b"i\x01b[$i#i\x02\x01\x02}")
    {'a': 'hi', 'b': [1, 2]}
    """
    reader = _Reader(data)
    value = reader.value(reader.take(1), 0)
    if reader.at != len(data):
        raise ValueError(f"{len(data) - reader.at} bytes follow the end")
    return value


class _Reader:
    """Walks over the bytes."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        part = self.data[self.at : self.at + size]
        if size < 0 or len(part) < size:
            raise ValueError(f"{size} bytes are expected at {self.at}, {len(self.data) - self.at} are left")
        self.at += size
        return part

    def skips(self, mark: bytes) -> bool:
        """Whether a mark is next, which is then passed."""
        found = self.data[self.at : self.at + 1] == mark
        self.at += found
        return found

    def length(self) -> int:
        kind = self.take(1)
        size = self.value(kind, 0) if kind in NUMBERS else None
        if type(size) is not int or size < 0:
            raise ValueError(f"a length is {kind!r} {size!r}")
        return size

    def value(self, kind: bytes, depth: int) -> Any:
        if depth > DEPTH:
            raise ValueError(f"values are nested deeper than {DEPTH}")
        if kind in NUMBERS:
            form = np.dtype(NUMBERS[kind])
            return np.frombuffer(self.take(form.itemsize), form)[0].item()
        if kind in CONSTANTS:
            return CONSTANTS[kind]
        if kind == b"S":
            return self.take(self.length()).decode()
        if kind == b"C":
            return self.take(1).decode()
        if kind == b"[":
            return self.array(depth + 1)
        if kind == b"{":
            return self.object(depth + 1)
        raise ValueError(f"a value starts with {kind!r}")

    def array(self, depth: int) -> list[Any]:
        kind, count = self.container()
        if kind in NUMBERS and count is not None:
            form = np.dtype(NUMBERS[kind])
            numbers: list[Any] = np.frombuffer(self.take(count * form.itemsize), form).tolist()
            return numbers
        values: list[Any] = []
        while count is None or len(values) < count:
            if count is None and self.skips(b"]"):
                break
            values.append(self.value(kind or self.take(1), depth))
        return values

    def object(self, depth: int) -> dict[str, Any]:
        kind, count = self.container()
        found: dict[str, Any] = {}
        while count is None or len(found) < count:
            if count is None and self.skips(b"}"):
                break
            key = self.take(self.length()).decode()
            if key in found:
                raise ValueError(f"{key!r} occurs twice")
            found[key] = self.value(kind or self.take(1), depth)
        return found

    def container(self) -> tuple[bytes, int | None]:
        """Type of all values and their number, where they are stated ahead."""
        kind = self.take(1) if self.skips(b"$") else b""
        if not self.skips(b"#"):
            if kind:
                raise ValueError("a type without a number of values")
            return kind, None
        count = self.length()
        if count > len(self.data):
            raise ValueError(f"{count} values are announced in {len(self.data)} bytes")
        return kind, count
