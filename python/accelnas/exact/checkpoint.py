"""Checkpoints: the state of a search in a transactional file, written after every chunk of jobs."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from os import PathLike, fspath
from typing import TYPE_CHECKING

from accelnas.databases import check_database, translated
from accelnas.errors import SearchError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Checkpoint", "opened"]

_VERSION = 1
_BUSY = 0.5  # seconds that a run waits for another one to let go of the file


class Checkpoint:
    """One search's state in an SQLite file, held by one process at a time."""

    def __init__(self, path: str, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def prepare(self, key: str) -> tuple[str, float] | None:
        """Give the saved state and the seconds spent on it; None in a new file."""
        with translated(self._path, "checkpoint"):
            # a crash leaves the file as it was after the last chunk
            for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL"):
                self._connection.execute(f"PRAGMA {pragma}")
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            if version == 0 and self._is_empty():
                with self._connection:
                    self._connection.execute("CREATE TABLE search (key TEXT NOT NULL, state TEXT, seconds REAL)")
                    self._connection.execute("INSERT INTO search VALUES (?, NULL, 0)", [key])
                    self._connection.execute(f"PRAGMA user_version = {_VERSION}")
            elif version != _VERSION:
                raise SearchError(f"{self._path} has version {version}, this is {_VERSION}; name another checkpoint")
            rows = self._connection.execute("SELECT key, state, seconds FROM search").fetchall()
        if len(rows) != 1 or rows[0][0] != key:
            raise SearchError(
                f"{self._path} is the checkpoint of another question, benchmark or version; name another file, "
                "or remove it to start again"
            )
        return None if rows[0][1] is None else (rows[0][1], float(rows[0][2]))

    def _is_empty(self) -> bool:
        return bool(self._connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0] == 0)

    def save(self, state: str, seconds: float) -> None:
        """Replace the state, in one transaction."""
        with translated(self._path, "checkpoint"), self._connection:
            self._connection.execute("UPDATE search SET state = ?, seconds = ?", [state, seconds])


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
