"""Keep jobs, attempts and results in one SQLite file, so that nothing acknowledged is lost, and nothing is there twice."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from accelnas_training.collect.reader import StoreReader
from accelnas_training.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from os import PathLike

    from accelnas import Space
    from accelnas_training.collect.job import Delivery, Job, Task
    from accelnas_training.collect.limits import Limits

__all__ = ["FullDiskError", "Store"]


class FullDiskError(StoreError):
    """There is no room for what should be written; the store is as it was before."""


class Store(StoreReader):
    """A store held by this process, which alone writes to it.

    Examples
    --------
    >>> store = getfixture("store_of_a_toy_space")
    """

    @classmethod
    @contextmanager
    def opened(
        cls, path: str | PathLike[str], space: Space | None = None, about: Mapping[str, str] | None = None
    ) -> Iterator[Store]:
        """Open a store for writing, or make it.

        Parameters
        ----------
        path
            The file.
        space
            The space of its architectures; None for that of a store that exists.
        about
            Digests of what its results are made with, by name: ``family``, ``images``, …

        Raises
        ------
        StoreError
            If another process holds it; if its space or a digest is another; if it is damaged or of another version.
        """
        raise NotImplementedError
        yield

    def add_scheme(self, digest: str, name: str, content: Mapping[str, Any]) -> None:
        """Keep a scheme, unless its digest is there."""

    def add(self, jobs: Sequence[Job]) -> list[int]:
        """Add those jobs that are not there, in one transaction, and give the numbers of all.

        Raises
        ------
        StoreError
            If a job's scheme is not there, or an architecture is not of the space.
        """
        raise NotImplementedError

    def begin(self, job: Job) -> Task:
        """Note that a job is being done, and give the task."""
        raise NotImplementedError

    def record(self, delivery: Delivery, limits: Limits) -> Literal["pending", "done", "quarantined"]:
        """Keep how an attempt ended, on disk before this returns, and give the job's state after it.

        A job that has a result keeps it: a second one is noted as a duplicate attempt, with whether it differs.

        Raises
        ------
        FullDiskError
            If there is no room; nothing was changed.
        """
        raise NotImplementedError

    def release(self) -> int:
        """Let all quarantined jobs be tried again, and give their number."""
        raise NotImplementedError
