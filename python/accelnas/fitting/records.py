"""Tables of measurements as JSON: a list of records, records by architecture, or a record a line."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import polars as pl

from accelnas.errors import DataError
from accelnas.exact.files import parse_json
from accelnas.files import DATA, read_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["read_records"]


def read_records(path: Path) -> pl.DataFrame:
    """Read ``[{"architecture": …, "top1": 71.2}, …]``, a record a line or ``{ARCHITECTURE: {"top1": 71.2}, …}``.

    A list in place of a number, ``"top1": [71.2, 70.8]``, is repeats: columns ``top1_seed0`` and ``top1_seed1``.

    Raises
    ------
    DataError
        If it is neither, with the record at fault.
    """
    try:
        content = _parsed(read_bytes(path, DATA).decode("utf-8-sig"), path)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text: {error}; make it again") from None
    if isinstance(content, dict):
        named = [(f"record {name!r}", row, {"architecture": name}) for name, row in content.items()]
    elif isinstance(content, list):
        named = [(f"record {i}", row, {}) for i, row in enumerate(content)]
    else:
        raise DataError(f"{path} is one {type(content).__name__}; write a list of records, or records by architecture")
    records = [_flat(f"{path}, {name}", row, own) for name, row, own in named]
    columns = dict.fromkeys(name for record in records for name in record)
    try:
        return pl.DataFrame([_series(name, [record.get(name) for record in records]) for name in columns])
    except UnicodeEncodeError as error:
        raise DataError(f"{path}: {error.object[:100]!a} is no text that UTF-8 can write; mend it") from None


def _parsed(text: str, path: Path) -> Any:
    """Parse the whole text, or each of its lines if the first one is a record."""
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if path.suffix.lower() == ".json" and (len(lines) < 2 or not _is_record(lines[0][1])):
        return parse_json(text, str(path), DataError, constants=True)
    return [parse_json(line, f"{path}, line {number}", DataError, constants=True) for number, line in lines]


def _is_record(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _flat(where: str, row: object, own: dict[str, Any]) -> dict[str, Any]:
    """Give a record with a column for each repeat."""
    if not isinstance(row, dict):
        raise DataError(f"{where} is {json.dumps(row)[:100]}; write an object of names and values")
    found = dict(own)
    for name, value in row.items():
        repeats = {f"{name}_seed{i}": one for i, one in enumerate(value)} if isinstance(value, list) else {name: value}
        for column, one in repeats.items():
            if isinstance(one, dict | list):
                raise DataError(f"{where}: {name} is {json.dumps(value)[:100]}; write a number, or a list of repeats")
            if column in found:
                raise DataError(f"{where}: {column} is given twice; leave one out")
            found[column] = one
    return found


def _series(name: str, values: Sequence[Any]) -> pl.Series:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int}:
        given = [value for value in values if value is not None]
        if min(given) < -(2**63) or max(given) >= 2**64 or (min(given) < 0 and max(given) >= 2**63):
            raise DataError(f"{name} holds integers beyond 64 bits; write smaller ones, or floats")
        return pl.Series(name, values, pl.Int64 if max(given) < 2**63 else pl.UInt64)
    if kinds <= {int, float}:
        return pl.Series(name, [None if value is None else _float(value) for value in values], pl.Float64)
    if kinds in ({str}, {bool}):
        return pl.Series(name, values)
    return pl.Series(
        name, [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
    )


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits
        return math.inf if value > 0 else -math.inf
