"""JSON files that are replaced whole, and read without trust."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelnas.errors import FileError, SearchError
from accelnas.files import replacing

if TYPE_CHECKING:
    import os

__all__ = ["read_json", "write_json"]


def write_json(path: str | os.PathLike[str], content: object) -> None:
    """Write a file that takes the place of an older one only when complete."""
    path = Path(path)
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    try:
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from error


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a file of strict JSON."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SearchError(f"{path} is no text: {error}; make it again") from None
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise SearchError(f"{path} is no JSON: {error}; make it again") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")
