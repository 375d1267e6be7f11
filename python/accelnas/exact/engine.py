"""Runs the jobs of a search: in chunks, with progress, checkpoints, shards and a limit of time."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from accelnas import _core
from accelnas.arguments import check_threads, check_whole
from accelnas.errors import SearchError, SpaceError, TooManyPointsError
from accelnas.exact.checkpoint import Checkpoint, opened
from accelnas.exact.constraints import require_tables
from accelnas.exact.kinds import KINDS
from accelnas.exact.options import RunOptions
from accelnas.exact.ray import finished_tasks
from accelnas.exact.resolved import ResolvedQuestion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from accelnas.exact.constraints import Constraint
    from accelnas.exact.objectives import Objective
    from accelnas.exact.options import Progress
    from accelnas.models.predictor import Predictor

__all__ = ["CHUNK", "Finished", "Run", "prepare", "run"]

CHUNK = 64  # jobs between two checkpoints: as many as the core starts at once, so that results do not depend on it


@dataclass(frozen=True)
class Run:
    """How one run of a search is made: options, threads, progress, and part i of n parts if it does not do all."""

    options: RunOptions = field(default_factory=RunOptions)
    threads: int | None = None
    progress: Progress | None = None
    shard: tuple[int, int] | None = None

    @property
    def part(self) -> tuple[int, int]:
        """Which part of how many."""
        return self.shard or (1, 1)

    def __post_init__(self) -> None:
        """Refuse what can't be done."""
        check_threads(self.threads)
        parts = check_whole("parts", self.part[1], 1)
        check_whole("shard", self.part[0], 1, parts)


@dataclass(frozen=True)
class Finished:
    """A state and what it took: seconds with those of interrupted runs, threads, the engine, how many shards."""

    state: str
    seconds: float
    threads: int
    engine: str
    shards: int = 1


def prepare(bench: Predictor, question: ResolvedQuestion, threads: int | None, *, prune: bool = True) -> _core.Search:
    """Prepare the search; without pruning every architecture is evaluated.

    Raises
    ------
    MetricError
        If a metric has no tables.
    SpaceError
        If there are more than 2**64 architectures, and they are to be counted.
    """
    for metric in question.metrics:
        require_tables(bench.metrics, metric)
    kind, position = KINDS[question.kind], bench._core.position
    size = question.size(bench.space)
    if size > _core.MAX_SIZE and kind.counts:
        raise SpaceError(
            f"{size:.3g} architectures are too many to search, 2**64 or more; restrict the space with within, "
            "or estimate a count, a rank or a distribution (Benchmark.estimate, --samples)"
        )

    def under(limits: tuple[Constraint, ...]) -> _core.Search:
        return _core.Search(
            bench._core,
            kind.core,
            [(position(o.metric), o.direction) for o in question.objectives],
            [(position(c.metric), c.lower, c.upper) for c in limits],
            [list(choices) for choices in question.allowed],
            prune=prune,
            threads=threads,
            **kind.core_options(bench, question.options),
        )

    def first(limits: tuple[Constraint, ...]) -> dict[str, NDArray[np.float64]]:
        search = under(limits)
        values = search.result(search.start(threads), threads)["values"]
        return dict(zip(question.metrics, values.T, strict=True))

    def best(objective: Objective) -> float | None:
        asked = replace(question, kind="best", objectives=(objective,), options=MappingProxyType({"k": 1}))
        search = prepare(bench, asked, threads)
        values = search.result(search.run(search.start(threads), 0, search.jobs, threads), threads)["values"]
        return float(values[0, 0]) if len(values) else None

    return under(kind.limits(bench, question, best, first))


def run(bench: Predictor, question: ResolvedQuestion, search: _core.Search, how: Run) -> Finished:
    """Do all jobs of a search, or those of one shard.

    Raises
    ------
    SearchError
        If the time limit would be exceeded, a front has too many points, the checkpoint is of another question, or what
        was found so far is asked for of a shard, or of a kind of question that has no such answer.
    FileError
        If the checkpoint can't be read or written.
    KeyboardInterrupt
        On Ctrl-C, unless what was found so far is given. Done chunks are in the checkpoint.
    """
    options, kind, whole = how.options, KINDS[question.kind], how.shard is None
    if options.anytime and not (kind.anytime and whole):
        what = f"a {question.kind} is" if whole else "a shard is"
        raise SearchError(f"anytime is of the best and of fronts, {what} found wholly or not at all; leave it out")
    anytime = options.anytime or (kind.kept and whole)
    with ExitStack() as stack:
        checkpoint = None if options.checkpoint is None else stack.enter_context(opened(options.checkpoint))
        saved = None if checkpoint is None else checkpoint.prepare(_checkpoint_key(bench, question, how))
        state, before = saved or (search.start(how.threads), 0.0)
        monitor = _Monitor(search, how, before)
        alone = checkpoint is None and not anytime and options.engine != "ray" and how.shard is None
        todo = [(0, search.jobs)] if alone else _open_chunks(search, state, how)
        monitor.expect(todo)
        try:
            for advanced in _advance(bench, question, search, state, todo, how, monitor):
                state = advanced
                _save(checkpoint, state, monitor)
        except (KeyboardInterrupt, _TimeIsUpError):
            if not anytime:
                raise
        except TooManyPointsError:
            if not options.anytime:
                raise
        threads = how.threads or _core.processors()
        return Finished(state, monitor.seconds(), threads, options.engine)


