"""Read the Accel-NASBench archive: one JSON file a measured architecture."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import tarfile
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

from accelnas.errors import DataError, FileError
from accelnas.files import regular
from accelnas.fitting.lookalikes import HEAD, what_it_is
from accelnas.fitting.table import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["ARCHITECTURE", "SEED_COLUMNS", "Records", "digest_of", "read_archive"]

RESULT_NAME = re.compile(r"result_(\d{1,18})\.json")
FILE_LIMIT = 64 * 1024  # bytes in one result; real ones have 1,400
ARCHIVE_LIMIT = 256 * 1024 * 1024  # bytes after decompression; the real archive has 11 MB

# metric names of the archive that differ from ours
RENAMED = {"val_top1": "accuracy", "val_top5": "accuracy_top5"}
# columns of the tables that are published beside it, without header, of trainings with one seed: 9 before the choices
SEED_COLUMNS = {"accuracy": 4, "accuracy_top5": 5, "train_time": 8}
ARCHITECTURE = 9


@dataclass
class Records:
    """What the result files say, column by column."""

    ids: list[int]  # the number in each file's name
    architectures: list[dict[str, Any]]  # one dict of variable names to values a file, as written there
    metrics: dict[str, list[float | None]]  # metric name to one value a file; None where it is null or absent
    unknown: Counter[str]  # field or file name to the number of files in which it was met and left out


def read_archive(path: Path) -> Records:
    """Read a ``.tar.gz`` or ``.tar`` of ``result_N.json`` files, or a folder and its sub-folders, by their numbers.

    Nothing is written to disk and no path inside the archive is followed: members are streamed,
    only regular files named ``result_N.json`` count, and sizes are limited.

    Raises
    ------
    DataError
        If a file is not valid JSON of the expected form, a number occurs twice, or a limit is hit.
    """
    members = _folder_members(path) if path.is_dir() else _tar_members(path)
    results: dict[int, Any] = {}
    unknown: Counter[str] = Counter()
    for name, content in members:
        match = RESULT_NAME.fullmatch(name)
        if match is None:
            unknown[f"file {name}"] += 1
            continue
        number = int(match[1])
        if number in results:
            raise DataError(f"{name} occurs twice in {path}; keep one of them")
        results[number] = _parse(name, content)
    if not results:
        raise DataError(f"{path} holds no result_N.json file; expected the Accel-NASBench archive")

    ids = sorted(results)
    values = [_metric_values(number, results[number], unknown) for number in ids]
    names = dict.fromkeys(name for of_file in values for name in of_file)
    metrics = {name: [of_file.get(name) for of_file in values] for name in names}
    return Records(ids, [results[number]["architecture"] for number in ids], metrics, unknown)


def _folder_members(folder: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted(folder.rglob("*.json")):
        if RESULT_NAME.fullmatch(file.name) is None:
            yield file.name, b""
            continue
        with regular(file).open("rb") as stream:
            yield file.name, _limited(file.name, stream)


def _tar_members(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with regular(path).open("rb") as raw:
            zipped = _is_zipped(path, raw.read(HEAD))
            raw.seek(0)
            plain = cast("BinaryIO", gzip.GzipFile(fileobj=raw) if zipped else raw)
            # "r|" reads forward only, so the limit also bounds headers that claim gigabytes
            with tarfile.open(fileobj=_Limited(plain), mode="r|") as archive:  # type: ignore[call-overload]
                for member in archive:
                    if member.isdir():
                        continue
                    name = member.name.rsplit("/", 1)[-1]
                    yield name, _member_content(archive, member, name)
    except (DataError, FileError):
        raise
    except (tarfile.TarError, EOFError, zlib.error, ValueError) as error:
        ends = ", ".join(TABLES)
        raise DataError(f"{path} is not a readable tar archive: {error}; the name of a table ends in {ends}") from error
    except OSError as error:
        if error.errno is not None:  # the file system's own errors keep their type
            raise
        raise DataError(f"{path} is not a readable tar archive: {error}") from error


def _is_zipped(path: Path, head: bytes) -> bool:
    zipped = head.startswith(b"\x1f\x8b")
    if not zipped and head[257:262] != b"ustar" and (found := what_it_is(head, path.suffix, "table")):
        raise DataError(f"{path}: {found}")
    return zipped


def _member_content(archive: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> bytes:
    stream = archive.extractfile(member) if member.isreg() else None
    if stream is None:
        raise DataError(f"member {name} is a link or device; only files are read")
    # other files are named in the report, never read
    return _limited(name, stream) if RESULT_NAME.fullmatch(name) else b""


class _Limited:
    """A stream that refuses to give more than ARCHIVE_LIMIT bytes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = ARCHIVE_LIMIT

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise DataError(f"the archive holds more than {ARCHIVE_LIMIT} bytes; refusing to read on")
        return data


def _limited(name: str, stream: IO[bytes]) -> bytes:
    content = stream.read(FILE_LIMIT + 1)
    if len(content) > FILE_LIMIT:
        raise DataError(f"{name} has more than {FILE_LIMIT} bytes; a result file is far smaller")
    return content


def _parse(name: str, content: bytes) -> dict[str, Any]:
    try:
        result = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} is not valid JSON: {error}") from error
    if not isinstance(result, dict) or not isinstance(result.get("architecture"), dict):
        raise DataError(f"{name} has no architecture; expected an object with that key")
    return result


def _metric_values(number: int, result: dict[str, Any], unknown: Counter[str]) -> dict[str, float | None]:
    values: dict[str, float | None] = {}
    unknown.update(key for key in result if key not in {"architecture", *_SECTIONS})
    for section in _SECTIONS:
        for key, value in _object(number, section, result.get(section)).items():
            if section == "platform_perf":
                kind = key.split("_", 1)[0]
                expected = {f"{kind}_mean": key, f"{kind}_std": f"{key}_std"}
                for part, entry in _object(number, key, value).items():
                    if part in expected:
                        values[expected[part]] = _number(number, f"{key}.{part}", entry)
                    else:
                        unknown[f"{section}.{key}.{part}"] += 1
            elif key in _SECTIONS[section]:
                values[RENAMED.get(key, key)] = _number(number, key, value)
            else:
                unknown[f"{section}.{key}"] += 1
    return values


# section to its fields; platform_perf has one entry a metric and device, open to new devices
_SECTIONS: dict[str, tuple[str, ...]] = {
    "metrics": ("val_top1", "val_top5", "train_time"),
    "model_info": ("macs", "params"),
    "platform_perf": (),
}


def _object(number: int, name: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise DataError(f"result_{number}.json: {name} is {value!r}; expected an object")
    return value


def _number(number: int, name: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataError(f"result_{number}.json: {name} is {value!r}; expected a number or null")
    try:
        return float(value)
    except OverflowError as error:
        raise DataError(f"result_{number}.json: {name} has too many digits") from error


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with regular(path).open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
