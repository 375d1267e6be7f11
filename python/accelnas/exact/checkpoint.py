"""Checkpoints: the state of a search in a transactional file, written after every chunk of jobs."""

from __future__ import annotations

import math
import sqlite3
from contextlib import contextmanager
from os import PathLike, fspath
from typing import TYPE_CHECKING

from accelnas.databases import check_database, translated
from accelnas.errors import SearchError
from accelnas.exact.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Checkpoint", "opened"]

_VERSION = 2  # 1 had no digest
_BUSY = 0.5  # seconds that a run waits for another one to let go of the file


class Checkpoint:
    """One search's state in an SQLite file, held by one process at a time."""

    def __init__(self, path: str, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._key = ""

    def prepare(self, key: str) -> tuple[str, float] | None:
        """Give the saved state and the seconds spent on it; None in a new file."""
        with translated(self._path, "checkpoint"):
            # a crash leaves the file as it was after the last chunk
            for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL"):
                self._connection.execute(f"PRAGMA {pragma}")
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            if version == 0 and self._is_empty():
                with self._connection:
                    self._connection.execute(
                        "CREATE TABLE search (key TEXT NOT NULL, state TEXT, seconds REAL, sha256 TEXT)"
                    )
                    self._connection.execute("INSERT INTO search VALUES (?, ?, ?, ?)", _sealed(key, None, 0.0))
                    self._connection.execute(f"PRAGMA user_version = {_VERSION}")
            elif version != _VERSION:
                raise SearchError(
                    f"{self._path} has version {version}, this is {_VERSION}; name another checkpoint, or remove it to "
                    "start again"
                )
            rows = self._connection.execute("SELECT key, state, seconds, sha256 FROM search").fetchall()
        if len(rows) != 1 or rows[0][0] != key:
            raise SearchError(
                f"{self._path} is the checkpoint of another question, benchmark or version; name another file, "
                "or remove it to start again"
            )
        _, state, seconds, sha256 = rows[0]
        is_whole = isinstance(state, (str, type(None))) and isinstance(seconds, float) and math.isfinite(seconds)
        if not is_whole or sha256 != _sealed(key, state, seconds)[-1]:
            raise SearchError(
                f"{self._path} is damaged: its sha256 is not that of its fields; remove it to start again"
            )
        self._key = key
        return None if state is None else (state, seconds)

    def _is_empty(self) -> bool:
        return bool(self._connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0] == 0)

    def save(self, state: str, seconds: float) -> None:
        """Replace the state, in one transaction."""
        with translated(self._path, "checkpoint"), self._connection:
            sealed = _sealed(self._key, state, seconds)
            self._connection.execute("UPDATE search SET key = ?, state = ?, seconds = ?, sha256 = ?", sealed)


def _sealed(key: str, state: str | None, seconds: float) -> list[object]:
    """Fields and their digest."""
    return [key, state, seconds, sha256_of([key, state, seconds])]


@contextmanager
def opened(path: str | PathLike[str]) -> Iterator[Checkpoint]:
    """Open a checkpoint, or make one.

    Raises
    ------
    FileError
        If the file can't be read or written, or another run uses it.
    SearchError
        If the file is no checkpoint.
    """
    name = fspath(check_database(path))
    with translated(name, "checkpoint"):
        connection = sqlite3.connect(name, timeout=_BUSY)
    try:
        yield Checkpoint(name, connection)
    finally:
        connection.close()