def _save(checkpoint: Checkpoint | None, state: str, monitor: _Monitor) -> None:
    if checkpoint is not None:
        checkpoint.save(state, monitor.seconds())


def _checkpoint_key(bench: Predictor, question: ResolvedQuestion, how: Run) -> str:
    part, parts = how.part
    return f"{question.key(bench)} {part}/{parts}"


def _advance(
    bench: Predictor,
    question: ResolvedQuestion,
    search: _core.Search,
    state: str,
    chunks: Sequence[tuple[int, int]],
    how: Run,
    monitor: _Monitor,
) -> Iterator[str]:
    """Give the state after each chunk; on a cluster in the order in which they end."""
    if how.options.engine == "ray":
        # every chunk starts from the state before the first job, so counts do not depend on the cluster
        asked = (bench, question.to_json(bench.space), search.start(how.threads))
        for chunk, found in finished_tasks(_do_chunk, asked, chunks, how.threads or 1):
            state = search.merge(state, found, how.threads)
            monitor.finished(chunk)
            yield state
        return
    for chunk in chunks:
        state = search.run(state, *chunk, how.threads, monitor.settled_in_chunk)
        monitor.finished(chunk)
        yield state


_searches: dict[str, _core.Search] = {}  # of this worker: preparing one takes longer than many chunks


def _do_chunk(asked: tuple[Predictor, Mapping[str, Any], str], chunk: tuple[int, int], threads: int) -> str:
    """Do one chunk in a worker of a cluster."""
    bench, content, start = asked
    question = ResolvedQuestion.from_json(bench, content)
    key = question.key(bench)
    if key not in _searches:
        _searches.clear()
        _searches[key] = prepare(bench, question, threads)
    return _searches[key].run(start, *chunk, threads)


def _open_chunks(search: _core.Search, state: str, how: Run) -> list[tuple[int, int]]:
    """Chunks of a shard that are not done: every n-th, because neighbours are about as hard as each other."""
    part, parts = how.part
    starts = range(CHUNK * (part - 1), search.jobs, CHUNK * parts)
    chunks = [(start, min(start + CHUNK, search.jobs)) for start in starts]
    done = search.result(state, how.threads)["done"]
    return [c for c in chunks if not any(first <= c[0] and c[1] <= last for first, last in done)]


class _TimeIsUpError(Exception):
    """Ends a search that gives what it found so far."""


class _Monitor:
    """Tells the progress; refuses to go on where the estimate exceeds the limit, or ends at the limit."""

    def __init__(self, search: _core.Search, how: Run, before: float) -> None:
        self._size, self._jobs = search.size, search.jobs
        self._how = how
        self._before = before
        self._started = time.monotonic()
        self._done = self._expected = 0  # architectures, of this run

    def seconds(self) -> float:
        """Seconds so far, with those of earlier runs."""
        return self._before + time.monotonic() - self._started

    def expect(self, chunks: Sequence[tuple[int, int]]) -> None:
        """Say what this run is about to do."""
        self._expected = sum(map(self._architectures, chunks))

    def finished(self, chunk: tuple[int, int]) -> None:
        """Count a chunk as done."""
        self._done += self._architectures(chunk)
        self._tell(self._done)
        self._check(self._done)

    def settled_in_chunk(self, architectures: int) -> None:
        """Show the progress inside a chunk."""
        if architectures:
            self._tell(self._done + architectures)
        self._check(self._done + architectures)

    def _architectures(self, chunk: tuple[int, int]) -> int:
        return self._size * (chunk[1] - chunk[0]) // self._jobs

    def _tell(self, done: int) -> None:
        _, parts = self._how.part
        if self._how.progress is not None:
            total = self._size if parts == 1 else self._expected
            self._how.progress(total - self._expected + min(done, self._expected), total)

    def _check(self, done: int) -> None:
        limit, spent = self._how.options.time_limit, time.monotonic() - self._started
        if limit is None or done >= self._expected:
            return
        if self._how.options.anytime:
            if spent > limit:
                raise _TimeIsUpError
            return
        # an estimate from less than that would be worth little
        if spent < min(max(limit / 10, 1), 30, limit):
            return
        estimate = spent * self._expected / done if done else float("inf")
        if max(spent, estimate) > limit:
            share = f"{100 * done / self._expected:.2g} % are done after {spent:.1f} s"
            needed = f"about {_duration(estimate)} are needed" if done else "not one job ended"
            raise SearchError(
                f"time_limit is {limit:g} s, but {needed} ({share}); restrict the space with within, add constraints, "
                "divide it with shards or on a Ray cluster, estimate the answer, or allow more time with a checkpoint"
            )


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:.0f} s"
