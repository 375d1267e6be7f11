"""When a job is given up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelnas_training.errors import StoreError

if TYPE_CHECKING:
    from accelnas_training.collect.job import Delivery, State

__all__ = ["Limits"]

FINAL = "diverged"  # the kind of failure that the same seed would only repeat


@dataclass(frozen=True)
class Limits:
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

    retries: int = 2
    losses: int = 10
    timeout: float | None = None
    patience: float = 3600.0

    def __post_init__(self) -> None:
        for name, value in (("retries", self.retries), ("losses", self.losses), ("patience", self.patience)):
            if not value >= 0:
                raise StoreError(f"{name} is {value}; choose 0 or more")
        if self.timeout is not None and not 0 < self.timeout < math.inf:
            raise StoreError(f"timeout is {self.timeout}; choose a number of seconds above 0")

    def state(self, delivery: Delivery, failures: int, losses: int) -> State:
        """Say what a job is after a delivery; `failures` and `losses` count this one."""
        if delivery.ending == "done":
            return "done"
        final = delivery.ending == "failed" and delivery.kind == FINAL
        return "quarantined" if final or failures > self.retries or losses > self.losses else "pending"
