"""What workers do, described so that any process on any machine can make it, and who does it."""

from __future__ import annotations

import importlib
import os
import socket
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from accelnas.caching import cached_property
from accelnas_training.collect.job import Delivery, Outcome, Task
from accelnas_training.errors import ImagesError, TrainingError
from accelnas_training.images import open_images
from accelnas_training.networks import NetworkFamily
from accelnas_training.provenance import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from typing_extensions import Self


class Work(Protocol):
    """What a worker does with a task; made once in each worker."""

    def __call__(self, task: Task) -> Outcome:
        """Give the task's outcome, or raise; an exception's `kind`, if it has one, is recorded."""


@dataclass(frozen=True)
class WorkDescription:
    """How to make a `Work`: a function, by name, and its arguments.

    Examples
    --------
    >>> WorkDescription("fractions:Fraction", {"numerator": 2, "denominator": 3}).make()
    Fraction(2, 3)
    """

    function: str  # ``package.module:function``
    arguments: Mapping[str, Any] = field(default_factory=dict)  # its keyword arguments

    def make(self) -> Any:
        """Import the function and call it; TrainingError if there is none, and whatever the function raises."""
        module, _, name = self.function.partition(":")
        try:
            make: Callable[..., Any] = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise TrainingError(f"work {self.function!r}: {error}; write 'package.module:function'") from error
        return make(**self.arguments)


def worker_name() -> str:
    """Name this process: ``host:process``."""
    return f"{socket.gethostname()}:{os.getpid()}"


def attempt(work: Work, task: Task) -> Delivery:
    """Do a task and give its delivery, whatever the work raises; only Ctrl-C comes through."""
    started = time.perf_counter()
    try:
        outcome = work(task)
    except Exception as error:
        kind = getattr(error, "kind", "error")
        message = "".join(traceback.format_exception(error)[-8:])
        return Delivery(task, "failed", time.perf_counter() - started, worker_name(), kind=kind, message=message)
    return Delivery(task, "done", time.perf_counter() - started, worker_name(), outcome)


class NetworkWork:
    """What works on networks share: the family, images of the driver's content, and where they are done."""

    def __init__(self, family: Mapping[str, Any], images: str | None = None, digest: str | None = None) -> None:
        self.family = NetworkFamily.from_dict(family)
        self.images = None if images is None else open_images(images)
        if self.images is not None and self.images.digest != digest:
            raise ImagesError(
                f"{images} has digest {self.images.digest[:12]} here, not {str(digest)[:12]}; copy it anew"
            )

    @cached_property
    def environment(self) -> dict[str, str]:
        """Machine and libraries, for provenance."""
        return environment()


class Runner(Protocol):
    """Does tasks and delivers how each ended, once; closed by `close`, or by leaving ``with``."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, work: WorkDescription, timeout: float | None) -> None:
        """Make workers that do `work`, each task within `timeout` seconds; those that do it already stay."""

    @property
    def free(self) -> int:
        """Number of tasks that would begin at once."""

    @property
    def waits_for(self) -> str:
        """What keeps workers from being there, in words; empty if nothing does."""
        return ""

    def submit(self, task: Task) -> None:
        """Begin a task; only while `free` is above 0."""

    def wait(self, seconds: float) -> Sequence[Delivery]:
        """Give what has ended; if nothing has, wait up to `seconds` for something to end or a worker to be ready."""

    def close(self) -> None:
        """End the workers, and what they are doing."""


class InlineRunner(Runner):
    """Does one task at a time in this process: for tests, small work, and debuggers.

    Examples
    --------
    >>> with InlineRunner() as runner:
    ...     runner.free
    0
    """

    def __init__(self) -> None:
        self._description: WorkDescription | None = None
        self._work: Work | None = None
        self._task: Task | None = None

    def start(self, work: WorkDescription, timeout: float | None) -> None:
        """Make the work here; raises TrainingError if there is a `timeout`: nothing can end a task of this process."""
        if timeout is not None:
            raise TrainingError(f"timeout is {timeout:g} s, and nothing ends a job in its own process; use workers")
        if work != self._description:
            self._work, self._description = work.make(), work

    @property
    def free(self) -> int:
        """1, or 0 while a task waits to be done."""
        return int(self._work is not None and self._task is None)

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
