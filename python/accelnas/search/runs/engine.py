"""Makes the runs of a plan: in parts, in this process or on a Ray cluster, kept on disk as they end."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from accelnas.arguments import check_choice, check_threads
from accelnas.exact.ray import finished_tasks
from accelnas.search.algorithms import to_spec
from accelnas.search.runs.logs import Logs
from accelnas.search.runs.store import Store
from accelnas.search.runs.user import COHORT, run_user

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from os import PathLike

    from accelnas.search.runs.plan import Plan

__all__ = ["ManyOptions", "make_runs"]

PART = 1000
"""Runs of a part: what is lost at most when a machine dies."""


@dataclass(frozen=True)
class ManyOptions:
    """How runs are made; nothing that they find depends on it.

    Attributes
    ----------
    engine : {"threads", "ray"}
        This process, or a Ray cluster as for `accelnas.exact.RunOptions`.
    threads : int or None
        Threads of a process; one a core by default.
    output : path or None
        Folder that holds finished parts as Parquet; the same call goes on from them.
    progress : callable or None
        Told now and then how many evaluations are done, of how many, and the best first score so far (more is
        better); of all runs together.
    """

    engine: Literal["threads", "ray"] = "threads"
    threads: int | None = None
    output: str | PathLike[str] | None = None
    progress: Callable[[int, int, float], object] | None = None

    def __post_init__(self) -> None:
        check_choice("engine", self.engine, ("threads", "ray"))
        check_threads(self.threads)


def make_runs(plan: Plan, options: ManyOptions) -> Logs:
    """Give the logs of all runs of a plan."""
    parts = [range(first, min(first + PART, plan.runs)) for first in range(0, plan.runs, PART)]
    with ExitStack() as stack:
        store = None if options.output is None else stack.enter_context(Store.opened(options.output, plan))
        known = {} if store is None else {part: logs for part in parts if (logs := store.read(part)) is not None}
        missing = [part for part in parts if part not in known]
        for part, logs in _finished(plan, missing, options, sum(map(len, known))):
            if store is not None:
                store.write(part, logs)
            known[part] = logs
    return Logs.joined([known[part] for part in parts])


def _finished(plan: Plan, parts: Sequence[range], options: ManyOptions, before: int) -> Iterator[tuple[range, Logs]]:
    """Give parts and their logs as they end."""
    report, total = options.progress or (lambda *_: None), plan.runs * plan.budget
    if options.engine == "ray":
        done = before
        for part, logs in finished_tasks(run_part, plan, parts, options.threads or 1):
            done += len(part)
            report(done * plan.budget, total, float(logs.scores[:, 0].max()))
            yield part, logs
        return
    best = -float("inf")
    for part in parts:
        base = before * plan.budget

        def tell(evaluations: int, found: float, base: int = base) -> None:
            nonlocal best
            best = max(best, found)
            report(base + evaluations, total, best)

        yield part, run_part(plan, part, options.threads, tell)
        before += len(part)


def run_part(
    plan: Plan, part: range, threads: int | None, report: Callable[[int, float], object] | None = None
) -> Logs:
    """Make some runs of a plan in this process."""
    tell = report or (lambda *_: None)
    problem = plan.problem(threads)
    if plan.is_native:
        spec = to_spec(plan.algorithm)
        made = problem.run(
            spec,
            plan.seed,
            part.start,
            part.stop,
            plan.budget,
            workers=None if plan.workers is None else plan.workers.to_core(),
            start=None if plan.start is None else plan.start.rows,
            free=plan.free,
            threads=threads,
            report=tell,
        )
        return Logs.of(made)
    logs = []
    for first in range(part.start, part.stop, COHORT):
        last = min(first + COHORT, part.stop)
        base = (first - part.start) * plan.budget

        def counted(evaluations: int, best: float, base: int = base) -> None:
            tell(base + evaluations, best)

        logs.append(Logs.of(run_user(plan, problem, first, last, False, counted)))
    return Logs.joined(logs)
