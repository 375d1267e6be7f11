"""Reports of figures on a data set: Markdown, and beside it a plot and a table of all numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelnas import __version__
from accelnas.files import replacing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import polars as pl

    from accelnas.build.dataset import Dataset
    from accelnas.build.splits import Split

__all__ = ["made_by", "write_files"]


def made_by(command: str, dataset: Dataset, split: Split, path: Path, more: str = "") -> str:
    """Say what made a report: command, version, data, and `more` after these; and where all numbers are."""
    return (
        f"Made by\n\n    {command}\n\nwith accelnas {__version__} from data {dataset.sha256[:12]}, split {split.name} "
        f"({split.sha256[:12]}){more}. All numbers are in `{path.stem}.parquet`."
    )


def write_files(path: Path, text: str, results: pl.DataFrame, draw: Callable[[pl.DataFrame, Path], None]) -> None:
    """Write the report to `path`, its plot (``.svg``) and numbers (``.parquet``) beside it; the report last."""
    with replacing(path.with_suffix(".parquet")) as temporary:
        results.write_parquet(temporary)
    with replacing(path.with_suffix(".svg")) as temporary:
        draw(results, temporary)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
