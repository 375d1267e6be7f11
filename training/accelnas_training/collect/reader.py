"""Read a store, one SQLite file, whether or not a driver is writing to it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas import Space
from accelnas.fidelities import parse_fidelity
from accelnas_training.collect.job import ENDINGS, Job
from accelnas_training.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from os import PathLike

    import polars as pl

    from accelnas_training.arrays import Archs, Floats
    from accelnas_training.collect.job import State


APPLICATION = 0x616E6173  # "anas", in the header of every store

FORMAT = 1

SCHEMA = f"""
-- what all results have in common: the space, and digests of what made them
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE schemes (
  digest TEXT PRIMARY KEY, name TEXT NOT NULL, content TEXT NOT NULL  -- JSON
) STRICT;

CREATE TABLE jobs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  architecture BLOB NOT NULL,                                         -- a choice index a byte
  scheme TEXT NOT NULL REFERENCES schemes,
  seed INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'quarantined')),
  failures INTEGER NOT NULL DEFAULT 0,                                -- since it was last released
  losses INTEGER NOT NULL DEFAULT 0,
  UNIQUE (architecture, scheme, seed)
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state);

CREATE TABLE environments (id INTEGER PRIMARY KEY, content TEXT NOT NULL UNIQUE) STRICT;  -- JSON

CREATE TABLE attempts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  job INTEGER NOT NULL REFERENCES jobs,
  started REAL NOT NULL,                                              -- seconds since 1970
  finished REAL,
  seconds REAL,                                                       -- that the worker took
  worker TEXT,
  ending TEXT CHECK (ending IN ({", ".join(f"'{ending}'" for ending in ENDINGS)})),  -- NULL: under way
  kind TEXT,
  message TEXT,
  environment INTEGER REFERENCES environments
) STRICT;
CREATE INDEX attempts_by_job ON attempts (job);
CREATE INDEX attempts_under_way ON attempts (id) WHERE ending IS NULL;

