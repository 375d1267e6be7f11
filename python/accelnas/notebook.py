"""Small HTML tables that notebooks show of results: in the notebook's own colours, whatever they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from accelnas.reports import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["MOST", "Table", "Tabled", "evenly", "of_columns"]

MOST = 20  # rows


class Table(NamedTuple):
    """Rows of a table, those that are shown, and how many there are in all."""

    header: Sequence[str]
    rows: Sequence[Sequence[Any]]
    total: int


class Tabled(ABC):
    """What a notebook shows as a table."""

    @abstractmethod
    def _table(self) -> Table:
        """Give what is shown."""

    def _caption(self) -> str:
        """Text above the table."""
        return repr(self).removeprefix("<").removesuffix(">")

    def _repr_html_(self) -> str:
        header, rows, total = self._table()
        few = f"; {len(rows)} of {total:,} rows are shown" if len(rows) < total else ""
        caption = f'<caption style="text-align: left">{escape(self._caption() + few)}</caption>'
        texts = [all(isinstance(row[i], str) for row in rows) for i in range(len(header))]
        head = "".join(_cell("th", name, is_text) for name, is_text in zip(header, texts, strict=True))
        lines = "".join(
            f"<tr>{''.join(_cell('td', value, isinstance(value, str)) for value in row)}</tr>" for row in rows
        )
        body = f"<thead><tr>{head}</tr></thead><tbody>{lines}</tbody>"
        return f'<div style="overflow-x: auto"><table>{caption}{body}</table></div>'


def _cell(tag: str, value: object, is_text: bool) -> str:
    """Write a cell: numbers and their heads on the right, text on the left."""
    side = "left" if is_text else "right"
    return f'<{tag} style="text-align: {side}">{escape(_text(value))}</{tag}>'


def _text(value: object) -> str:
    if isinstance(value, (float, np.floating)):
        return number(float(value), 6) if np.isfinite(value) or value != value else str(float(value))
    return f"{value:,}" if isinstance(value, (int, np.integer)) else "" if value is None else str(value)


def evenly(count: int, most: int = MOST) -> list[int]:
    """Choose so many of the rows of a table at most, the first and the last among them.

    Examples
    --------
    >>> evenly(3), evenly(100, 4)
    ([0, 1, 2], [0, 33, 66, 99])
    """
    chosen: list[int] = np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int)).tolist()
    return chosen


def of_columns(columns: Mapping[str, Sequence[Any]], positions: Iterable[int] | None = None) -> Table:
    """Make a table of some positions of columns; by default at most `MOST`, evenly chosen."""
    total = len(next(iter(columns.values()))) if columns else 0
    chosen = evenly(total) if positions is None else list(positions)
    return Table(list(columns), [[column[i] for column in columns.values()] for i in chosen], total)
