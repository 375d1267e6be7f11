"""One driver at a time: a lock that the operating system lets go when its holder dies."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["locked"]


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold the lock `path`, an empty SQLite file, and say whether it was free.

    SQLite locks files on every system; the store itself can't be held, since others read it meanwhile.
    """
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        connection.close()
        if "locked" not in str(error):
            raise
        yield False
        return
    try:
        yield True
    finally:
        connection.close()
