"""JSON files that are replaced whole, and read without trust."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from accelnas.errors import SearchError
from accelnas.files import read_text, write_text

if TYPE_CHECKING:
    import os

__all__ = ["read_json", "write_json"]


def write_json(path: str | os.PathLike[str], content: object) -> None:
    """Write a file that takes the place of an older one only when complete."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a file of strict JSON."""
    try:
        return json.loads(read_text(path, SearchError), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        if isinstance(error, SearchError):
            raise
        raise SearchError(f"{path} is no JSON: {error}; make it again") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")
