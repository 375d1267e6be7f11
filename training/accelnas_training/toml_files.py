"""TOML files that people write: read, and complained of where they can't be."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["read_shipped", "read_toml"]


def read_toml(path: Path, kind: type[Exception], remedy: str) -> dict[str, Any]:
    """Read a file, or raise `kind`, which names the file and what is wrong; `remedy` follows where there is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise kind(f"{path}: {error.strerror}; {remedy}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise kind(f"{path} is not TOML: {error}") from error


def read_shipped(
    name_or_path: str | Path, shipped: Sequence[str], folder: Path, kind: type[Exception], what: str
) -> tuple[Path, dict[str, Any]]:
    """Read ``NAME.toml`` of a folder where the name is a shipped one, or any file; give its path and content."""
    if str(name_or_path) in shipped:
        path = folder / f"{name_or_path}.toml"
    else:
        path = Path(name_or_path)
        if not path.exists():
            names = ", ".join(shipped)
            raise kind(f"no {what} {name_or_path}; choose one of {names}, or name a TOML file")
    return path, read_toml(path, kind, "name a TOML file")
