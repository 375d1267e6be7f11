"""Tables read batch by batch, so that files may be larger than memory.

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
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TextIO, TypeVar

from accelnas.errors import DataError, SpaceError
from accelnas.files import regular
from accelnas.fitting.lookalikes import check_head, check_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

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
    """Some rows of a table: named columns, where each row came from, and how much was read with them."""

    columns: Columns
    locate: Callable[[int], str]
    position: int


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
            position = 0 if self._file is None else self._file.tell()
            yield Batch(named, partial(_place, f"{self.name}, line", lines), position)
            numbered = list(itertools.islice(rows, ROWS_A_BATCH))
            if not numbered:
                return


class FrameReader:
    """Parquet, and JSON as of `accelnas.fitting.table`, through Polars; rows are counted from 1 in errors."""

    unit = "rows"

    def __init__(self, path: Path) -> None:
        import polars as pl

        self.name = str(path)
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
            last = first + frame.height
            yield Batch(frame.to_dict(), partial(_place, f"{self.name}, row", range(first + 1, last + 1)), last)


def _scan(path: Path) -> pl.LazyFrame:
    import polars as pl

    if path.suffix.lower() == ".parquet":
        return pl.scan_parquet(path, glob=False)
    from accelnas.fitting.table import read_table

    return read_table(path).lazy()


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield items; a thread makes the next one meanwhile."""
    with ThreadPoolExecutor(1, "ahead") as pool:
        following = pool.submit(next, items, None)
        while (item := following.result()) is not None:
            following = pool.submit(next, items, None)
            yield item
