"""Jobs, what a worker is given of one, what it gives back, and when a job is given up."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from accelnas.fidelities import parse_fidelity
from accelnas_training.checked import Checked, Range
from accelnas_training.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelnas_training.arrays import Archs


Ending: TypeAlias = Literal["done", "failed", "timed out", "worker lost"]

State: TypeAlias = Literal["pending", "done", "quarantined"]

# how an attempt can end; the last two are the store's own words: its driver ended, or the job had a result
ENDINGS = ("done", "failed", "timed out", "worker lost", "abandoned", "duplicate")


@dataclass(frozen=True)
class Job:
    """One result that is wanted; no two are equal, whatever dies.

    Attributes
    ----------
    architecture : tuple of int (variables,)
        Choice indices.
    scheme : str
        Digest of how the result is made: a training scheme, or another protocol.
    seed : int
        Seed of everything random in it.

    Examples
    --------
    >>> import numpy as np
    >>> Job.of(np.array([0, 2, 1], np.uint8), "5f1c", seed=3)
    Job(architecture=(0, 2, 1), scheme='5f1c', seed=3)
    """

    architecture: tuple[int, ...]
    scheme: str
    seed: int

    @classmethod
    def of(cls, architecture: Archs, scheme: str, seed: int) -> Job:
        """Give the job of choice indices, uint8 (variables,)."""
        return cls(tuple(architecture.tolist()), scheme, seed)

    @property
    def key(self) -> str:
        """Name that may stand for the job in a file's name: 32 hexadecimal digits."""
        text = f"{self.scheme} {self.seed} {bytes(self.architecture).hex()}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Task:
    """One attempt at a job, as a worker gets it."""

    job: Job  # what is wanted
    scheme: Mapping[str, Any]  # content of the job's scheme
    attempt: int  # the attempt's number in the store


@dataclass(frozen=True)
class Outcome:
    """What a job gave.

    Raises
    ------
    StoreError
        If a name can't name a column, a value is infinite, or nothing was measured. ``NAME@EPOCHS`` may name one.

    Examples
    --------
    >>> Outcome({"accuracy": 71.5, "energy": float("nan")}).values
    {'accuracy': 71.5}
    """

    values: Mapping[str, float]  # metrics by name, in the metrics' units; NaN is not measured, and left out
    environment: Mapping[str, str] = field(default_factory=dict)  # where and with what it was made

    def __post_init__(self) -> None:
        for name, value in self.values.items():
            metric, _ = parse_fidelity(name) or (name, 0)
            if not metric.isidentifier():
                raise StoreError(f"a value is named {name!r}; use letters, digits and _, or NAME@EPOCHS")
            if math.isinf(value):
                raise StoreError(f"{name} is {value}; leave out what was not measured")
        measured = {name: float(value) for name, value in self.values.items() if not math.isnan(value)}
        if not measured:
            raise StoreError(f"no value of {', '.join(self.values) or 'a result'} is a number; fail instead")
        object.__setattr__(self, "values", measured)


@dataclass(frozen=True)
class Delivery:
    """How an attempt ended."""

    task: Task
    ending: Ending  # ``done``, ``failed``, ``timed out`` or ``worker lost``
    seconds: float  # time from the worker's start of it to its end; until the loss was seen, if lost
    worker: str  # ``host:process``
    outcome: Outcome | None = None  # what it gave, if done
    # what failed, if failed: ``diverged``, ``out of memory``, ``error``, …; and in words
    kind: str = ""
    message: str = ""


FINAL = "diverged"  # the kind of failure that the same seed would only repeat


@dataclass(frozen=True)
class Limits(Checked):
    """When a job is given up, and how long anything may last.

    Attributes
    ----------
    retries : int
        Attempts after one that failed or timed out. A job that diverged is never tried again.
    losses : int
        Attempts after one whose worker was lost.
    timeout : float, optional
        Seconds that one attempt may take.
    patience : float
        Seconds for which the collector waits for room on a full disk.

    Raises
    ------
    StoreError
        If one is negative, or the timeout is not above 0.

    Examples
    --------
    >>> Limits(retries=1).retries
    1
    """

    error = StoreError
    retries: Annotated[int, Range(least=0)] = 2
    losses: Annotated[int, Range(least=0)] = 10
    timeout: Annotated[float | None, Range(more_than=0)] = None
    patience: Annotated[float, Range(least=0)] = 3600.0

    def state(self, delivery: Delivery, failures: int, losses: int) -> State:
        """Say what a job is after a delivery; `failures` and `losses` count this one."""
        if delivery.ending == "done":
            return "done"
        final = delivery.ending == "failed" and delivery.kind == FINAL
        return "quarantined" if final or failures > self.retries or losses > self.losses else "pending"
