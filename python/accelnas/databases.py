"""SQLite files: opened only where they are files, with what keeps them from working told apart."""

from __future__ import annotations

import errno
import mmap
import os
import re
import sqlite3
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from accelnas.errors import AccelnasError, FileError, SearchError
from accelnas.files import regular

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_database", "check_disk", "file_system", "hindrance", "translated"]

_MOUNTS = Path("/proc/self/mountinfo")
_ANYWAY = "ACCELNAS_NETWORK_DATABASES"  # environment variable

# as the kernel calls them; what FUSE mounts is, but for those of _LOCAL, some network's
_NETWORK = {
    *("afs", "beegfs", "beegfs_nodev", "ceph", "cifs", "coda", "fhgfs", "fuse", "glusterfs", "gpfs", "lustre", "mmfs"),
    *("nfs", "nfs4", "orangefs", "panfs", "pvfs2", "smb2", "smb3", "smbfs", "wekafs"),
}
_LOCAL = {f"fuse.{name}" for name in ("bindfs", "encfs", "fuse-overlayfs", "gocryptfs", "lxcfs", "mergerfs", "ntfs-3g")}


def check_database(path: str | os.PathLike[str]) -> Path:
    """Refuse what is there and no regular file, and file systems of networks."""
    if os.path.lexists(path):
        regular(path, 1 << 62)
    check_disk(path)
    return Path(path)


def check_disk(
    path: str | os.PathLike[str],
    remedy: str = "name a file on a disk of this machine",
    error: type[AccelnasError] = FileError,
) -> None:
    """Refuse to write a database on a file system of a network, unless ``ACCELNAS_NETWORK_DATABASES`` is 1.

    There, locks of two machines need not exclude each other, and SQLite's log is shared through memory, which is the
    same for the processes of one machine alone: a database is damaged without an error.
    """
    kind = file_system(path)
    if kind is None or os.environ.get(_ANYWAY) == "1":
        return
    if kind in _NETWORK or (kind.startswith("fuse.") and kind not in _LOCAL):
        raise error(
            f"{path} is on a file system of a network ({kind}), where SQLite may lose what it wrote; {remedy}, or set "
            f"{_ANYWAY}=1 if only this machine uses it"
        )


def file_system(path: str | os.PathLike[str]) -> str | None:
    """Give the type of the file system of a file that is there or will be, as Linux calls it; None elsewhere."""
    try:
        lines = _MOUNTS.read_bytes().split(b"\n")
    except OSError:
        return None
    place = os.fsencode(os.path.realpath(path))  # which mounts what is mounted on demand
    kind, longest = None, -1
    for line in lines:
        fields, _, more = line.partition(b" - ")
        if not more:
            continue
        point = re.sub(rb"\\([0-7]{3})", lambda code: bytes([int(code[1], 8) & 255]), fields.split()[4])
        inside = place == point or place.startswith(point.rstrip(b"/") + b"/")
        if inside and len(point) >= longest:  # of two at one point the later one covers the other
            kind, longest = more.split()[0].decode(), len(point)
    return kind


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
