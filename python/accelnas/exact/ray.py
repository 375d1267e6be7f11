"""Work on a Ray cluster. Needs the extra ``[ray]``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from accelnas import _core
from accelnas.errors import MissingExtraError, SearchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["finished_tasks"]

_Part = TypeVar("_Part")
_Result = TypeVar("_Result")

_RETRIES = 10  # of a part whose worker dies


def finished_tasks(
    work: Callable[..., _Result], common: object, parts: Sequence[_Part], threads: int
) -> Iterator[tuple[_Part, _Result]]:
    """Do ``work(common, part, threads)`` for each part, and give parts and results in the order in which they end.

    Raises
    ------
    MissingExtraError
        If Ray is not installed.
    SearchError
        If workers keep dying on a part.
    """
    ray = _connected()
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


def _connected() -> Any:
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
            f"workers died {_RETRIES + 1} times on one part: {error}; look for too little memory, and start again"
        ) from error
