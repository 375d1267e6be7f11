"""What workers do, described so that any process on any machine can make it."""

from __future__ import annotations

import importlib
import os
import socket
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from accelnas_training.collect.job import Delivery, Outcome, Task
from accelnas_training.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Work", "WorkDescription", "attempt", "worker_name"]


class Work(Protocol):
    """What a worker does with a task; made once in each worker."""

    def __call__(self, task: Task) -> Outcome:
        """Give the task's outcome, or raise; an exception's `kind`, if it has one, is recorded."""


@dataclass(frozen=True)
class WorkDescription:
    """How to make a `Work`: a function, by name, and its arguments.

    Attributes
    ----------
    function : str
        ``package.module:function``.
    arguments : mapping of str to JSON values
        Its keyword arguments.

    Examples
    --------
    >>> WorkDescription("fractions:Fraction", {"numerator": 2, "denominator": 3}).make()
    Fraction(2, 3)
    """

    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def make(self) -> Any:
        """Import the function and call it.

        Raises
        ------
        TrainingError
            If there is no such function; whatever the function raises comes through.
        """
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
