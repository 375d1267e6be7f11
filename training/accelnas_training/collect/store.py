"""Keep jobs, attempts and results in one SQLite file: nothing acknowledged is lost, nothing is there twice."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.databases import check_disk
from accelnas_training.collect.job import Task
from accelnas_training.collect.reader import APPLICATION, FORMAT, SCHEMA, StoreReader, check_version, connected, locked
from accelnas_training.collect.work import worker_name
from accelnas_training.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from os import PathLike

    from accelnas import Space
    from accelnas_training.collect.job import Delivery, Job, Limits, Outcome, State


class FullDiskError(StoreError):
    """There is no room for what should be written; the store is as it was before."""


class Store(StoreReader):
    """A store held by this process, which alone writes to it.

    Raises
    ------
    FullDiskError
        By every method that writes, if there is no room; the store is then as it was before.

    Examples
    --------
    >>> import tempfile
    >>> from accelnas import mnasnet_space
    >>> from accelnas_training.collect.job import Job
    >>> space, scheme = mnasnet_space(), "5f1c"
    >>> with tempfile.TemporaryDirectory() as folder, Store.opened(f"{folder}/results.db", space) as store:
    ...     store.add_scheme(scheme, "quick", {"epochs": 2})
    ...     jobs = [Job.of(arch, scheme, seed=0) for arch in space.sample(3)]
    ...     store.add(jobs), store.add(jobs[::-1])
    ([1, 2, 3], [3, 2, 1])
    """

    @classmethod
    @contextmanager
    def opened(
        cls, path: str | PathLike[str], space: Space | None = None, about: Mapping[str, str] | None = None
    ) -> Iterator[Store]:
        """Open a store for writing, or make it.

        Parameters
        ----------
        path
            The file.
        space
            The space of its architectures; None for that of a store that exists.
        about
            Digests of what its results are made with, by name: ``family``, ``images``, …; None for those of a store
            that exists.

        Raises
        ------
        StoreError
            If another process holds it; if its space or a digest is another; if it is damaged or of another version;
            if it is on a file system of a network.
        """
        path = Path(path).resolve()
        if not path.parent.is_dir():
            raise StoreError(f"folder {path.parent} does not exist; create it first")
        if space is None and not path.exists():
            raise StoreError(f"{path} does not exist; `accelnas-training collect` makes a store")
        check_disk(path, "put the store on the driver's own disk, workers may be anywhere", StoreError)
        with locked(path.with_name(f"{path.name}.lock")) as free:
            if not free:
                raise StoreError(f"{path} is in use by {_holder(path)}; wait for it to end, or use another file")
            with connected(path, "rwc") as connection:
                _prepare(path, connection, space, dict(about or {}))
                store = cls(path, connection)
                _check_same(store, space, about)
                store.abandon()
                yield store

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for one transaction: all of it is on disk at the end, or nothing."""
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as error:
            # a full disk shows as either, depending on which of SQLite's files can't grow
            if "is full" in str(error) or "disk I/O" in str(error):
                raise FullDiskError(f"{self.path}: {error}; make room") from error
            raise

    def add_scheme(self, digest: str, name: str, content: Mapping[str, Any]) -> None:
        """Keep a scheme, unless its digest is there."""
        with self.writing() as connection:
            row = (digest, name, json.dumps(content))
            connection.execute("INSERT INTO schemes VALUES (?, ?, ?) ON CONFLICT DO NOTHING", row)

    def add(self, jobs: Sequence[Job]) -> list[int]:
        """Add those jobs that are not there, in one transaction, and give the numbers of all.

        Raises
        ------
        StoreError
            If a job's scheme is not there.
        accelnas.SpaceError
            If an architecture is not of the space.
        """
        if not jobs:
            return []
        self.space.check(np.array([job.architecture for job in jobs], np.uint8))
        unknown = {job.scheme for job in jobs} - self.schemes().keys()
        if unknown:
            raise StoreError(f"scheme {min(unknown)} is not in {self.path}; add the scheme before its jobs")
        missing = dict.fromkeys(job for job, number in zip(jobs, self.ids(jobs), strict=True) if number is None)
        with self.writing() as connection:
            connection.executemany(
                "INSERT INTO jobs (architecture, scheme, seed) VALUES (?, ?, ?)",
                [(bytes(job.architecture), job.scheme, job.seed) for job in missing],
            )
        return [number for number in self.ids(jobs) if number is not None]

    def begin(self, job: Job) -> Task:
        """Note that a job is being done, and give the task."""
        key = (bytes(job.architecture), job.scheme, job.seed)
        with self.writing() as connection:
            (attempt,) = connection.execute(
                "INSERT INTO attempts (job, started) SELECT id, ? FROM jobs"
                " WHERE architecture = ? AND scheme = ? AND seed = ? RETURNING id",
                (time.time(), *key),
            ).fetchone()
            return Task(job, self.content(job.scheme), attempt)

    def record(self, delivery: Delivery, limits: Limits) -> State:
        """Keep how an attempt ended, on disk before this returns, and give the job's state after it.

        A job keeps its first result: a second one is noted as a duplicate attempt, with what differs. A result that
        comes after its attempt was taken for lost is a result all the same.
        """
        with self.writing() as connection:
            job, ended = connection.execute(
                "SELECT job, ending FROM attempts WHERE id = ?", (delivery.task.attempt,)
            ).fetchone()
            query = "SELECT state, failures, losses FROM jobs WHERE id = ?"
            state, failures, losses = connection.execute(query, (job,)).fetchone()
            duplicate = state == "done" or (ended is not None and delivery.ending != "done")
            attempt = self._end_attempt(job, delivery, duplicate, new=ended is not None)
            if duplicate:
                return state  # type: ignore[no-any-return]
            if delivery.outcome is not None:
                connection.execute("INSERT INTO results VALUES (?, ?)", (job, attempt))
                rows = [(job, name, value) for name, value in delivery.outcome.values.items()]
                connection.executemany("INSERT INTO result_values VALUES (?, ?, ?)", rows)
            failures += delivery.ending in ("failed", "timed out")
            losses += delivery.ending == "worker lost"
            after = limits.state(delivery, failures, losses)
            update = "UPDATE jobs SET state = ?, failures = ?, losses = ? WHERE id = ?"
            connection.execute(update, (after, failures, losses, job))
        return after

    def release(self) -> int:
        """Let all quarantined jobs be tried again, and give their number."""
        update = "UPDATE jobs SET state = 'pending', failures = 0, losses = 0 WHERE state = 'quarantined'"
        with self.writing() as connection:
            return connection.execute(update).rowcount

    def abandon(self) -> None:
        """Note that attempts still under way will not end: their driver did."""
        with self.writing() as connection:
            connection.execute("UPDATE attempts SET ending = 'abandoned' WHERE ending IS NULL")

    def _end_attempt(self, job: int, delivery: Delivery, duplicate: bool, *, new: bool) -> int:
        """Write the attempt's row, or a new one if it has ended before, and give its number."""
        outcome, message, attempt = delivery.outcome, delivery.message, delivery.task.attempt
        if duplicate and outcome is not None:
            message = self._difference(job, outcome)
        if new:
            insert = "INSERT INTO attempts (job, started) VALUES (?, ?) RETURNING id"
            (attempt,) = self.connection.execute(insert, (job, time.time() - delivery.seconds)).fetchone()
        environment = None if outcome is None else json.dumps(dict(outcome.environment), sort_keys=True)
        if environment is not None:
            self.connection.execute("INSERT OR IGNORE INTO environments (content) VALUES (?)", (environment,))
        self.connection.execute(
            "UPDATE attempts SET ending = ?, finished = ?, seconds = ?, worker = ?, kind = ?, message = ?,"
            " environment = (SELECT id FROM environments WHERE content = ?) WHERE id = ?",
            (
                "duplicate" if duplicate else delivery.ending,
                time.time(),
                delivery.seconds,
                delivery.worker,
                delivery.kind or None,
                message or None,
                environment,
                attempt,
            ),
        )
        return attempt

    def _difference(self, job: int, outcome: Outcome) -> str:
        query = "SELECT name, value FROM result_values WHERE job = ? ORDER BY name"
        kept = dict(self.connection.execute(query, (job,)).fetchall())
        given = outcome.values
        names = [name for name in sorted({*kept, *given}) if kept.get(name) != given.get(name)]
        if not names:
            return "equal to the result"
        return "; ".join(f"{name} is {given.get(name)}, the result {kept.get(name)}" for name in names)


