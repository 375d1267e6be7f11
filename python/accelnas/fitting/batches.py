"""Tables read and written batch by batch, so that files may be larger than memory.

CSV needs the standard library alone; Parquet needs Polars (extra ``polars``).
"""

from __future__ import annotations

import csv
import io
import itertools
import os
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from queue import Full, Queue
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TextIO, TypeVar

import numpy as np

from accelnas.errors import DataError, FileError, SpaceError
from accelnas.files import regular, replacing, text_output
from accelnas.fitting.lookalikes import check_head, check_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import polars as pl

    from accelnas.space import Space

    Columns = Mapping[str, Any]  # tuples of text, Polars series or NumPy arrays

Item = TypeVar("Item")

ROWS_A_BATCH = 65_536
ROWS_OF_A_FRAME = 262_144  # some tens of MB
LONGEST_LINE = 1 << 24
FRAMES = (".parquet", ".json", ".jsonl", ".ndjson")
UNLIMITED = 1 << 62  # batch by batch: any size


class Batch(NamedTuple):
    """Some rows of a table: named columns, and where each row came from."""

    columns: Columns
    locate: Callable[[int], str]


def _place(what: str, numbers: Sequence[int], row: int) -> str:
    """Say where a row of a batch is in the input."""
    return f"{what} {numbers[row]}"


@contextmanager
def open_reader(path: Path, space: Space) -> Iterator[CsvReader | FrameReader]:
    """Open a table by the ending of its name: Parquet, JSON or CSV, which is any other's; ``-`` is stdin.

    Parameters
    ----------
    path
        The file.
    space
        Tells an architecture string from a column name, for plain lists without a header.

    Raises
    ------
    DataError
        If the file cannot be read as such a table.
    """
    standard_input = str(path) == "-"
    if not standard_input and path.is_file():
        check_table(path)
    if path.suffix.lower() in FRAMES:
        yield FrameReader(regular(path, UNLIMITED))
        return
    if standard_input and sys.stdin is None:
        raise DataError("standard input is closed; give a file")
    binary = sys.stdin.buffer if standard_input else _opened(path)
    if standard_input and isinstance(binary, io.BufferedReader) and (head := binary.peek()):
        check_head(head, "stdin", ".csv")
    text = io.TextIOWrapper(binary, encoding="utf-8-sig", newline="")
    try:
        if standard_input:
            yield CsvReader(text, "stdin", space, None)
        else:
            yield CsvReader(text, str(path), space, binary)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text ({error.reason}); give CSV or Parquet") from None
    finally:
        text.detach()
        if not standard_input:
            binary.close()


def _opened(path: Path) -> BinaryIO:
    """Open a file, or what a shell has opened already (/dev/stdin, or /dev/fd/63 of a process)."""
    is_open = path.parent.resolve() == Path("/proc/self/fd").resolve() or path == Path("/dev/stdin")
    return (path if is_open else regular(path, UNLIMITED)).open("rb")


def _is_architecture(space: Space, text: str) -> bool:
    try:
        space.parse([text])
    except SpaceError:
        return False
    return True


