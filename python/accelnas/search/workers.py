"""Who evaluates what a search asks for, in simulated time."""

from __future__ import annotations

import math
from dataclasses import dataclass

from accelnas.arguments import check_number, check_whole
from accelnas.errors import SearchError

__all__ = ["Workers"]

_MOST = 1 << 16


@dataclass(frozen=True)
class Workers:
    """How the evaluations of a run overlap, by the costs that a clock's metric says.

    Attributes
    ----------
    number : int
        Evaluations at a time.
    synchronous : bool
        Whether an algorithm is told of a batch as a whole, after the last of it has ended; else of each evaluation
        as it ends, and then asked for the next one.
    time : float or None
        Cost after which a run ends, in the unit of the clock's metric: an evaluation that ends later does not count.

    Raises
    ------
    SearchError
        If there are no workers, or no time.
    """

    number: int
    synchronous: bool = False
    time: float | None = None

    def __post_init__(self) -> None:
        check_whole("workers", self.number, 1, _MOST)
        if self.time is not None and not check_number("time", self.time) > 0:
            raise SearchError(f"time is {self.time}; choose a cost above 0, in the unit of the clock's metric")

    @classmethod
    def of(cls, workers: int | None, synchronous: bool, time: float | None, clock: str | None) -> Workers | None:
        """Take the options of a search; none of them is one evaluation after the other."""
        if workers is None and synchronous:
            raise SearchError("synchronous is of several workers; say how many")
        if workers is None and time is None:
            return None
        if clock is None:
            raise SearchError("workers and time need a clock; name the metric that an evaluation costs, clock=")
        # one worker that ends its batch before it learns is one evaluation after the other
        return cls(1, True, time) if workers is None else cls(workers, synchronous, time)

    def to_core(self) -> tuple[int, bool, float]:
        """Give the number, whether batches are told together, and the time."""
        return self.number, self.synchronous, math.inf if self.time is None else float(self.time)