def _holder(path: Path) -> str:
    try:
        with connected(path, "ro") as connection:
            return str(connection.execute("SELECT value FROM meta WHERE name = 'driver'").fetchone()[0])
    except (StoreError, TypeError):  # it is being made just now
        return "another process"


def _prepare(path: Path, connection: sqlite3.Connection, space: Space | None, about: dict[str, str]) -> None:
    """Make the tables in a new file; look at those of an old one; say who holds it."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # a result is on disk before it is acknowledged
    connection.execute("PRAGMA foreign_keys = ON")
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if objects == 0 and space is not None:
        connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA}")
        rows = [("space", space.to_toml()), ("about", json.dumps(about, sort_keys=True))]
        connection.executemany("INSERT INTO meta VALUES (?, ?)", rows)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.execute("COMMIT")
    check_version(path, connection)
    (damage,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if damage != "ok":
        raise StoreError(f"{path} is damaged: {damage}; restore a copy, or collect into another file")
    holder = f"process {worker_name()} since {time.strftime('%Y-%m-%d %H:%M:%S')}"
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('driver', ?)", (holder,))


def _check_same(store: Store, space: Space | None, about: Mapping[str, str] | None) -> None:
    if space is not None and space != store.space:
        raise StoreError(
            f"{store.path} is of space {store.space.name} ({store.space.sha256[:12]}), not {space.name}"
            f" ({space.sha256[:12]}); use another file"
        )
    for name in sorted({*about, *store.about}) if about is not None else ():
        here, asked = store.about.get(name, "none"), about.get(name, "none") if about else "none"
        if here != asked:
            raise StoreError(f"{store.path} is of {name} {here[:12]}, not {asked[:12]}; use another file")
