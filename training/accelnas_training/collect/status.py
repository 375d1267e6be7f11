"""How far a store is, when it will be complete, and whether it is whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelnas import SpaceError

if TYPE_CHECKING:
    from accelnas_training.collect.reader import StoreReader


_RECENT = 100  # results by which the rate is judged


@dataclass(frozen=True)
class Status:
    """How far a store is.

    Attributes
    ----------
    counts : dict of (str, str) to int
        Jobs by scheme (its name) and state.
    endings : dict of (str, str) to int
        Attempts by ending and kind of failure; ``under way`` are those of a driver that runs, or was killed.
    failures : list of (int, str, str)
        Of each quarantined job: its number, its architecture as text, and the last line of its last failure.
    per_hour : float
        Jobs done an hour, by the latest results; NaN before there are two.
    job_seconds : float
        Mean time of the same jobs; NaN before there are any.
    driver : str
        Who opened the store last.
    """

    counts: dict[tuple[str, str], int]
    endings: dict[tuple[str, str], int]
    failures: list[tuple[int, str, str]]
    per_hour: float
    job_seconds: float
    driver: str

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
    """Look at every page and every row of a store.

    Returns
    -------
    list of str
        What is wrong, in words; empty if nothing is.
    """
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
