"""SQLite files: opened only where they are files, with what keeps them from working told apart."""

from __future__ import annotations

import errno
import mmap
import os
import sqlite3
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from accelnas.errors import AccelnasError, FileError, SearchError
from accelnas.files import regular

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_database", "hindrance", "translated"]


def check_database(path: str | os.PathLike[str]) -> Path:
    """Refuse what is there and no regular file."""
    if os.path.lexists(path):
        regular(path, 1 << 62)
    return Path(path)


@contextmanager
def translated(path: str | os.PathLike[str], what: str, error: type[AccelnasError] = SearchError) -> Iterator[None]:
    """Turn SQLite's errors into a `FileError`; of a file that is none of its own, into the error."""
    try:
        yield
    except sqlite3.OperationalError as reason:
        raise FileError(f"{path}: {reason}; {hindrance(path, reason)}") from reason
    except sqlite3.DatabaseError as reason:
        raise error(f"{path} is no {what}: {reason}; remove it or name another file") from reason


def hindrance(path: str | os.PathLike[str], reason: Exception) -> str:
    """Say what keeps SQLite from a file: it calls a file system without locks locked by another.

    Examples
    --------
    >>> hindrance("no-such-folder/a.db", sqlite3.OperationalError("database is locked"))
    'another run may be using it'
    """
    folder = Path(path).absolute().parent
    for what, works in (("lock files", _locks), ("map shared memory", _maps)):
        try:
            with tempfile.TemporaryFile(dir=folder, prefix=".accelnas-") as probe:
                works(probe.fileno())
        except OSError as error:
            if error.errno in (errno.ENOLCK, errno.ENODEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL):
                return f"its file system can't {what}, as some of networks; name a file on a local disk"
    locked = "locked" in str(reason) or "busy" in str(reason)
    return "another run may be using it" if locked else "name another file, or mend this one"


def _locks(handle: int) -> None:
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows
        return
    fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _maps(handle: int) -> None:
    os.write(handle, bytes(mmap.PAGESIZE))
    mmap.mmap(handle, mmap.PAGESIZE).close()
