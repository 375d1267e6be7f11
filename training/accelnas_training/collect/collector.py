"""Keep workers busy with a store's jobs, and record how each attempt ends."""

from __future__ import annotations

import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelnas_training.collect.job import Limits
from accelnas_training.collect.store import FullDiskError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from accelnas_training.collect.job import Delivery, Job, State, Task
    from accelnas_training.collect.store import Store
    from accelnas_training.collect.work import Runner, WorkDescription


_LOOK = 1.0  # seconds between reports while nothing ends
_PAUSE, _LONGEST_PAUSE = 0.5, 60.0  # seconds between looks for room on a full disk: each twice the last


@dataclass(frozen=True)
class Progress:
    """How far a collection is."""

    # jobs asked for, with a result, and given up
    jobs: int
    done: int
    quarantined: int
    running: int  # attempts under way
    in_hand: int  # outcomes that the store could not take yet
    note: str  # what hinders it, in words; empty if nothing does

    @property
    def finished(self) -> bool:
        """Whether every job has a result or is given up."""
        return self.done + self.quarantined == self.jobs


def collect(
    store: Store,
    jobs: Sequence[Job],
    work: WorkDescription,
    runner: Runner,
    limits: Limits | None = None,
    *,
    report: Callable[[Progress], None] | None = None,
    recorded: Callable[[Job], None] | None = None,
    ended: Callable[[Job], Sequence[Job]] | None = None,
) -> Progress:
    """Do jobs until each has a result or is quarantined.

    Parameters
    ----------
    store
        Where results are kept; it gets the jobs that it does not have.
    jobs
        Jobs to do, whose schemes the store has.
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
    ended
        Called with a job that was done here, or is given up; gives more jobs to do.

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
    collection = _Collection(store, jobs, runner, limits or Limits(), report, recorded, ended)
    runner.start(work, collection.limits.timeout)
    try:
        collection.run()
    except BaseException:
        collection.save_what_ended()
        runner.close()
        raise
    return collection.progress()


class _Collection:
    """One call of `collect`: jobs wait, run, are in hand once they ended, and leave when that is on disk."""

    def __init__(
        self,
        store: Store,
        jobs: Sequence[Job],
        runner: Runner,
        limits: Limits,
        report: Callable[[Progress], None] | None,
        recorded: Callable[[Job], None] | None,
        ended: Callable[[Job], Sequence[Job]] | None,
    ) -> None:
        self.store, self.runner, self.limits = store, runner, limits
        self.report, self.recorded, self.ended = report, recorded, ended
        self.states: dict[Job, State | None] = {}
        self.counts: Counter[State | None] = Counter()
        self.waiting: deque[Job] = deque()
        self.over: deque[Job] = deque()  # ended, and more jobs may follow
        self.more: list[Job] = []
        self.add(jobs)
        self.running: dict[int, Task] = {}
        self.in_hand: deque[Delivery] = deque()
        self.full: FullDiskError | None = None
        self.full_since = self.pause = 0.0

    def run(self) -> None:
        while True:
            try:
                self.record()
                self.go_on()
                self.begin()
                self.full, self.pause = None, 0.0
            except FullDiskError as error:
                self.wait_for_room(error)
            progress = self.progress()
            if self.report is not None:
                self.report(progress)
            if progress.finished and not self.running:
                return
            if self.full is not None and not self.running:
                time.sleep(self.pause)
            else:
                self.receive(self.pause or _LOOK)

    def add(self, jobs: Sequence[Job]) -> None:
        new = [job for job in dict.fromkeys(jobs) if job not in self.states]
        self.store.add(new)
        for job, state in zip(new, self.store.states(new), strict=True):
            self.states[job] = state
            self.counts[state] += 1
            if state == "pending":
                self.waiting.append(job)

    def go_on(self) -> None:
        while self.over and self.ended is not None:
            self.more += self.ended(self.over.popleft())
        self.add(self.more)
        self.more.clear()

    def receive(self, seconds: float) -> None:
        for delivery in self.runner.wait(seconds):
            self.running.pop(delivery.task.attempt, None)
            self.in_hand.append(delivery)

    def record(self) -> None:
        while self.in_hand:
            delivery = self.in_hand[0]
            state = self.store.record(delivery, self.limits)
            self.in_hand.popleft()
            self.note(delivery.task.job, state)

    def note(self, job: Job, state: State) -> None:
        """Note a job's state, which a delivery that comes twice or late may have left or changed."""
        before = self.states[job]
        self.states[job] = state
        self.counts[before] -= 1
        self.counts[state] += 1
        if state == "pending" and job not in self.waiting and job not in (t.job for t in self.running.values()):
            self.waiting.append(job)
        if state == "done" != before and self.recorded is not None:
            self.recorded(job)
        if self.ended is not None and before == "pending" != state:
            self.over.append(job)

    def begin(self) -> None:
        while self.waiting and self.runner.free > 0:
            if self.states[self.waiting[0]] == "pending":
                task = self.store.begin(self.waiting[0])
                self.running[task.attempt] = task
                self.runner.submit(task)
            self.waiting.popleft()

    def wait_for_room(self, error: FullDiskError) -> None:
        now = time.monotonic()
        if self.full is None:
            self.full_since = now
        self.full, self.pause = error, min(max(2 * self.pause, _PAUSE), _LONGEST_PAUSE)
        if now - self.full_since >= self.limits.patience:
            raise FullDiskError(
                f"{error} and start again: {len(self.in_hand)} outcomes in hand could not be written for"
                f" {self.limits.patience:g} s, and their jobs will be done again"
            )

    def save_what_ended(self) -> None:
        """Record what has ended before an exception ends the collection."""
        with suppress(FullDiskError):  # the next opening notes that these attempts ended with their driver
            self.receive(0)
            self.record()
            self.store.abandon()

    def progress(self) -> Progress:
        note = self.runner.waits_for
        if self.full is not None:
            note = f"{self.full}: {len(self.in_hand)} outcomes wait in memory; trying again in {self.pause:g} s"
        return Progress(
            len(self.states),
            self.counts["done"],
            self.counts["quarantined"],
            len(self.running),
            len(self.in_hand),
            note,
        )
