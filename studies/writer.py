"""The files of a reproduction: Markdown, CSV and SVG."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from accelnas.reports import joined, markdown, number, write_files
from studies.base import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from studies.base import Comparison, Reproduction, Table

__all__ = ["write_reproduction"]


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
        f"Published: {reproduction.source}. {made}",
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
    return ", ".join(parts) + "."


def _compared(reproduction: Reproduction) -> str:
    sources = any(c.source for c in reproduction.comparisons)
    lines = [
        [
            f"{c.quantity} [{c.unit}]" if c.unit else c.quantity,
            *([c.source] if sources else []),
            f"**{c.verdict.value}**" if c.verdict is Verdict.MISSED else c.verdict.value,
            f"{c.published:.4g}",
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
