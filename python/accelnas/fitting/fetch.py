"""Download the public data set, verified, into a cache folder."""

from __future__ import annotations

import os
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

from accelnas.errors import AccelnasError, DataError
from accelnas.files import replacing
from accelnas.fitting.archive import digest_of
from accelnas.fitting.splits import PARTS, Split, write_split

__all__ = ["ARCHIVE_SHA256", "ARCHIVE_URL", "SPLIT_URL", "cache_folder", "fetch", "fetch_archive", "fetch_split"]

_REPOSITORY = "https://raw.githubusercontent.com/afzalxo/Accel-NASBench"
ARCHIVE_URL = f"{_REPOSITORY}/dcd4d726b33197dd9bc3d74a20393013398600ae/anb_dataset/anb_dataset_jsons.tar.gz"
ARCHIVE_SHA256 = "3520992d42e368b7c08c99fc3f6612855b5b366bf98668a7f19d49f3131aa4ae"
# folder of train_paths.json, val_paths.json and test_paths.json
SPLIT_URL = f"{_REPOSITORY}/72369d4f2e0913dd73959bb3e4c271465d91ab96/configs/data_splits/default_split"
# of the ids; see Split.sha256
SPLIT_SHA256 = "ff5db1a8269e77ccf10e083f325e3667777f625ae1a681a3d5946e19e4742e9c"

SIZE_LIMIT = 256 * 1024 * 1024  # bytes; the archive has 1.2 MB
TIMEOUT = 30.0  # seconds without an answer
ATTEMPTS = 3  # before a broken connection is given up
_CHUNK = 1 << 16

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all where known


def cache_folder() -> Path:
    """Folder for downloads: ``$ACCELNAS_CACHE``, or ``accelnas`` in the platform's cache folder.

    Examples
    --------
    >>> import os
    >>> os.environ["ACCELNAS_CACHE"] = "downloads"
    >>> cache_folder()
    PosixPath('downloads')
    >>> del os.environ["ACCELNAS_CACHE"]
    """
    override = os.environ.get("ACCELNAS_CACHE")
    if override:
        return Path(override)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "accelnas"


def fetch_archive(
    folder: Path,
    url: str = ARCHIVE_URL,
    sha256: str = ARCHIVE_SHA256,
    progress: Progress | None = None,
) -> Path:
    """Download the Accel-NASBench archive unless it is there already; see `fetch`."""
    return fetch(url, folder / "anb_dataset_jsons.tar.gz", sha256, progress)


def fetch_split(folder: Path, url: str = SPLIT_URL, progress: Progress | None = None) -> Path:
    """Download the published split and store it as ``official_split.json``, checked.

    Raises
    ------
    DataError
        As `fetch`; also if the ids are not those of the published split.
    """
    target = folder / "official_split.json"
    if target.is_file():
        with suppress(AccelnasError):  # no split, or another
            if Split.stated(target).sha256 == SPLIT_SHA256:
                return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        for part in PARTS:
            name = f"{part}_paths.json"
            fetch(f"{url}/{name}", Path(temporary) / name, None, progress)
        split = Split.stated(Path(temporary))
    if split.sha256 != SPLIT_SHA256:
        raise DataError(f"{url} does not hold the published split; its ids differ")
    write_split(split, target)
    return target


def fetch(url: str, target: Path, sha256: str | None, progress: Progress | None = None) -> Path:
    """Download a file and check it; gives its path.

    Only a complete and verified file takes the name `target`. A target that is there and right is not downloaded.

    Parameters
    ----------
    url
        An http or https address.
    target
        The file to make; its folder is made too.
    sha256
        Expected digest (hex), or None to take any content.
    progress
        Called with the bytes so far and the bytes in all (None if the server doesn't say).

    Raises
    ------
    DataError
        If the server refuses, the connection keeps breaking, or the content is not the expected.
    """
    if urlsplit(url).scheme not in {"http", "https"}:
        raise DataError(f"{url!r} is not an http or https address")
    if target.is_file() and sha256 is not None and digest_of(target) == sha256:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as part:
        _download(url, part, progress)
        found = digest_of(part)
        if sha256 is not None and found != sha256:
            raise DataError(
                f"{url} has SHA-256 {found}; expected {sha256}: the file was changed or the address is wrong"
            )
    return target


def _download(url: str, part: Path, progress: Progress | None) -> None:
    """Receive the whole file, anew after a broken connection."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _receive(url, part, progress)
        except urllib.error.HTTPError as error:
            with error:
                raise DataError(f"{url}: the server answers {error.code} {error.reason}") from error
        except (OSError, HTTPException) as error:
            if attempt == ATTEMPTS:
                reason = getattr(error, "reason", None) or error
                reason = getattr(reason, "strerror", None) or reason
                raise DataError(f"{url}: {reason}; run again, or name another address") from error
    return None


def _receive(url: str, part: Path, progress: Progress | None) -> None:
    headers = {"User-Agent": "accelnas", "Accept-Encoding": "identity"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - scheme checked above
    response: HTTPResponse
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response, part.open("wb") as file:  # noqa: S310
        length = response.headers.get("Content-Length")
        total = None if length is None else int(length)
        done = 0
        if (total or 0) > SIZE_LIMIT:
            raise DataError(f"{url} has {total} bytes; refusing more than {SIZE_LIMIT}")
        while chunk := response.read(_CHUNK):
            done += len(chunk)
            if done > SIZE_LIMIT:
                raise DataError(f"{url} has over {done} bytes; refusing more than {SIZE_LIMIT}")
            file.write(chunk)
            if progress is not None:
                progress(done, total)
    if total is not None and done < total:
        raise HTTPException(f"the connection ended after {done} of {total} bytes")
