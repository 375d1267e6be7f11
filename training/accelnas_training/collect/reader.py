"""Read a store, whether or not a driver is writing to it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas import Space
from accelnas_training.collect.schema import APPLICATION, FORMAT
from accelnas_training.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from os import PathLike

    import polars as pl

    from accelnas_training.collect.job import Job

__all__ = ["StoreReader"]


class StoreReader:
    """The content of a store; `StoreReader.opened` gives one.

    Attributes
    ----------
    path : Path
        The file.
    space : Space
        The search space of its architectures.
    about : dict of str to str
        Digests of what all results were made with, by name: ``family``, ``images``, …
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path, self._connection = path, connection
        meta = dict(connection.execute("SELECT name, value FROM meta").fetchall())
        self.space = Space(meta["space"])
        self.about: dict[str, str] = json.loads(meta["about"])

    @classmethod
    @contextmanager
    def opened(cls, path: str | PathLike[str]) -> Iterator[StoreReader]:
        """Open a store for reading.

        Raises
        ------
        StoreError
            If there is none, it is damaged, or of another version.
        """
        path = Path(path)
        if not path.exists():
            raise StoreError(f"{path} does not exist; `accelnas-training collect` makes a store")
        with connected(path, readonly=True) as connection:
            yield cls(path, connection)

    def schemes(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """Give the name and content of each scheme, by digest."""
        rows = self._connection.execute("SELECT digest, name, content FROM schemes ORDER BY rowid").fetchall()
        return {digest: (name, json.loads(content)) for digest, name, content in rows}

    def scheme(self, name: str | None = None) -> str:
        """Give the digest of the scheme of a name, or of the beginning of a digest; None: the only one.

        Raises
        ------
        StoreError
            If no scheme, or more than one, is so called.
        """
        raise NotImplementedError

    def ids(self, jobs: Sequence[Job]) -> list[int | None]:
        """Give each job's number in the store, ascending in the order in which they were added; None if absent."""
        raise NotImplementedError

    def values(self, jobs: Sequence[Job]) -> list[dict[str, float] | None]:
        """Give each job's values by metric; None where there is no result."""
        raise NotImplementedError

    def states(self, jobs: Sequence[Job]) -> list[str | None]:
        """Give each job's state: ``pending``, ``done`` or ``quarantined``; None if absent."""
        raise NotImplementedError

    def results(self, scheme: str | None = None) -> pl.DataFrame:
        """Give all results, or those of the scheme with a digest.

        Returns
        -------
        polars.DataFrame
            A row a result, by ``id``: ``id`` (the job's number), ``scheme`` (digest), ``seed``, the space's
            variables, and the metrics by name (float64, null where not measured).
        """
        raise NotImplementedError

    def architectures(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Give the distinct architectures of all jobs, uint8 (n, variables), in the order in which they were added."""
        raise NotImplementedError


@contextmanager
def connected(path: Path, readonly: bool) -> Iterator[sqlite3.Connection]:
    raise NotImplementedError
    yield
