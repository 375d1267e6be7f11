"""JSON files that are replaced whole, and read without trust."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from accelnas.errors import FileError, SearchError

__all__ = ["read_json", "write_json"]


def write_json(path: str | os.PathLike[str], content: object) -> None:
    """Write a file that takes the place of an older one only when complete."""
    path = Path(path)
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)  # mkstemp makes private files
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise FileError(f"{path}: {error.strerror}") from error


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
