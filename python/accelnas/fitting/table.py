"""Tables of measurements: their files, and numbers that were written as text."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import polars as pl

from accelnas.errors import DataError
from accelnas.fitting.lookalikes import check_table
from accelnas.fitting.records import read_records

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence
    from pathlib import Path

__all__ = ["TABLES", "describes", "is_table", "numbers", "read_table", "seed_columns"]

TABLES = (".csv", ".parquet", ".json", ".jsonl", ".ndjson")
_SEED = re.compile(r"(?P<metric>.+)_seed\d+")

MISSING = {"", "-", "--", "?", "na", "n/a", "nan", "none", "null", "missing"}
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
PLAIN = re.compile(NUMBER)
# a number with what people write around it: a sign, currency or comparison before; thousands, decimal commas and
# colons of times within; a deviation, bracket or unit after it (but not the x of 3x3)
DECORATED = re.compile(
    r"[~≈<>≤≥=$€£−]*\s*"
    rf"(?:{NUMBER}|[+-]?\d{{1,3}}(?:[.,'’_\s\u202f]\d{{3}})+(?:[.,]\d+)?|[+-]?\d+,\d+|\d+(?::\d\d)+(?:\.\d+)?)"
    r"\s*(?:(?:±|\+/?-|\\pm).*|[(\[].*|%|(?!x\d)[a-zA-Zµμ°][\w/²³·^-]*(?:\s+\S+){0,2})?"
)


def is_table(path: Path) -> bool:
    """Whether a file is a table by its name."""
    return path.suffix.lower() in TABLES and path.is_file()


def seed_columns(names: Sequence[str], metric: str) -> list[str]:
    """Give those columns that are repeats of a metric.

    Examples
    --------
    >>> seed_columns(["top1_seed0", "top1_seed1", "top5_seed0"], "top1")
    ['top1_seed0', 'top1_seed1']
    """
    return [name for name in names if repeated_metric(name) == metric]


def describes(name: str, columns: Container[str]) -> bool:
    """Say whether a column describes the measurements of a metric that is among the columns: its ``METRIC_std``, ….

    Examples
    --------
    >>> [describes(name, ["speed", "power_std"]) for name in ("speed_std", "speed_threads", "speed", "power_std")]
    [True, True, False, False]
    """
    metric, _, what = name.rpartition("_")
    return what in ("std", "session", "processors", "threads") and metric in columns


def repeated_metric(name: str) -> str | None:
    """Give the metric that a column ``METRIC_seedN`` repeats, or None of another column."""
    found = _SEED.fullmatch(name)
    return found["metric"] if found else None


def read_table(path: Path) -> pl.DataFrame:
    """Read a table of Parquet, CSV, JSON or JSON lines (see `read_records`), by the ending of its name.

    Raises
    ------
    DataError
        If it is none of them, with what it is, or two columns have one name.
    """
    kind = path.suffix.lower()
    if kind not in TABLES:
        raise DataError(f"{path}: the name of a table ends in {', '.join(TABLES)}; rename or export it")
    check_table(path)
    readers: dict[str, Callable[[Path], pl.DataFrame]] = {".csv": _read_csv, ".parquet": pl.read_parquet}
    try:
        return readers.get(kind, read_records)(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path} is not a readable {kind[1:]} table: {str(error).splitlines()[0]}") from error


def _read_csv(path: Path) -> pl.DataFrame:
    names = pl.read_csv(path, has_header=False, n_rows=1, infer_schema=False).row(0)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{path} has two columns {twice[0] or 'without a name'}; rename or drop one")
    if len(names) == 1 and (found := re.search(r"[;\t]", names[0] or "")):
        raise DataError(f"{path}: columns are separated by {found[0]!r}; write CSV with commas")
    return pl.read_csv(path, infer_schema_length=None)


def numbers(series: pl.Series, ids: pl.Series) -> pl.Series | None:
    """Give a column as float64, or None where it holds no measurements.

    Text is read where each value is a number or stands for a missing one; errors name rows by `ids` and their name.

    Raises
    ------
    DataError
        If most values are numbers but one is not, or is written with a unit, a deviation or the like.

    Examples
    --------
    >>> numbers(pl.Series("accuracy", ["71.2", "n/a", "68"]), pl.Series([0, 1, 2])).to_list()
    [71.2, None, 68.0]
    >>> numbers(pl.Series("device", ["phone", "watch"]), pl.Series([0, 1])) is None
    True
    """
    if series.dtype.is_numeric():
        return series.cast(pl.Float64)
    if series.dtype == pl.Duration:
        raise DataError(f"column {series.name} holds durations; give numbers, say in milliseconds")
    if series.dtype not in (pl.String, pl.Categorical, pl.Enum):
        return None
    texts = [
        None if text is None or text.strip().lower() in MISSING else text.strip() for text in series.cast(pl.String)
    ]
    given = [text for text in texts if text is not None]
    if 2 * sum(DECORATED.fullmatch(text) is not None for text in given) <= len(given):
        return None
    for row, text in enumerate(texts):
        if text is not None and PLAIN.fullmatch(text) is None:
            raise DataError(
                f"{ids.name} {ids[row]}: {series.name} is {text!r}; write the number alone, without unit, deviation or "
                "thousands separators, leave empty what was not measured, and leave out a column that is no metric"
            )
    return pl.Series(series.name, [None if text is None else float(text) for text in texts], pl.Float64)
