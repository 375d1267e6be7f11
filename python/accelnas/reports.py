"""Reports: numbers and tables in Markdown, and the files beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelnas.errors import FileError
from accelnas.files import replacing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

__all__ = ["joined", "markdown", "number", "write_files"]


def number(value: float, digits: int = 4) -> str:
    """Format with some significant digits and without an exponent.

    Examples
    --------
    >>> number(0.012345), number(123.456), number(12345.6), number(0.0), number(float("nan"))
    ('0.01235', '123.5', '12346', '0', '–')
    """
    if value != value:
        return "–"
    if value == 0 or abs(value) < 1e-12:
        return "0"
    text = f"{value:#.{digits}g}".rstrip(".")
    return f"{value:.0f}" if "e+" in text else f"{value:.{digits + 5}f}" if "e-" in text else text


def markdown(header: Sequence[str], rows: Sequence[Sequence[Any]], words: int = 1) -> str:
    """Make a table whose first `words` columns are text and the others numbers; nothing of no rows.

    Floats have four digits, integers commas, and None is empty.

    Examples
    --------
    >>> print(markdown(["name", "rows", "error"], [["a", 1200, 0.25]]))
    | name | rows | error |
    |---|---:|---:|
    | a | 1,200 | 0.2500 |
    """
    if not rows:
        return ""
    rule = "|" + "---|" * words + "---:|" * (len(header) - words)
    head, *lines = ("| " + " | ".join(map(_cell, cells)) + " |" for cells in (header, *rows))
    return "\n".join([head, rule, *lines])


def _cell(value: object) -> str:
    if isinstance(value, float):
        return number(value)
    return f"{value:,}" if isinstance(value, int) else "" if value is None else str(value)


def joined(*sections: str) -> str:
    """Join sections of a report, without empty ones."""
    return "\n\n".join(section for section in sections if section) + "\n"


def write_files(folder: Path, files: Mapping[str, Callable[[Path], object] | str]) -> None:
    """Write each file, a text or what writes it, whole or not at all, in their order.

    Raises
    ------
    FileError
        If a folder can't be made or written to.
    """
    try:
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with replacing(folder / name) as temporary:
                if isinstance(content, str):
                    temporary.write_text(content, encoding="utf-8")
                else:
                    content(temporary)
    except OSError as error:
        raise FileError(f"{folder}: {(error.strerror or str(error)).lower()}; name a folder to write to") from error
