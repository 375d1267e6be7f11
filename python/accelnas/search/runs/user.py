"""Runs of algorithms written in Python, in lockstep: what all of them ask for is evaluated at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from accelnas import _core
from accelnas.errors import SearchError
from accelnas.search.protocol import Task, begin
from accelnas.space.definition import restricted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from accelnas.search.protocol import UserAlgorithm, Values
    from accelnas.search.runs.plan import Plan
    from accelnas.space import Rows, Space

__all__ = ["run_user"]

COHORT = 256
"""Runs at a time: enough for large batches, few enough to keep in memory."""


class Driver(Protocol):
    """Several runs, each with as many rows as it likes."""

    @property
    def is_asynchronous(self) -> bool:
        """Whether runs may be asked before all is told, and are told part by part."""
        ...

    @property
    def takes_start(self) -> bool:
        """Whether runs ask for the architectures that they begin with."""
        ...

    def ask(self, run: int) -> Any:
        """Give what a run wants to have evaluated, with epochs or without; runs are asked in their order."""
        ...

    def tell(self, rows: list[Rows], values: list[Values], epochs: list[NDArray[np.int64]]) -> None:
        """Take the values of what was asked, none for runs that are over."""
        ...


class Each:
    """Runs of their own, as `AskTell` or generators."""

    def __init__(self, algorithm: UserAlgorithm, tasks: Sequence[Task]) -> None:
        self._runs: list[Any] = [begin(algorithm, task) for task in tasks]
        self._says_epochs = [False] * len(tasks)

    @property
    def is_asynchronous(self) -> bool:
        """Whether the algorithm says so."""
        return bool(getattr(self._runs[0], "asynchronous", False))

    @property
    def takes_start(self) -> bool:
        """Whether the algorithm says so."""
        return bool(getattr(self._runs[0], "takes_start", False))

    def ask(self, run: int) -> Any:
        """Ask one run."""
        asked = self._runs[run].ask()
        self._says_epochs[run] = isinstance(asked, tuple)
        return asked

    def tell(self, rows: list[Rows], values: list[Values], epochs: list[NDArray[np.int64]]) -> None:
        """Tell run after run."""
        for i, run in enumerate(self._runs):
            if len(rows[i]):
                run.tell(rows[i], values[i], *([epochs[i]] if self._says_epochs[i] else []))


class Together:
    """Many runs at once, as `ManyRuns`."""

    is_asynchronous = False

    def __init__(self, many: Any, runs: int) -> None:
        self._many, self._runs = many, runs
        self.takes_start = bool(getattr(many, "takes_start", False))
        self._asked: NDArray[np.uint8] = np.empty((0, 0, 0), np.uint8)

    def ask(self, run: int) -> Rows:
        """Ask all runs at the turn of the first."""
        if run == 0:
            self._asked = np.asarray(self._many.ask())
            if self._asked.ndim != 3 or len(self._asked) != self._runs:
                raise SearchError(
                    f"{type(self._many).__name__} asked for an array of shape {self._asked.shape} for {self._runs} "
                    "runs; give (runs, n, variables)"
                )
        rows: Rows = self._asked[run]
        return rows

    def tell(self, rows: list[Rows], values: list[Values], epochs: list[NDArray[np.int64]]) -> None:  # noqa: ARG002
        """Tell all runs."""
        self._many.tell(np.stack(rows), np.stack(values))


def run_user(
    plan: Plan, problem: _core.Problem, first: int, last: int, keep_all: bool, report: Callable[[int, float], object]
) -> Mapping[str, NDArray[Any]]:
    """Make the runs `first` to `last` of an algorithm written in Python; give what `_core.Problem.run` gives.

    Raises
    ------
    SearchError, SpaceError
        If the algorithm asks for nothing, or for rows that are no architectures.
    """
    space = restricted(plan.setting.bench.space, plan.setting.allowed)
    sought = plan.setting.sought
    start = None if plan.start is None else space.encode(plan.setting.bench.space.decode(plan.start.rows))
    seeds = [_core.run_seed(plan.seed, run) for run in range(first, last)]
    fidelities = plan.setting.fidelities
    ladder = () if fidelities is None else fidelities.epochs
    tasks = [Task(space, sought.directions, plan.budget, seed, start, ladder) for seed in seeds]
    many = getattr(plan.algorithm, "many", None)
    driver: Driver = Each(plan.algorithm, tasks) if many is None else Together(many(tasks), len(tasks))
    if start is not None and not driver.takes_start:
        raise SearchError(f"{plan.label} does not say that it takes a start (takes_start); leave start out")
    workers = None
    if plan.workers is not None:
        number, together, until = plan.workers.to_core()
        workers = (number, together or not driver.is_asynchronous, until)
    runs = _core.Runs(problem, plan.seed, first, last, keep_all=keep_all, workers=workers, free=plan.free)
    waiting = Waiting(plan, space, driver, len(tasks))
    done, best = 0, -np.inf
    while True:
        idle = None if workers is None else runs.idle()
        asked = [
            waiting.next(run, None if idle is None else int(idle[run]), workers is not None and not workers[1])
            for run in range(len(tasks))
        ]
        rows, scores, counts = runs.advance(np.concatenate(asked), [len(own) for own in asked])
        if not len(rows) and not any(map(len, asked)):
            return runs.finish()
        told = scores * sought.signs
        told = told[:, 0] if len(sought.signs) == 1 else told
        ends, width = np.cumsum(counts)[:-1].astype(np.int64), len(space.variables)
        # the last column is of rungs, where there are any
        epochs = np.array(ladder, np.int64)[rows[:, width]] if ladder else np.empty(len(rows), np.int64)
        archs = np.ascontiguousarray(rows[:, :width])
        whole = scores[epochs == ladder[-1], 0] if ladder else scores[:, 0]
        done, best = done + len(rows), max(best, float(whole.max(initial=-np.inf)))
        report(done, best)
        driver.tell(np.split(archs, ends), np.split(told, ends), np.split(epochs, ends))


class Waiting:
    """What runs have asked for beyond what may start, and what is left of their budgets."""

    def __init__(self, plan: Plan, space: Space, driver: Driver, runs: int) -> None:
        self._plan, self._space, self._driver = plan, space, driver
        nothing = np.empty((0, len(space.variables) + (plan.setting.fidelities is not None)), np.uint8)
        self._rows, self._left = [nothing] * runs, [plan.budget] * runs

    def next(self, run: int, idle: int | None, one_by_one: bool) -> Rows:
        """Give what a run starts now: a batch as it was asked, or as many as there are idle workers."""
        wanted = self._left[run] if idle is None or (idle and not one_by_one) else min(idle, self._left[run])
        rows = self._rows[run]
        while len(rows) < wanted and (one_by_one or not len(rows)):
            rows = np.concatenate([rows, checked(self._plan, self._space, self._driver.ask(run))])
        started, self._rows[run] = rows[:wanted], rows[wanted:]
        self._left[run] -= len(started)
        return started


def checked(plan: Plan, space: Space, asked: Any) -> Rows:
    """Refuse what is no array of architectures; with fidelities, give their rungs as a last column."""
    rows, epochs = asked if isinstance(asked, tuple) and len(asked) == 2 else (asked, None)
    found, variables = np.asarray(rows), space.variables
    if found.ndim == 2 and not len(found):
        raise SearchError(f"{plan.label} asked for nothing before the budget was spent; let it go on for ever")
    if found.ndim != 2 or found.shape[1] != len(variables) or found.dtype != np.uint8:
        raise SearchError(
            f"{plan.label} asked for an array of shape {found.shape} and dtype {found.dtype}; "
            f"give uint8 (n, {len(variables)})"
        )
    checked_rows: Rows = np.ascontiguousarray(found)
    space.check(checked_rows)
    fidelities = plan.setting.fidelities
    if fidelities is None and epochs is not None:
        raise SearchError(
            f"{plan.label} asked for epochs, the objective has no fidelities; ask for architectures alone"
        )
    if fidelities is None:
        return checked_rows
    ladder = np.array(fidelities.epochs)
    wanted = np.full(len(found), ladder[-1]) if epochs is None else np.asarray(epochs)
    if wanted.shape != (len(found),) or not np.isin(wanted, ladder).all():
        raise SearchError(
            f"{plan.label} asked for {len(found)} architectures after {wanted.tolist()} epochs; choose for each one of "
            f"{', '.join(map(str, fidelities.epochs))}"
        )
    return np.column_stack([checked_rows, np.searchsorted(ladder, wanted).astype(np.uint8)])
