"""Whether a store is whole, and holds together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accelnas import SpaceError

if TYPE_CHECKING:
    from accelnas_training.collect.reader import StoreReader

__all__ = ["problems"]

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
