"""Where tasks are done: in this process, or by workers elsewhere (`ray_runner`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from accelnas_training.collect.work import Work, WorkDescription, attempt
from accelnas_training.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnas_training.collect.job import Delivery, Task

__all__ = ["InlineRunner", "Runner"]


class Runner(Protocol):
    """Does tasks and delivers how each ended, once; closed by `close`, or by leaving ``with``."""

    def start(self, work: WorkDescription, timeout: float | None) -> None:
        """Make workers that do `work`, each task within `timeout` seconds; those that do it already stay."""

    @property
    def free(self) -> int:
        """Number of tasks that would begin at once."""

    @property
    def workers(self) -> int:
        """Number of workers that are ready or busy."""

    @property
    def waits_for(self) -> str:
        """What keeps workers from being there, in words; empty if nothing does."""

    def submit(self, task: Task) -> None:
        """Begin a task; only while `free` is above 0."""

    def wait(self, seconds: float) -> Sequence[Delivery]:
        """Give what has ended; if nothing has, wait up to `seconds` for something to end or a worker to be ready."""

    def close(self) -> None:
        """End the workers, and what they are doing."""


class InlineRunner:
    """Does one task at a time in this process: for tests, small work, and debuggers.

    Examples
    --------
    >>> with InlineRunner() as runner:
    ...     runner.workers
    0
    """

    def __init__(self) -> None:
        self._description: WorkDescription | None = None
        self._work: Work | None = None
        self._task: Task | None = None

    def __enter__(self) -> InlineRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, work: WorkDescription, timeout: float | None) -> None:
        """Make the work here.

        Raises
        ------
        TrainingError
            If there is a `timeout`: nothing can end a task of this process.
        """
        if timeout is not None:
            raise TrainingError(f"timeout is {timeout:g} s, and nothing ends a job in its own process; use workers")
        if work != self._description:
            self._work, self._description = work.make(), work

    @property
    def free(self) -> int:
        """1, or 0 while a task waits to be done."""
        return int(self._work is not None and self._task is None)

    @property
    def workers(self) -> int:
        """1 after `start`."""
        return int(self._work is not None)

    @property
    def waits_for(self) -> str:
        """Nothing."""
        return ""

    def submit(self, task: Task) -> None:
        """Keep the task for the next `wait`."""
        self._task = task

    def wait(self, seconds: float) -> Sequence[Delivery]:
        """Do the task, however long it takes; with 0 seconds, nothing."""
        if self._task is None or self._work is None or seconds == 0:
            return []
        task, self._task = self._task, None
        return [attempt(self._work, task)]

    def close(self) -> None:
        """Let the work go."""
        self._description = self._work = self._task = None
