"""Runs searches on a Ray cluster. Needs the extra ``[ray]``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from accelnas import _core
from accelnas.errors import MissingExtraError, SearchError
from accelnas.exact.question import Question

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from accelnas.benchmark import Benchmark
    from accelnas.exact.engine import RunOptions

__all__ = ["advance", "finished_tasks"]

_Part = TypeVar("_Part")
_Result = TypeVar("_Result")

_RETRIES = 10  # of a chunk whose worker dies


def advance(
    bench: Benchmark,
    question: Question,
    search: _core.Search,
    state: str,
    chunks: Sequence[tuple[int, int]],
    options: RunOptions,
    finished: Callable[[tuple[int, int]], None],
) -> Iterator[str]:
    """Give the state after each chunk that a worker did, in the order in which they end.

    Every chunk starts from the state before the first job, so counts do not depend on the cluster.

    Raises
    ------
    MissingExtraError
        If Ray is not installed.
    SearchError
        If workers keep dying on a chunk.
    """
    asked = (bench, question.to_json(bench.space), search.start(options.threads))
    for chunk, found in finished_tasks(_do_chunk, asked, chunks, options.threads or 1):
        state = search.merge(state, found, options.threads)
        finished(chunk)
        yield state


def finished_tasks(
    work: Callable[..., _Result], common: object, parts: Sequence[_Part], threads: int
) -> Iterator[tuple[_Part, _Result]]:
    """Do ``work(common, part, threads)`` for each part, and give parts and results in the order in which they end.

    Raises
    ------
    MissingExtraError, SearchError
        As `advance`.
    """
    ray = connected()
    task = ray.remote(num_cpus=threads, max_retries=_RETRIES)(work)
    shared = ray.put(common)
    waiting = {task.remote(shared, part, threads): part for part in parts}
    try:
        while waiting:
            (reference, *_), _ = ray.wait(list(waiting), num_returns=1)
            result = _result(ray, reference)
            yield waiting.pop(reference), result
    finally:
        for reference in waiting:
            ray.cancel(reference, force=True)


def connected() -> Any:
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{error.name} is not installed; run: pip install 'accelnas[ray]'") from error
    if not ray.is_initialized():
        options: dict[str, Any] = {"log_to_driver": False, "include_dashboard": False}
        try:
            ray.init(num_cpus=_core.processors(), **options)
        except ValueError:  # a cluster that runs has its own
            ray.init(**options)
    return ray


def _result(ray: Any, reference: Any) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.WorkerCrashedError as error:
        raise SearchError(
            f"workers died {_RETRIES + 1} times on one chunk: {error}; look for too little memory, and start again"
        ) from error


_searches: dict[str, _core.Search] = {}  # of this worker: preparing one takes longer than many chunks


def _do_chunk(asked: tuple[Benchmark, Mapping[str, Any], str], chunk: tuple[int, int], threads: int) -> str:
    """Do one chunk in a worker."""
    bench, content, start = asked
    question = Question.from_json(bench, content)
    key = question.key(bench)
    if key not in _searches:
        _searches.clear()
        _searches[key] = question.search(bench, threads)
    return _searches[key].run(start, *chunk, threads)
