"""Reports: Markdown, and beside it plots and tables of all numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelnas import __version__
from accelnas.circumstances import machine, versions
from accelnas.reports import write_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import polars as pl

    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.splits import Split


LIBRARIES = ("accelnas-training", "torch", "timm")


def circumstances(command: str) -> str:
    """Say what made a report, with what, and where."""
    libraries = ", ".join(f"{name} {version}" for name, version in versions(LIBRARIES).items())
    return f"Made by\n\n    {command}\n\nwith {libraries} on {machine()}."


def made_by(command: str, dataset: Dataset, split: Split, path: Path, more: str = "") -> str:
    """Say what made a report: command, version, data, and `more` after these; and where all numbers are."""
    return (
        f"Made by\n\n    {command}\n\nwith accelnas {__version__} from data {dataset.sha256[:12]}, split {split.name} "
        f"({split.sha256[:12]}){more}. All numbers are in `{path.stem}.parquet`."
    )


def write_report(path: Path, text: str, results: pl.DataFrame, draw: Callable[[pl.DataFrame, Path], None]) -> None:
    """Write a Markdown file, its plot (``.svg``) and all numbers (``.parquet``) beside it; the report last."""
    files = {f"{path.stem}.parquet": results.write_parquet, f"{path.stem}.svg": lambda plot: draw(results, plot)}
    write_files(path.parent, files | {path.name: text})
