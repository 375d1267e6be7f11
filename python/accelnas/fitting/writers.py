"""Tables written batch by batch, so that files may be larger than memory."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Full, Queue
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.errors import DataError, FileError
from accelnas.files import replacing, text_output

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import polars as pl

    from accelnas.fitting.readers import Columns

__all__ = ["write_table"]


def write_table(path: Path | None, batches: Iterable[Columns]) -> None:
    """Write batches of equal columns: Parquet if the name ends in ``.parquet``, else CSV.

    Parameters
    ----------
    path
        The file, replaced only if everything succeeds; None or ``-`` writes CSV to stdout.
    batches
        At least one, each naming the same columns.
    """
    if path is not None and path.suffix == ".parquet":
        _write_parquet(path, batches)
        return
    with text_output(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        for number, columns in enumerate(batches):
            if number == 0:
                writer.writerow(columns)
            writer.writerows(zip(*map(_texts, columns.values()), strict=True))


def _texts(values: Any) -> Iterable[object]:
    """Return what CSV shows: for float32, the shortest digits that give the same number back."""
    if isinstance(values, np.ndarray):
        texts: list[str] = values.astype(str).tolist()
        return texts
    if hasattr(values, "cast"):  # a Polars series
        import polars as pl

        return list(values.cast(pl.String))
    return tuple(values)


def _write_parquet(path: Path, batches: Iterable[Columns]) -> None:
    import polars as pl

    remaining = iter(batches)
    columns = next(remaining)
    first = pl.DataFrame(columns)
    first = first.with_columns(
        _with_own_type(first[name]) for name, cells in columns.items() if isinstance(cells, tuple)
    )
    row = first.height
    with replacing(path) as temporary, ParquetSink(path, temporary, first.schema) as sink:
        sink.write(first)
        for columns in remaining:
            frame = pl.DataFrame(columns)
            sink.write(_like(first, frame, row))
            row += frame.height


class ParquetSink:
    """Writes frames in a thread of its own, a few at most behind those that are given.

    Parameters
    ----------
    path : path
        What errors call the file.
    temporary : path
        The file.
    schema : polars.Schema
        Of all frames.

    Raises
    ------
    FileError
        Where it is left or written to, if the file can't be written.
    """

    def __init__(self, path: Path, temporary: Path, schema: pl.Schema) -> None:
        self._path, self._temporary, self._schema = path, temporary, schema
        self._frames: Queue[pl.DataFrame | None] = Queue(2)
        self._failed = False
        self._pool = ThreadPoolExecutor(1, "parquet")

    def __enter__(self) -> ParquetSink:
        self._done = self._pool.submit(self._sink)
        return self

    def write(self, frame: pl.DataFrame | None) -> None:
        """Hand over the next frame, or None after the last; wait while two are."""
        while not self._done.done():
            try:
                return self._frames.put(frame, timeout=0.1)
            except Full:
                continue
        return self._done.result()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._failed = kind is not None
        with self._pool, suppress(*([Exception] if self._failed else [])):  # what failed first is told
            self.write(None)
            self._done.result()

    def _sink(self) -> None:
        import polars as pl
        from polars.io.plugins import register_io_source

        try:
            register_io_source(self._given, schema=self._schema).sink_parquet(self._temporary)
        except pl.exceptions.PolarsError as error:  # a full disk, in Polars' words
            raise FileError(f"{self._path}: {error}; nothing was written") from error

    def _given(self, *_pushdown: object) -> Iterator[pl.DataFrame]:
        while (frame := self._frames.get()) is not None:
            yield frame
        if self._failed:
            raise FileError(f"{self._path} was not written to its end")


def _like(first: pl.DataFrame, frame: pl.DataFrame, start: int) -> pl.DataFrame:
    """Cast a later batch, which begins after row `start`, to the types of the first."""
    import polars as pl

    try:
        return frame.with_columns(_cast(frame[name], t) for name, t in first.schema.items())
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"a column changes its type after row {start}: {str(error).splitlines()[0]}; write CSV instead"
        ) from None


def _with_own_type(series: pl.Series) -> pl.Series:
    """Turn text that holds only numbers, or only truth values, into such."""
    import polars as pl

    if series.dtype != pl.String or not series.replace("", None).drop_nulls().len():
        return series
    for dtype in (pl.Int64, pl.Float64, pl.Boolean):
        try:
            return _cast(series, dtype())
        except pl.exceptions.PolarsError:
            continue
    return series


def _cast(series: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Cast text or values to a type; empty text is missing, anything else that is lost an error."""
    import polars as pl

    if series.dtype != pl.String or dtype == pl.String:
        return series.cast(dtype)
    series = series.replace("", None)
    if dtype == pl.Boolean:
        truth = {"True": True, "true": True, "False": False, "false": False}
        return series.replace_strict(truth, return_dtype=pl.Boolean)
    return series.cast(dtype)
