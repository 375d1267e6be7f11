"""Keep workers busy with a store's jobs, and record how each attempt ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelnas_training.collect.job import Job
from accelnas_training.collect.limits import Limits

if TYPE_CHECKING:
    from accelnas_training.collect.runner import Runner
    from accelnas_training.collect.store import Store
    from accelnas_training.collect.work import WorkDescription

__all__ = ["Progress", "collect"]


@dataclass(frozen=True)
class Progress:
    """How far a collection is.

    Attributes
    ----------
    jobs, done, quarantined : int
        Jobs asked for, with a result, and given up.
    running, workers : int
        Attempts under way, and workers that are there.
    in_hand : int
        Outcomes that the store could not take yet.
    note : str
        What hinders it, in words; empty if nothing does.
    """

    jobs: int
    done: int
    quarantined: int
    running: int
    workers: int
    in_hand: int
    note: str

    @property
    def finished(self) -> bool:
        """Whether every job has a result or is given up."""
        return self.done + self.quarantined == self.jobs


def collect(
    store: Store,
    jobs: Sequence[Job] | None,
    work: WorkDescription,
    runner: Runner,
    limits: Limits | None = None,
    *,
    report: Callable[[Progress], None] | None = None,
    recorded: Callable[[Job], None] | None = None,
) -> Progress:
    """Do jobs until each has a result or is quarantined.

    Parameters
    ----------
    store
        Where results are kept; it gets the jobs that it does not have.
    jobs
        Jobs to do, whose schemes the store has; None for all that are pending.
    work
        What workers do.
    runner
        Where. It is left open: the next call with the same work uses its workers again.
    limits
        When to give up; the default is ``Limits()``.
    report
        Called after every change.
    recorded
        Called with a job once its result is on disk.

    Returns
    -------
    Progress
        Its end. Jobs that are quarantined stay so; `Store.release` lets them be tried again.

    Raises
    ------
    StoreError
        If a scheme is unknown, or the disk was full for longer than ``limits.patience``.
    TrainingError
        If the work can't be made, or workers die before they are ready.
    """
    raise NotImplementedError
