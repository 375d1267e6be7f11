"""Finished cells in an SQLite file, so that a long evaluation goes on where it was interrupted."""

from __future__ import annotations

import io
import sqlite3
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.databases import check_database, translated
from accelnas.errors import FileError
from accelnas.fitting.evaluation.cells import Predictions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelnas.fitting.evaluation.cells import Cell

__all__ = ["Cache"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS cells (
    key TEXT PRIMARY KEY,
    settings TEXT NOT NULL,
    metric TEXT NOT NULL,
    run TEXT NOT NULL,
    part TEXT NOT NULL,
    seconds REAL NOT NULL,
    predictions BLOB NOT NULL
)
"""


class Cache:
    """Predictions by the key of their cell.

    Parameters
    ----------
    path
        The file, made if needed; readers may look at it while it grows.

    Raises
    ------
    FileError
        If it can't be opened, or is no cache.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"{self._path.parent}: {error.strerror}; name another file") from error
        check_database(path)
        with self._connection() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(SCHEMA)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with translated(self._path, "cache of an evaluation", FileError):
            connection = sqlite3.connect(self._path, timeout=60)
            try:
                with connection:  # commits
                    yield connection
            finally:
                connection.close()

    def __contains__(self, key: str) -> bool:
        with self._connection() as connection:
            return connection.execute("SELECT 1 FROM cells WHERE key = ?", (key,)).fetchone() is not None

    def get(self, key: str) -> Predictions:
        """Return what was stored.

        Raises
        ------
        KeyError
            If nothing was.
        """
        with self._connection() as connection:
            found = connection.execute("SELECT predictions FROM cells WHERE key = ?", (key,)).fetchone()
        if found is None:
            raise KeyError(key)
        with np.load(io.BytesIO(found[0]), allow_pickle=False) as arrays:
            return Predictions(**{name: array if array.ndim else array.item() for name, array in arrays.items()})

    def put(self, key: str, cell: Cell, predictions: Predictions) -> None:
        """Store a finished cell."""
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {f.name: np.asarray(getattr(predictions, f.name)) for f in fields(predictions)}
        np.savez(buffer, **arrays)
        row = (key, cell.settings.name, cell.metric, cell.run, cell.part, predictions.seconds, buffer.getvalue())
        with self._connection() as connection:
            connection.execute("INSERT OR REPLACE INTO cells VALUES (?, ?, ?, ?, ?, ?, ?)", row)
