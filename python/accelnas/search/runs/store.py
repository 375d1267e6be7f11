"""Finished parts of simulations on disk: one Parquet file each, written beside and renamed. Needs ``[polars]``."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from os import fspath
from pathlib import Path
from typing import TYPE_CHECKING

from accelnas.errors import FileError, MissingExtraError
from accelnas.exact.artifacts import origin
from accelnas.files import regular, write_frame
from accelnas.search.algorithms import SuccessiveHalving
from accelnas.search.runs.logs import Logs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    import polars

    from accelnas.search.runs.plan import Plan

__all__ = ["Store", "read_part"]


class Store:
    """The parts of one plan in a folder, which may hold those of other plans."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._folder, self._plan, self._key = folder, plan, plan.key()

    @classmethod
    @contextmanager
    def opened(cls, folder: str | PathLike[str], plan: Plan) -> Iterator[Store]:
        """Open a folder, or make it.

        Raises
        ------
        FileError
            If it can't be made.
        MissingExtraError
            If Polars is not installed.
        """
        try:
            import polars  # noqa: F401 (before hours of work, not after)
        except ModuleNotFoundError as error:
            raise MissingExtraError("polars is not installed; run: pip install 'accelnas[polars]'") from error
        path = Path(fspath(folder))
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"{path}: {error.strerror}; choose another folder") from error
        yield cls(path, plan)

    def read(self, part: range) -> Logs | None:
        """Give a part that is there.

        Raises
        ------
        FileError
            If its file can't be read, was altered, has no digest, or is not what it should be.
        """
        path = self._path(part)
        if not path.exists():
            return None
        return read_part(path, self._plan, self._key, part)

    def write(self, part: range, logs: Logs) -> None:
        """Keep a part.

        Raises
        ------
        FileError
            If it can't be written.
        """
        setting = self._plan.setting
        frame = logs.to_polars(setting.bench.space, setting.sought.labels, part.start)
        path = self._path(part)
        made = json.dumps({"benchmark": origin(setting.bench), "plan": self._plan.described()})
        digest = _sha256(self._key, part, frame, logs.ends)
        write_frame(frame, path, metadata={"sha256": digest, "ends": logs.ends, "made": made})

    def _path(self, part: range) -> Path:
        label = "".join(c if c.isalnum() else "-" for c in self._plan.label)
        return self._folder / f"{label}-{self._key[:16]}-{part.start:07d}-{part.stop - 1:07d}.parquet"


def read_part(path: Path, plan: Plan, key: str, part: range) -> Logs:
    """Read the file of a part of a plan with this key; errors as `Store.read`."""
    import polars as pl

    setting = plan.setting
    try:
        frame = pl.read_parquet(regular(path))
        metadata = pl.read_parquet_metadata(path)
        ends = metadata.get("ends", "{}")
        recorded, found = metadata.get("sha256"), _sha256(key, part, frame, ends)
        if recorded != found:
            raise FileError(f"its sha256 is {recorded}, its columns give {found}")
        logs = Logs.from_polars(setting.bench.space, setting.sought.labels, frame, part, ends)
    except (OSError, ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise FileError(f"{path}: {error}; delete the file to make these runs again") from error
    # every run improves at its first evaluation, but for one that waits with recommendations
    is_missing = (logs.lengths == 0) & (logs.done > 0)
    if is_missing.any() and not isinstance(plan.algorithm, SuccessiveHalving):
        missing = part.start + int(is_missing.argmax())
        raise FileError(f"{path}: run {missing} is missing; delete the file to make these runs again")
    return logs


def _sha256(key: str, part: range, frame: polars.DataFrame, ends: str) -> str:
    """Digest of the plan, the runs and all columns: tells altered parts, and other runs, from whole ones."""
    import polars as pl

    digest = hashlib.sha256(f"{key} {part.start} {part.stop} {ends}".encode())
    for column in frame.get_columns():
        digest.update(f" {column.name} {column.dtype} {len(column)} ".encode())
        values = " ".join(column).encode() if column.dtype.is_(pl.String) else column.to_numpy().tobytes()
        digest.update(values)
    return digest.hexdigest()
