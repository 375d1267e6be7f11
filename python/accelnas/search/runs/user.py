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

    def ask(self, run: int) -> Rows:
        """Give what a run wants to have evaluated; runs are asked in their order."""
        ...

    def tell(self, rows: list[Rows], values: list[Values]) -> None:
        """Take the values of what was asked, none for runs that are over."""
        ...


class Each:
    """Runs of their own, as `AskTell` or generators."""

    def __init__(self, algorithm: UserAlgorithm, tasks: Sequence[Task]) -> None:
        self._runs = [begin(algorithm, task) for task in tasks]

    def ask(self, run: int) -> Rows:
        """Ask one run."""
        return self._runs[run].ask()

    def tell(self, rows: list[Rows], values: list[Values]) -> None:
        """Tell run after run."""
        for run, own, told in zip(self._runs, rows, values, strict=True):
            if len(own):
                run.tell(own, told)


class Together:
    """Many runs at once, as `ManyRuns`."""

    def __init__(self, many: Any, runs: int) -> None:
        self._many, self._runs = many, runs
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

    def tell(self, rows: list[Rows], values: list[Values]) -> None:
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
    tasks = [Task(space, sought.directions, plan.budget, _core.run_seed(plan.seed, run)) for run in range(first, last)]
    many = getattr(plan.algorithm, "many", None)
    driver: Driver = Each(plan.algorithm, tasks) if many is None else Together(many(tasks), len(tasks))
    runs = _core.Runs(problem, plan.seed, first, last, keep_all=keep_all)
    done, best = [0] * len(tasks), -np.inf
    nothing = np.empty((0, len(space.variables)), np.uint8)
    while min(done) < plan.budget:
        left = [plan.budget - own for own in done]
        asked = [checked(plan, space, driver.ask(run))[:own] if own else nothing for run, own in enumerate(left)]
        counts = [len(rows) for rows in asked]
        scores = runs.advance(np.concatenate(asked), counts)
        done = [own + count for own, count in zip(done, counts, strict=True)]
        best = max(best, float(scores[:, 0].max()))
        report(sum(done), best)
        told = scores * sought.signs
        told = told[:, 0] if len(sought.signs) == 1 else told
        driver.tell(asked, np.split(told, np.cumsum(counts)[:-1]))
    return runs.finish()


def checked(plan: Plan, space: Space, rows: Any) -> Rows:
    """Refuse what is no array of architectures."""
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
    return checked_rows
