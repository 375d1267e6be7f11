"""JSON files that are replaced whole, and read without trust."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from accelnas.errors import AccelnasError, SearchError
from accelnas.files import read_text, write_text

if TYPE_CHECKING:
    import os

__all__ = ["parse_json", "read_json", "sha256_of", "write_json"]


def sha256_of(content: object) -> str:
    """Digest of plain data, whatever the order of names: tells altered files from whole ones.

    Raises
    ------
    SearchError
        If there is a number that JSON does not have.
    """
    try:
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise SearchError(f"no JSON: {error}; give finite numbers, texts, lists and objects") from None
    return hashlib.sha256(text.encode()).hexdigest()


def write_json(path: str | os.PathLike[str], content: object) -> None:
    """Write a file that takes the place of an older one only when complete."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a file of strict JSON."""
    return parse_json(read_text(path, SearchError), str(path))


def parse_json(text: str, what: str, error: type[AccelnasError] = SearchError, *, constants: bool = False) -> Any:
    """Parse strict JSON, or what may hold the constants NaN and Infinity, which Python writes."""
    refuse = None if constants else _refuse_constant
    try:
        return json.loads(text, parse_constant=refuse, object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as reason:
        raise error(f"{what} is no JSON: {reason}; make it again") from None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!a} is given twice")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")