CREATE TABLE results (
  job INTEGER PRIMARY KEY REFERENCES jobs,                            -- so a job has one result
  attempt INTEGER NOT NULL UNIQUE REFERENCES attempts
) STRICT;
CREATE TABLE result_values (
  job INTEGER NOT NULL REFERENCES results, name TEXT NOT NULL, value REAL NOT NULL,
  PRIMARY KEY (job, name)
) STRICT, WITHOUT ROWID;
"""


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


class StoreReader:
    """The content of a store.

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
        self.path, self.connection = path, connection
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
        with connected(path, "ro") as connection:
            check_version(path, connection)
            yield cls(path, connection)

    def schemes(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """Give the name and content of each scheme, by digest, in the order in which they were added."""
        rows = self.connection.execute("SELECT digest, name, content FROM schemes ORDER BY rowid")
        return {digest: (name, json.loads(content)) for digest, name, content in rows}

    def content(self, digest: str) -> dict[str, Any]:
        """Give the content of the scheme with a digest; nothing if there is none."""
        found = self.connection.execute("SELECT content FROM schemes WHERE digest = ?", (digest,)).fetchone()
        content: dict[str, Any] = {} if found is None else json.loads(found[0])
        return content

    def scheme(self, called: str | None = None) -> str:
        """Give the digest of the scheme with a name, or with the beginning of a digest; None: the only scheme.

        Raises StoreError if no scheme, or more than one, is so called.
        """
        schemes = {digest: name for digest, (name, _) in self.schemes().items()}
        if called is None:
            found = list(schemes)
        else:
            found = [digest for digest, name in schemes.items() if name == called or digest.startswith(called)]
        if len(found) != 1:
            those = ", ".join(f"{name} ({digest[:12]})" for digest, name in schemes.items()) or "none"
            raise StoreError(f"scheme {called or 'not given'}: {len(found)} in {self.path}; choose one of {those}")
        return found[0]

    def ids(self, jobs: Sequence[Job]) -> list[int | None]:
        """Give each job's number, in the order in which they were added; None if it is not there."""
        return [None if row is None else row[0] for row in self._rows(jobs)]

    def states(self, jobs: Sequence[Job]) -> list[State | None]:
        """Give each job's state: ``pending``, ``done`` or ``quarantined``; None if it is not there."""
        return [None if row is None else row[1] for row in self._rows(jobs)]

    def values(self, jobs: Sequence[Job]) -> list[dict[str, float] | None]:
        """Give each job's values by metric; None where there is no result."""
        query = "SELECT name, value FROM result_values WHERE job = ?"
        return [dict(self.connection.execute(query, (number,)).fetchall()) or None for number in self.ids(jobs)]

    def jobs(self, state: State | None = None) -> list[Job]:
        """Give all jobs, or those in a state, in the order in which they were added."""
        query = "SELECT architecture, scheme, seed FROM jobs WHERE ?1 IS NULL OR state = ?1 ORDER BY id"
        return [Job(tuple(packed), scheme, seed) for packed, scheme, seed in self.connection.execute(query, (state,))]

    def architectures(self, scheme: str) -> Archs:
        """Give the distinct architectures of a scheme's jobs, uint8 (n, variables), in the order of addition."""
        query = "SELECT architecture FROM jobs WHERE scheme = ? GROUP BY architecture ORDER BY min(id)"
        return self.unpacked([row[0] for row in self.connection.execute(query, (scheme,))])

    def means(self, scheme: str, metric: str) -> tuple[Archs, Floats]:
        """Give a metric's mean over seeds where it is known: uint8 (n, variables) and float64 (n,)."""
        rows = self.connection.execute(
            "SELECT architecture, avg(value) FROM jobs JOIN result_values ON job = id"
            " WHERE scheme = ? AND name = ? GROUP BY architecture ORDER BY min(id)",
            (scheme, metric),
        ).fetchall()
        return self.unpacked([packed for packed, _ in rows]), np.array([value for _, value in rows], np.float64)

    def results(self, scheme: str | None = None) -> pl.DataFrame:
        """Give all results, or those of the scheme with a digest.

        Returns
        -------
        polars.DataFrame
            A row a result, by ``id``: ``id`` (the job's number), ``scheme`` (digest), ``seed``, the space's
            variables, and the metrics by name (float64, null where not measured), each before its values after fewer
            epochs, ``NAME@EPOCHS``.

        Raises
        ------
        StoreError
            If a metric has the name of a variable, or of another column.
        """
        import polars as pl

        rows = self.connection.execute(
            "SELECT id, architecture, scheme, seed FROM jobs JOIN results ON results.job = id"
            " WHERE ?1 IS NULL OR scheme = ?1 ORDER BY id",
            (scheme,),
        ).fetchall()
        numbers, packed, schemes, seeds = zip(*rows, strict=True) if rows else ((), (), (), ())
        frame = pl.DataFrame({"id": numbers, "scheme": schemes, "seed": seeds}, {"id": int, "scheme": str, "seed": int})
        choices = self.unpacked(packed)
        for i, variable in enumerate(self.space.variables):
            column = pl.Series(variable.name, list(variable.choices))[choices[:, i].tolist()]
            frame = frame.with_columns(column)
        places = {number: place for place, number in enumerate(numbers)}
        metrics: dict[str, Floats] = {}
        for number, name, value in self.connection.execute("SELECT job, name, value FROM result_values"):
            if number in places:
                metrics.setdefault(name, np.full(len(rows), np.nan))[places[number]] = value
        for name in sorted(metrics, key=lambda name: parse_fidelity(name) or (name, 0)):
            if name in frame.columns:
                raise StoreError(f"{self.path}: metric {name} has the name of another column; name it otherwise")
            frame = frame.with_columns(pl.Series(name, metrics[name]).fill_nan(None))
        return frame

    def workers(self, scheme: str) -> dict[int, str]:
        """Give the worker, ``host:process``, that made each result of a scheme, by the job's number."""
        query = (
            "SELECT jobs.id, worker FROM results JOIN attempts ON attempt = attempts.id"
            " JOIN jobs ON jobs.id = results.job WHERE scheme = ?"
        )
        return dict(self.connection.execute(query, (scheme,)).fetchall())

    def environments(self, scheme: str | None = None) -> list[dict[str, Any]]:
        """Say with what results, or those of a scheme, were made, and how many with each."""
        query = (
            "SELECT content, count(*) FROM environments JOIN attempts ON environment = environments.id"
            " JOIN results ON attempt = attempts.id JOIN jobs ON jobs.id = results.job"
            " WHERE ?1 IS NULL OR scheme = ?1 GROUP BY environments.id ORDER BY environments.id"
        )
        rows = self.connection.execute(query, (scheme,))
        return [{"results": count, **json.loads(text)} for text, count in rows]

    def _rows(self, jobs: Sequence[Job]) -> list[tuple[int, State] | None]:
        query = "SELECT id, state FROM jobs WHERE architecture = ? AND scheme = ? AND seed = ?"
        keys = ((bytes(job.architecture), job.scheme, job.seed) for job in jobs)
        return [self.connection.execute(query, key).fetchone() for key in keys]

    def unpacked(self, packed: Sequence[bytes]) -> Archs:
        """Give architectures as the store holds them as choice indices, uint8 (n, variables)."""
        return np.frombuffer(b"".join(packed), np.uint8).reshape(len(packed), len(self.space.variables))


@contextmanager
def connected(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    """Open an SQLite file with mode ``ro``, ``rw`` or ``rwc``; its errors come out as StoreError."""
    if sqlite3.sqlite_version_info < (3, 37):
        raise StoreError(f"SQLite is {sqlite3.sqlite_version}; use a Python with 3.37 or newer")
    try:
        uri = f"{path.absolute().as_uri()}?mode={mode}"
        connection = sqlite3.connect(uri, uri=True, timeout=60, isolation_level=None)
        try:
            yield connection
        finally:
            connection.close()
    except sqlite3.Error as error:
        remedy = "`accelnas-training store check` says what is left" if path.exists() else "choose another folder"
        raise StoreError(f"{path}: {error}; {remedy}") from error


def check_version(path: Path, connection: sqlite3.Connection) -> None:
    """Raise StoreError unless a file is a store of this version."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION:
        raise StoreError(f"{path} is not a store; choose another file")
    if version != FORMAT:
        raise StoreError(f"{path} is a store of version {version}, and this program reads {FORMAT}; update it")