class CsvReader:
    """CSV with a header, or a plain list of architecture strings."""

    unit = "bytes"

    def __init__(
        self,
        text: TextIO,
        name: str,
        space: Space,
        file: BinaryIO | None,
    ) -> None:
        self._file, self.name = file if file is not None and file.seekable() else None, name
        self.total = None if self._file is None else os.fstat(self._file.fileno()).st_size
        self._rows = csv.reader(self._lines(text), strict=True)
        first = next(self._checked_rows(), None)
        if first is None:
            raise DataError(f"{name} is empty; give a header and rows, or one architecture a line")
        line, self.names = first
        self._first: list[tuple[int, list[str]]] = []
        if len(self.names) == 1 and _is_architecture(space, self.names[0]):
            self._first = [(line, self.names)]
            self.names = ["architecture"]
        repeated = next((column for column, number in Counter(self.names).items() if number > 1), None)
        if repeated is not None:
            raise DataError(f"{name} has two columns {repeated}; rename one")

    def _lines(self, text: TextIO) -> Iterator[str]:
        """Yield lines; one without an end, as of a device, would fill the memory."""
        while line := text.readline(LONGEST_LINE):
            if len(line) == LONGEST_LINE:
                raise DataError(f"{self.name} has a line of {LONGEST_LINE:,} characters or more; give a table")
            yield line

    def _checked_rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield line numbers and fields, without blank lines."""
        try:
            for fields in self._rows:
                if fields:
                    yield self._rows.line_num, fields
        except csv.Error as error:
            raise DataError(f"{self.name}, line {self._rows.line_num}: {error}") from None

    def select(self, names: Sequence[str]) -> None:
        """Read all columns all the same: their text is there."""

    def batches(self) -> Iterator[Batch]:
        """Yield columns of text."""
        rows = itertools.chain(self._first, self._checked_rows())
        numbered = list(itertools.islice(rows, ROWS_A_BATCH))
        while True:
            lines = [line for line, _ in numbered]
            for line, fields in numbered:
                if len(fields) != len(self.names):
                    raise DataError(
                        f"{self.name}, line {line}: {len(fields)} fields where the header has {len(self.names)}"
                    )
            columns = list(zip(*(fields for _, fields in numbered), strict=True))
            named = dict(zip(self.names, columns or [()] * len(self.names), strict=True))
            yield Batch(named, partial(_place, f"{self.name}, line", lines))
            numbered = list(itertools.islice(rows, ROWS_A_BATCH))
            if not numbered:
                return

    def position(self) -> int:
        """Return the number of bytes read."""
        return 0 if self._file is None else self._file.tell()


class FrameReader:
    """Parquet, and JSON as of `accelnas.fitting.table`, through Polars; rows are counted from 1 in errors."""

    unit = "rows"

    def __init__(self, path: Path) -> None:
        import polars as pl

        self.name, self._read = str(path), 0
        if not path.is_file():
            raise DataError(f"{path} does not exist; give a CSV or Parquet file, or - for stdin")
        try:
            self._frame = _scan(path)
            self.names = self._frame.collect_schema().names()
            self.total: int = self._frame.select(pl.len()).collect().item()
        except pl.exceptions.PolarsError as error:
            reason = str(error).splitlines()[0]
            raise DataError(f"{path} is not a Parquet file that can be read: {reason}") from None

    def select(self, names: Sequence[str]) -> None:
        """Read these columns alone."""
        self._frame = self._frame.select(names)

    def batches(self) -> Iterator[Batch]:
        """Yield columns of typed values: rows by number, so that memory does not depend on row groups."""
        import polars as pl

        for first in range(0, max(self.total, 1), ROWS_OF_A_FRAME):
            try:
                frame = self._frame.slice(first, ROWS_OF_A_FRAME).collect()
            except pl.exceptions.PolarsError as error:
                reason = str(error).splitlines()[0]
                raise DataError(
                    f"{self.name}, from row {first + 1}: {reason}; the file is damaged, make it again"
                ) from None
            numbers = range(first + 1, first + 1 + frame.height)
            yield Batch(frame.to_dict(), partial(_place, f"{self.name}, row", numbers))
            self._read = first + frame.height

    def position(self) -> int:
        """Return the number of rows read."""
        return self._read


def _scan(path: Path) -> pl.LazyFrame:
    import polars as pl

    if path.suffix.lower() == ".parquet":
        return pl.scan_parquet(path, glob=False)
    from accelnas.fitting.table import read_table

    return read_table(path).lazy()


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


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield items; a thread makes the next one meanwhile."""
    with ThreadPoolExecutor(1, "ahead") as pool:
        following = pool.submit(next, items, None)
        while (item := following.result()) is not None:
            following = pool.submit(next, items, None)
            yield item


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
