"""Files: those that are read are regular and of a fitting size, those that are written are replaced whole."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

from accelnas.errors import AccelnasError, DataError, FileError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

__all__ = [
    "DATA",
    "MODEL",
    "TEXT",
    "parse_toml",
    "read_bytes",
    "read_text",
    "regular",
    "replacing",
    "text_output",
    "write_frame",
    "write_text",
]

TEXT = 1 << 26  # bytes of settings, splits, certificates
MODEL = 1 << 32
DATA = 1 << 34


def regular(path: str | os.PathLike[str], most: int = DATA) -> Path:
    """Give the path of a regular file of at most so many bytes; a pipe would block, a device never end.

    Raises
    ------
    FileError
        If there is none, or it is something else.

    Examples
    --------
    >>> regular("/dev/zero")
    Traceback (most recent call last):
    accelnas.errors.FileError: /dev/zero is a device, no regular file; name one
    """
    try:
        found = Path(path).stat()
    except (OSError, ValueError) as error:  # a NUL in the name
        raise FileError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISREG(found.st_mode):
        kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
        raise FileError(f"{path} is {kinds.get(stat.S_IFMT(found.st_mode), 'a device')}, no regular file; name one")
    if found.st_size > most:
        raise FileError(f"{path} has {found.st_size:,} bytes, at most {most:,} of such a file are read")
    return Path(path)


def read_bytes(path: str | os.PathLike[str], most: int = TEXT) -> bytes:
    """Read a regular file of at most so many bytes, or say why not."""
    try:
        return regular(path, most).read_bytes()
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}") from error


def read_text(path: str | os.PathLike[str], error: type[AccelnasError] = DataError) -> str:
    """Read a file of UTF-8 text; what is none is the error."""
    try:
        return read_bytes(path).decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as reason:
        raise error(f"{path} is no text: {reason}; make it again") from None


def parse_toml(text: str, what: str, error: type[AccelnasError] = DataError) -> dict[str, Any]:
    """Parse TOML; what is none, or too deep for the parser, is the error."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib  # of the extra [build]
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as reason:
        raise error(f"{what} is not valid TOML: {reason}") from None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, which takes its place, on disk, only if nothing fails.

    Raises
    ------
    FileError
        If it can't be written.
    """
    if not path.parent.is_dir():
        raise FileError(f"folder {path.parent} does not exist; create it first")
    if path.exists() and not path.is_file():
        raise FileError(f"{path} is no regular file, which could be replaced; name another")
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".part")
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)  # mkstemp makes private files
        temporary.replace(path)
    except (AccelnasError, BrokenPipeError):
        raise
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}; nothing was written") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def text_output(path: Path | None) -> Iterator[TextIO]:
    """Open `path` for writing, in place of an older file only if nothing fails; None is stdout."""
    if path is None or str(path) == "-":
        yield sys.stdout
        sys.stdout.flush()
        return
    if path.exists() and not path.is_file():  # a pipe or a device is written to, never replaced
        with path.open("w", encoding="utf-8", newline="") as file:
            yield file
        return
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        yield file


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a file of UTF-8 text, in place of an older one only when complete."""
    with replacing(Path(path)) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_frame(
    frame: pl.DataFrame,
    path: str | os.PathLike[str],
    form: Literal["parquet", "csv"] = "parquet",
    metadata: dict[str, str] | None = None,
) -> None:
    """Write a table, in place of an older one only when complete; Parquet may hold texts besides."""
    from polars.exceptions import PolarsError

    path = Path(path)
    try:
        with replacing(path) as temporary:
            if form == "csv":
                frame.write_csv(temporary)
            else:
                frame.write_parquet(temporary, metadata=metadata)
    except PolarsError as error:  # a full disk, in Polars' words
        raise FileError(f"{path}: {error}; nothing was written") from error
