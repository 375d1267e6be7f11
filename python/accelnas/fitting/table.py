"""Tables of measurements: their files, and numbers that were written as text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

from accelnas.errors import DataError
from accelnas.fitting.lookalikes import check_table

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["numbers", "read_table"]

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


def read_table(path: Path) -> pl.DataFrame:
    """Read a Parquet or CSV file.

    Raises
    ------
    DataError
        If it is neither, with what it is.
    """
    check_table(path)
    kind = path.suffix[1:].lower()
    try:
        if kind == "csv":
            return pl.read_csv(path, infer_schema_length=None)
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path} is not a readable {kind} table: {error}") from error


def numbers(series: pl.Series, ids: pl.Series) -> pl.Series | None:
    """Give a column as float64, or None where it holds no measurements.

    Text is read where each value is a number or stands for a missing one; errors name rows by `ids`.

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
                f"id {ids[row]}: {series.name} is {text!r}; write the number alone, without unit, deviation or "
                "thousands separators, leave empty what was not measured, and leave out a column that is no metric"
            )
    return pl.Series(series.name, [None if text is None else float(text) for text in texts], pl.Float64)
