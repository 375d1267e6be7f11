"""Try candidates, in this process or in several, and record how they fare."""

from __future__ import annotations

import signal
import time
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import TYPE_CHECKING, Any, cast

from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.process_executor import BrokenProcessPool

from accelnas.errors import AccelnasError
from accelnas.fitting.families.base import POLL
from accelnas.fitting.tuning.objective import cross_validate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

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

    `study` proposes, `problem` judges, `tell` is called after each trial with the number of trials and the least
    error so far; the limits are those of `tune`.
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
        if threads > 1:
            return self._run_lanes([_lane() for _ in range(threads)])
        while (asked := self._next(0)) is not None:
            for event in _attempt(self._problem, self._space, asked.params):
                if not self._goes_on(asked, event):
                    break
        return None

    def _run_lanes(self, idle: list[ProcessPoolExecutor]) -> None:
        busy: dict[Future[Event], tuple[ProcessPoolExecutor, Trial]] = {}
        try:
            while True:
                while idle and (asked := self._next(len(busy))) is not None:
                    lane = idle.pop()
                    busy[_submitted(lane, _begin, self._problem, self._space, asked.params)] = lane, asked
                if not busy:
                    return
                # awake for Ctrl-C, which another thread may have got
                for future in wait(busy, timeout=POLL, return_when=FIRST_COMPLETED).done:
                    lane, asked = busy.pop(future)
                    try:
                        event: Event = future.result()
                    except BrokenProcessPool:
                        event = "its process died, of a lack of memory or a fault of a library"
                        lane.shutdown(kill_workers=True)
                        lane = _lane()
                    if self._goes_on(asked, event):
                        busy[_submitted(lane, _go_on)] = lane, asked
                    else:
                        idle.append(lane)
        finally:
            for lane in [*idle, *(lane for lane, _ in busy.values())]:
                lane.shutdown(kill_workers=True)

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


def _lane() -> ProcessPoolExecutor:
    """Give a process that judges one candidate after another; Ctrl-C is this one's to handle."""
    return ProcessPoolExecutor(1, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN))


def _submitted(lane: ProcessPoolExecutor, call: Callable[..., Event], *given: Any) -> Future[Event]:
    """Let a lane work; of one that died between two folds the result says so."""
    try:
        return cast("Future[Event]", lane.submit(call, *given))
    except BrokenProcessPool as error:
        dead: Future[Event] = Future()
        dead.set_exception(error)
        return dead


def _begin(problem: Problem, space: SearchSpace, suggested: Mapping[str, Any]) -> Event:
    """Judge a candidate, in a process of its own, by the first fold."""
    _UNDERWAY[:] = [_attempt(problem, space, suggested)]
    return _go_on()


def _go_on() -> Event:
    """Judge it by one more fold."""
    return next(_UNDERWAY[0])


_UNDERWAY: list[Iterator[Event]] = []  # of a lane's process: what it judges
