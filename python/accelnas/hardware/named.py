"""TOML files that come with the package, by name, and those of users."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from accelnas.errors import ModelError
from accelnas.files import parse_toml, read_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    T = TypeVar("T")

__all__ = ["DATA", "load_named", "names"]

DATA = Path(__file__).parents[1] / "data"


def names(what: str) -> tuple[str, ...]:
    """Give the names of the files of a folder of the package's data."""
    return tuple(sorted(path.stem for path in (DATA / what).glob("*.toml")))


def load_named(path: str | PathLike[str], folder: str, what: str, parse: Callable[[dict[str, Any], str], T]) -> T:
    """Read one of `names`, or a file; `parse` makes of its table, and its name, what it says.

    Raises FileError if there is no such file, and ModelError, with the file's name, if it does not hold together.
    """
    known = names(folder)
    file = DATA / folder / f"{path}.toml" if str(path) in known else Path(path)
    if not file.exists() and file.name == str(path) and not file.suffix:
        raise ModelError(f"there is no {what} {str(path)!r}; choose {', '.join(known)}, or name a file")
    try:
        return parse(parse_toml(read_text(file, ModelError), str(file), ModelError), file.stem)
    except ModelError as error:
        raise ModelError(f"{file}: {error}") from None
