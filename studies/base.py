"""Reproductions: numbers beside the published ones, tables, figures, circumstances; and the files they become."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from accelnas.reports import joined, markdown, number, write_files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Comparison", "Figure", "Reproduction", "Table", "Verdict", "write_reproduction"]

ROUNDING = 1e-9  # floating-point slack of a tolerance, relative to it


class Verdict(Enum):
    """What a comparison says."""

    REPRODUCED = "reproduced"
    BETTER = "better"
    MISSED = "not reproduced"
    INCOMPARABLE = "can not be compared"


@dataclass(frozen=True)
class Comparison:
    """One number beside the published one.

    Attributes
    ----------
    quantity, unit
        What it is; the unit is empty for a pure number.
    published, found
        In the unit.
    tolerance
        Largest difference in the unit with which the number still counts as reproduced.
    source
        Where the published number stands.
    best
        ``"highest"`` or ``"lowest"`` where a difference beyond the tolerance can be an improvement; None where not.
    comparable
        False where the two are of different things, which the report names; no difference is a verdict then.

    Examples
    --------
    >>> error = Comparison("MAE", 13.2, 14.1, tolerance=0.5, best="lowest")
    >>> round(error.difference, 1), error.verdict.value
    (0.9, 'not reproduced')
    """

    quantity: str
    published: float
    found: float
    tolerance: float
    unit: str = ""
    source: str = ""
    best: str | None = None
    comparable: bool = True

    @property
    def difference(self) -> float:
        """By how much the number is above the published one, in the unit."""
        return self.found - self.published

    @property
    def stated(self) -> str:
        """The published number as text, in four digits or all before the point."""
        return f"{self.published:.4g}" if abs(self.published) < 1e4 else f"{self.published:.0f}"

    @property
    def verdict(self) -> Verdict:
        """Whether it is reproduced; NaN is not."""
        if not self.comparable:
            return Verdict.INCOMPARABLE
        if abs(self.difference) <= self.tolerance * (1 + ROUNDING):
            return Verdict.REPRODUCED
        improved = {"highest": self.difference > 0, "lowest": self.difference < 0, None: False}
        return Verdict.BETTER if improved[self.best] else Verdict.MISSED


@dataclass(frozen=True)
class Table:
    """Numbers that go beyond the comparison.

    Attributes
    ----------
    name
        Of the file ``<reproduction>-<name>.csv``.
    title
        Heading in the report.
    frame
        One row a line; columns of text come first.
    text
        What to know of it, above its numbers.
    shown
        Whether the report shows all of it, or only names the file.
    """

    name: str
    title: str
    frame: pl.DataFrame
    text: str = ""
    shown: bool = True


@dataclass(frozen=True)
class Figure:
    """A drawing.

    Attributes
    ----------
    name
        Of the SVG file.
    caption
        What it shows.
    draw
        Writes the file.
    """

    name: str
    caption: str
    draw: Callable[[Path], None]


@dataclass(frozen=True)
class Reproduction:
    """One published result, computed again.

    Attributes
    ----------
    name, title
        For files and heading.
    source
        The publication, and where in it; empty for a study of its own.
    rule
        A sentence: which differences still count as reproduced, and why.
    comparisons
        Each number beside the published one.
    command
        What computes it again.
    machine
        Where it ran.
    versions
        Library to its version.
    tables, figures
        What goes beyond the comparison.
    remarks
        What a reader has to know to judge it: one paragraph each.
    """

    name: str
    title: str
    source: str
    rule: str
    comparisons: Sequence[Comparison]
    command: str
    machine: str
    versions: Mapping[str, str]
    tables: Sequence[Table] = field(default=())
    figures: Sequence[Figure] = field(default=())
    remarks: Sequence[str] = field(default=())

    def with_verdict(self, verdict: Verdict) -> list[Comparison]:
        """Return the comparisons that say so."""
        return [comparison for comparison in self.comparisons if comparison.verdict is verdict]


def write_reproduction(reproduction: Reproduction, folder: str | Path) -> Path:
    """Write ``<name>.md``, ``<name>.csv`` of comparisons, a CSV file a table and an SVG file a figure.

    Parameters
    ----------
    reproduction
        What to write; the same numbers give the same files.
    folder
        Made if needed; several reproductions fit into one.

    Returns
    -------
    Path
        Of the Markdown file, written last.

    Raises
    ------
    FileError
        If the folder can't be made or written to.
    """
    files: dict[str, Callable[[Path], object] | str] = {}
    if reproduction.comparisons:
        files[f"{reproduction.name}.csv"] = _comparison_frame(reproduction).write_csv
    files |= {_file_of(reproduction, table): table.frame.write_csv for table in reproduction.tables}
    files |= {f"{figure.name}.svg": figure.draw for figure in reproduction.figures}
    write_files(Path(folder), {**files, f"{reproduction.name}.md": _text(reproduction)})
    return Path(folder) / f"{reproduction.name}.md"


def _file_of(reproduction: Reproduction, table: Table) -> str:
    return f"{reproduction.name}-{table.name}.csv"


def _comparison_frame(reproduction: Reproduction) -> pl.DataFrame:
    columns = ("quantity", "unit", "published", "found", "difference", "tolerance", "verdict", "source")
    rows = [[getattr(comparison, name) for name in columns] for comparison in reproduction.comparisons]
    frame = pl.DataFrame(rows, columns, orient="row")
    return frame.with_columns(verdict=pl.Series([comparison.verdict.value for comparison in reproduction.comparisons]))


def _text(reproduction: Reproduction) -> str:
    libraries = ", ".join(f"{name} {version}" for name, version in reproduction.versions.items())
    made = f"Made by\n\n    {reproduction.command}\n\nwith {libraries} on {reproduction.machine}."
    sections = [
        f"# {reproduction.title}",
        f"Published: {reproduction.source}. {made}" if reproduction.source else made,
        f"**{_summary(reproduction)}** {reproduction.rule}" if reproduction.comparisons else reproduction.rule,
        _compared(reproduction) if reproduction.comparisons else "",
    ]
    sections += [f"![{figure.caption}]({figure.name}.svg)\n\n{figure.caption}" for figure in reproduction.figures]
    for table in reproduction.tables:
        body = _shown(table) if table.shown else f"{len(table.frame):,} rows, in `{_file_of(reproduction, table)}`."
        sections += [f"## {table.title}", table.text, body]
    if reproduction.remarks:
        sections += ["## Remarks", "\n".join(f"- {remark}" for remark in reproduction.remarks)]
    return joined(*sections)


def _summary(reproduction: Reproduction) -> str:
    """Say in words how many numbers are reproduced."""
    total = len(reproduction.comparisons)
    count = {verdict: len(reproduction.with_verdict(verdict)) for verdict in Verdict}
    if count[Verdict.REPRODUCED] == total:
        return f"All {total} numbers are reproduced."
    parts = [f"{count[Verdict.REPRODUCED]} of {total} numbers are reproduced"]
    if count[Verdict.BETTER]:
        parts.append(f"{count[Verdict.BETTER]} better than published")
    if count[Verdict.MISSED]:
        parts.append(f"{count[Verdict.MISSED]} not reproduced")
    if count[Verdict.INCOMPARABLE]:
        parts.append(f"{count[Verdict.INCOMPARABLE]} can not be compared")
    return ", ".join(parts) + "."


def _compared(reproduction: Reproduction) -> str:
    sources = any(c.source for c in reproduction.comparisons)
    lines = [
        [
            f"{c.quantity} [{c.unit}]" if c.unit else c.quantity,
            *([c.source] if sources else []),
            f"**{c.verdict.value}**" if c.verdict is Verdict.MISSED else c.verdict.value,
            c.stated,
            number(c.found),
            _signed(c),
        ]
        for c in reproduction.comparisons
    ]
    header = ["number", *(["stated in"] if sources else []), "verdict", "published", "here", "difference"]
    return markdown(header, lines, words=3 if sources else 2)


def _signed(comparison: Comparison) -> str:
    """Give the difference to the second digit of the tolerance."""
    if math.isnan(comparison.difference):
        return "–"
    decimals = 1 - math.floor(math.log10(comparison.tolerance)) if comparison.tolerance else 4
    return f"{comparison.difference:+.{max(decimals, 0)}f}".replace("-", "−")


def _shown(table: Table) -> str:
    words = sum(dtype == pl.String for dtype in table.frame.dtypes)
    return markdown(table.frame.columns, table.frame.rows(), words=words)
