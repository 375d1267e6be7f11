"""Try candidates, in this process or in several, and record how they fare."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from accelnas.errors import AccelnasError
from accelnas.fitting.families.base import POLL
from accelnas.fitting.tuning.objective import cross_validate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from multiprocessing.connection import Connection

    from optuna import Trial

    from accelnas.fitting.tuning.objective import Problem
    from accelnas.fitting.tuning.search_space import SearchSpace, State
    from accelnas.fitting.tuning.study import Study

__all__ = ["Run"]

# what families and their libraries raise for settings that don't work: one trial is lost, the study goes on
REFUSALS = (AccelnasError, ArithmeticError, MemoryError, RuntimeError, TypeError, ValueError)

# an error so far, of how many folds and whether these are all, or why the candidate was refused
Event = tuple[float, int, bool] | str


class Run:
    """One call of `accelnas.fitting.tuning.tune`.

    Only this process touches the record; workers do nothing but fit and judge. One that dies
    loses the trial that it worked on.

    Parameters
    ----------
    study, problem, space
        What proposes, what judges, and what is searched.
    trials
        Number of trials that the record holds in the end, earlier runs' included; None is no limit.
    seconds
        No trial begins after so many; None is no limit.
    tell
        Called after each trial with the number of trials and the least error so far.
    """

    def __init__(
        self,
        study: Study,
        problem: Problem,
        space: SearchSpace,
        trials: int | None,
        seconds: float | None,
        tell: Callable[[int, float | None], None],
    ) -> None:
        self._study, self._problem, self._space = study, problem, space
        self._trials, self._tell = trials, tell
        self._deadline = None if seconds is None else time.monotonic() + seconds
        ended = [trial for trial in study.history() if trial.state != "interrupted"]
        self._ended = len(ended)
        values = [trial.value for trial in ended if trial.state == "complete" and trial.value is not None]
        self._best = min(values, default=None)
        tell(self._ended, self._best)

    def run(self, threads: int) -> None:
        """Try candidates until trials or time are used up, `threads` at the same time."""
        if threads == 1:
            self._run_here()
        else:
            self._run_workers(threads)

    def _run_here(self) -> None:
        while (asked := self._next(0)) is not None:
            for event in _attempt(self._problem, self._space, asked.params):
                if not self._goes_on(asked, event):
                    break

    def _run_workers(self, count: int) -> None:
        workers = {worker.connection: worker for worker in (_Worker(self._problem, self._space) for _ in range(count))}
        idle = list(workers)
        busy: dict[Connection, Trial] = {}
        try:
            while True:
                while idle and (asked := self._next(len(busy))) is not None:
                    busy[idle[-1]] = asked
                    _send(idle.pop(), asked.params)
                if not busy:
                    return
                while not (answered := wait(list(busy), timeout=POLL)):
                    pass  # awake for Ctrl-C, which another thread may have got
                for ready in answered:
                    connection: Any = ready  # not a socket, as its type allows
                    event = workers[connection].result()
                    goes_on = self._goes_on(busy[connection], event)
                    _send(connection, goes_on)
                    if goes_on:
                        continue
                    del busy[connection]
                    if workers[connection].died:
                        del workers[connection]
                        worker = _Worker(self._problem, self._space)
                        connection = worker.connection
                        workers[connection] = worker
                    idle.append(connection)
        finally:
            for worker in workers.values():
                worker.kill()

    def _next(self, underway: int) -> Trial | None:
        if self._trials is not None and self._ended + underway >= self._trials:
            return None
        if self._deadline is not None and time.monotonic() >= self._deadline:
            return None
        return self._study.ask()

    def _goes_on(self, asked: Trial, event: Event) -> bool:
        """Record what came of a candidate; whether there is more to come."""
        if isinstance(event, str):
            self._end(asked, "failed", None, event)
            return False
        error, folds, whole = event
        asked.report(error, folds)
        promising = not asked.should_prune()
        if whole or not promising:
            self._end(asked, "complete" if whole else "pruned", error)
        return promising and not whole

    def _end(self, asked: Trial, state: State, error: float | None, message: str = "") -> None:
        self._study.tell(asked, state, error, message)
        self._ended += 1
        if state == "complete" and error is not None:
            self._best = error if self._best is None else min(self._best, error)
        self._tell(self._ended, self._best)


def _attempt(problem: Problem, space: SearchSpace, suggested: Mapping[str, Any]) -> Iterator[Event]:
    try:
        for folds, (error, whole) in enumerate(cross_validate(problem, space.candidate(suggested)), start=1):
            yield error, folds, whole
    except REFUSALS as error:
        yield f"{type(error).__name__}: {error}"


class _Worker:
    """A process that judges one candidate after another."""

    def __init__(self, problem: Problem, space: SearchSpace) -> None:
        context = get_context("spawn")  # a fork would inherit locks of the libraries' threads
        self.died = False
        self.connection, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, problem, space), daemon=True)
        self._process.start()
        other.close()  # so that its end is noticed here

    def result(self) -> Event:
        """Return what it sends next; if it died, that."""
        try:
            event: Event = self.connection.recv()
        except (EOFError, OSError):
            self.died = True
            self.kill()
            return f"its process died with exit code {self._process.exitcode}"
        return event

    def kill(self) -> None:
        self._process.kill()
        self._process.join()
        self.connection.close()


def _send(connection: Any, message: object) -> None:
    with suppress(OSError):  # it died: the next result says so
        connection.send(message)


def _serve(connection: Connection, problem: Problem, space: SearchSpace) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    try:
        while True:
            for event in _attempt(problem, space, connection.recv()):
                connection.send(event)
                if not connection.recv():
                    break
    except (EOFError, OSError):
        return  # the parent is gone
