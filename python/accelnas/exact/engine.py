"""Runs the jobs of a search: in chunks, with progress, checkpoints, shards and a limit of time."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from accelnas import _core
from accelnas.arguments import check_number, check_threads, check_whole
from accelnas.errors import SearchError
from accelnas.exact.checkpoint import Checkpoint, opened

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from accelnas.benchmark import Benchmark
    from accelnas.exact.question import Question

__all__ = ["CHUNK", "Finished", "Progress", "RunOptions", "run"]

CHUNK = 64  # jobs between two checkpoints: as many as the core starts at once, so that results do not depend on it

Progress: TypeAlias = Callable[[int, int], object]
"""Told how many architectures are settled, of how many."""


@dataclass(frozen=True)
class RunOptions:
    """How a search is run; nothing that is found depends on it.

    Attributes
    ----------
    engine : {"threads", "ray", "scan"}
        This process; this process without pruning, so that every architecture is evaluated, for the best
        ones alone; or a Ray cluster: the one that this process is connected to, else that of the
        environment variable ``RAY_ADDRESS``, else a new one on this machine.
    threads : int or None
        Threads of a process; one a core by default.
    checkpoint : path or None
        File that holds the state after every chunk of jobs; a run of the same question goes on from it.
    shard : tuple of int
        Part i of n parts, 1 to n.
    time_limit : float or None
        Seconds that a run may take, by an estimate from its beginning.
    progress : callable or None
        Told now and then how many architectures are settled, of how many.
    """

    engine: Literal["threads", "ray", "scan"] = "threads"
    threads: int | None = None
    checkpoint: str | os.PathLike[str] | None = None
    shard: tuple[int, int] = (1, 1)
    time_limit: float | None = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        check_threads(self.threads)
        parts = check_whole("parts", self.shard[1], 1)
        if not 1 <= check_whole("part", self.shard[0], 0) <= parts:
            raise SearchError(f"shard is {self.shard[0]} of {parts}; choose 1 to {parts}")
        if self.engine not in ("threads", "ray", "scan"):
            raise SearchError(f"engine is {self.engine!r}; choose threads, ray or scan")
        if self.time_limit is not None and not check_number("time_limit", self.time_limit) > 0:
            raise SearchError(f"time_limit is {self.time_limit!r}; choose seconds above 0, or None for no limit")


@dataclass(frozen=True)
class Finished:
    """A state and what it took: seconds with those of interrupted runs, threads, the engine, how many shards."""

    state: str
    seconds: float
    threads: int
    engine: str
    shards: int = 1


def run(
    bench: Benchmark, question: Question, search: _core.Search, options: RunOptions, *, anytime: bool = False
) -> Finished:
    """Do all jobs of a search, or those of one shard.

    Parameters
    ----------
    anytime : bool
        Whether Ctrl-C ends the search with what was found so far, rather than raising.

    Raises
    ------
    SearchError
        If the time limit would be exceeded, or the checkpoint is of another question.
    FileError
        If the checkpoint can't be read or written.
    KeyboardInterrupt
        On Ctrl-C, unless `anytime`. Done chunks are in the checkpoint.
    """
    with ExitStack() as stack:
        checkpoint = None if options.checkpoint is None else stack.enter_context(opened(options.checkpoint))
        saved = None if checkpoint is None else checkpoint.prepare(_checkpoint_key(bench, question, options))
        state, before = saved or (search.start(options.threads), 0.0)
        monitor = _Monitor(search, options, before)
        alone = checkpoint is None and not anytime and options.engine != "ray" and options.shard == (1, 1)
        todo = [(0, search.jobs)] if alone else _open_chunks(search, state, options)
        monitor.expect(todo)
        try:
            for advanced in _advance(bench, question, search, state, todo, options, monitor):
                state = advanced
                _save(checkpoint, state, monitor)
        except KeyboardInterrupt:
            if not anytime:
                raise
        threads = options.threads or _core.processors()
        return Finished(state, monitor.seconds(), threads, options.engine)


def _save(checkpoint: Checkpoint | None, state: str, monitor: _Monitor) -> None:
    if checkpoint is not None:
        checkpoint.save(state, monitor.seconds())


def _checkpoint_key(bench: Benchmark, question: Question, options: RunOptions) -> str:
    part, parts = options.shard
    return f"{question.key(bench)} {part}/{parts}"


def _advance(
    bench: Benchmark,
    question: Question,
    search: _core.Search,
    state: str,
    chunks: Sequence[tuple[int, int]],
    options: RunOptions,
    monitor: _Monitor,
) -> Iterator[str]:
    """Give the state after each chunk."""
    if options.engine == "ray":
        from accelnas.exact.ray import advance

        yield from advance(bench, question, search, state, chunks, options, monitor.finished)
        return
    for chunk in chunks:
        state = search.run(state, *chunk, options.threads, monitor.settled_in_chunk)
        monitor.finished(chunk)
        yield state


def _open_chunks(search: _core.Search, state: str, options: RunOptions) -> list[tuple[int, int]]:
    """Chunks of a shard that are not done: every n-th, because neighbours are about as hard as each other."""
    part, parts = options.shard
    starts = range(CHUNK * (part - 1), search.jobs, CHUNK * parts)
    chunks = [(start, min(start + CHUNK, search.jobs)) for start in starts]
    done = search.result(state, options.threads)["done"]
    return [c for c in chunks if not any(first <= c[0] and c[1] <= last for first, last in done)]


class _Monitor:
    """Tells the progress, and refuses to go on where the estimate exceeds the limit."""

    def __init__(self, search: _core.Search, options: RunOptions, before: float) -> None:
        self._size, self._jobs = search.size, search.jobs
        self._options = options
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
        _, parts = self._options.shard
        if self._options.progress is not None:
            total = self._size if parts == 1 else self._expected
            self._options.progress(total - self._expected + min(done, self._expected), total)

    def _check(self, done: int) -> None:
        limit, spent = self._options.time_limit, time.monotonic() - self._started
        # an estimate from less than that would be worth little
        if limit is None or done >= self._expected or spent < min(max(limit / 10, 1), 30, limit):
            return
        estimate = spent * self._expected / done if done else float("inf")
        if max(spent, estimate) > limit:
            share = f"{100 * done / self._expected:.2g} % are done after {spent:.1f} s"
            needed = f"about {_duration(estimate)} are needed" if done else "not one job ended"
            raise SearchError(
                f"time_limit is {limit:g} s, but {needed} ({share}); restrict the space with within, add constraints, "
                "divide it with shards or engine='ray' on more machines, predict a sample of the space, or allow more "
                "time and name a checkpoint"
            )


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:.0f} s"
