"""What a store says: how far it is, whether it is whole, and its results as a table."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from accelnas import SpaceError
from accelnas.errors import DataError
from accelnas.files import write_frame, write_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from accelnas_training.collect.reader import StoreReader


_RECENT = 100  # results by which the rate is judged


@dataclass(frozen=True)
class Status:
    """How far a store is."""

    counts: dict[tuple[str, str], int]  # jobs by scheme (its name) and state
    # attempts by ending and kind of failure; ``under way`` are those of a driver that runs, or was killed
    endings: dict[tuple[str, str], int]
    # of each quarantined job: its number, its architecture as text, and the last line of its last failure
    failures: list[tuple[int, str, str]]
    per_hour: float  # jobs done an hour, by the latest results; NaN before there are two
    job_seconds: float  # mean time of the same jobs; NaN before there are any
    driver: str  # who opened the store last

    @property
    def pending(self) -> int:
        """Jobs to do."""
        return sum(count for (_, state), count in self.counts.items() if state == "pending")

    @property
    def hours_left(self) -> float:
        """Hours until nothing is pending, at this rate; NaN where there is none."""
        return self.pending / self.per_hour if self.per_hour else float("nan")


def status(store: StoreReader) -> Status:
    """Look at a store, which a driver may be writing to."""
    ask = store.connection.execute
    counts = ask(
        "SELECT schemes.name, state, count(*) FROM jobs JOIN schemes ON digest = scheme GROUP BY scheme, state"
    ).fetchall()
    endings = ask(
        "SELECT coalesce(ending, 'under way'), coalesce(kind, ''), count(*) FROM attempts GROUP BY 1, 2 ORDER BY 1, 2"
    ).fetchall()
    failures = ask(
        "SELECT jobs.id, architecture, message, max(attempts.id) FROM jobs JOIN attempts ON job = jobs.id"
        " WHERE state = 'quarantined' AND message IS NOT NULL GROUP BY jobs.id ORDER BY jobs.id"
    ).fetchall()
    recent = ask(
        "SELECT finished, seconds FROM attempts WHERE ending = 'done' ORDER BY finished DESC LIMIT ?", (_RECENT,)
    ).fetchall()
    took = recent[0][0] - recent[-1][0] if len(recent) > 1 else float("nan")
    return Status(
        counts={(name, state): count for name, state, count in counts},
        endings={(ending, kind): count for ending, kind, count in endings},
        failures=[
            (job, store.space.format(store.unpacked([packed]))[0], message.strip().splitlines()[-1])
            for job, packed, message, _ in failures
        ],
        per_hour=(len(recent) - 1) / max(took, 1e-9) * 3600,
        job_seconds=sum(seconds for _, seconds in recent) / len(recent) if recent else float("nan"),
        driver=ask("SELECT value FROM meta WHERE name = 'driver'").fetchone()[0],
    )


# each gives the jobs of which the sentence is true, and there must be none
_BROKEN = {
    "is done and has no result": "SELECT id FROM jobs WHERE state = 'done' AND id NOT IN (SELECT job FROM results)",
    "has a result and is not done": "SELECT id FROM jobs JOIN results ON job = id WHERE state != 'done'",
    "has a result without values": "SELECT job FROM results WHERE job NOT IN (SELECT job FROM result_values)",
    "has a result of an attempt that did not give it": "SELECT results.job FROM results JOIN attempts"
    " ON attempts.id = attempt WHERE attempts.job != results.job OR ending IS NOT 'done'",
    "has an attempt that is done and gave no result": "SELECT job FROM attempts WHERE ending = 'done'"
    " AND id NOT IN (SELECT attempt FROM results)",
}


def problems(store: StoreReader) -> list[str]:
    """Look at every page and every row of a store, and say what is wrong, in words; nothing if nothing is."""
    rows = store.connection.execute("PRAGMA integrity_check").fetchall()
    found = [f"damaged: {text}" for (text,) in rows if text != "ok"]
    for table, *_ in store.connection.execute("PRAGMA foreign_key_check").fetchall():
        found.append(f"a row of {table} refers to one that is not there")
    for sentence, query in _BROKEN.items():
        found += [f"job {job} {sentence}" for (job,) in store.connection.execute(query)]
    for job, packed in store.connection.execute("SELECT id, architecture FROM jobs"):
        try:
            store.space.check(np.frombuffer(packed, np.uint8))
        except SpaceError as error:
            found.append(f"job {job} is not of space {store.space.name}: {error}")
    return found


_OWN = ("id", "scheme", "seed")  # columns of results that are no metrics


def export(
    store: StoreReader,
    path: str | PathLike[str],
    scheme: str | None = None,
    seeds: Literal["all", "mean"] = "all",
) -> pl.DataFrame:
    """Write the results of one scheme.

    Parameters
    ----------
    store
        Where they are.
    path
        ``.parquet`` or ``.csv``. Beside it, ``PATH.json`` says where the results come from.
    scheme
        Name or digest; None if the store has one alone.
    seeds
        ``all``: a row a result, so that seeds are repeats of an architecture; ``mean``: a row an architecture, with
        the mean over its seeds, and ``METRIC_std``, their standard deviation (n - 1), of metrics in which they differ.

    Returns
    -------
    polars.DataFrame
        What was written: ``id``, the space's variables, and the metrics. Ids are the numbers of jobs in the store (of
        an architecture's first job for means), so they stay the same as the store grows.

    Raises
    ------
    StoreError
        If there is no such scheme, or more than one.
    accelnas.errors.DataError
        If there are no results, or the file's name ends otherwise.
    """
    check_name(path)
    digest = store.scheme(scheme)
    results = store.results(digest)
    if results.height == 0:
        raise DataError(f"{store.path} has no results of scheme {scheme or digest[:12]} yet; collect some first")
    table = _means(store, results, digest) if seeds == "mean" else results.drop("scheme", "seed")
    name, content = store.schemes()[digest]
    about = {
        "scheme": {"name": name, "digest": digest, "content": content},
        "rows": "one a result" if seeds == "all" else "means over seeds",
        "seed_of_job": dict(results.select("id", "seed").iter_rows()),
        "environments": store.environments(digest),
    }
    write_table(store, table, path, about)
    return table


def check_name(path: str | PathLike[str]) -> None:
    """Raise DataError unless a file's name ends in ``.parquet`` or ``.csv``."""
    if Path(path).suffix not in {".parquet", ".csv"}:
        raise DataError(f"{path} ends in {Path(path).suffix or 'nothing'}; choose .parquet or .csv")


def write_table(store: StoreReader, table: pl.DataFrame, path: str | PathLike[str], about: Mapping[str, Any]) -> None:
    """Write a store's table, ``.parquet`` or ``.csv``, and ``PATH.json``, which says `about` it and the store."""
    path = Path(path)
    write_frame(table, path, "csv" if path.suffix == ".csv" else "parquet")
    content = {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "space": {"name": store.space.name, "sha256": store.space.sha256},
        "about": store.about,
        **about,
    }
    write_text(path.with_name(f"{path.name}.json"), json.dumps(content, indent=2) + "\n")


def _means(store: StoreReader, results: pl.DataFrame, digest: str) -> pl.DataFrame:
    variables = [variable.name for variable in store.space.variables]
    metrics = [name for name in results.columns if name not in {*_OWN, *variables}]
    counts = results.group_by(variables).agg(pl.col(name).drop_nulls().n_unique() for name in metrics)
    spread = [name for name in metrics if counts[name].max() != 1]
    first = dict(
        store.connection.execute(
            "SELECT id, min(id) OVER (PARTITION BY architecture) FROM jobs WHERE scheme = ?", (digest,)
        ).fetchall()
    )
    return (
        results.with_columns(pl.col("id").replace_strict(first, return_dtype=pl.Int64))
        .group_by("id", *variables)
        .agg(*(pl.col(name).mean() for name in metrics), *(pl.col(name).std().alias(f"{name}_std") for name in spread))
        .sort("id")
    )
