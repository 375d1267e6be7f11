"""How searches are run; nothing that they find depends on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from accelnas.arguments import check_choice, check_number
from accelnas.errors import ParameterError

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["Progress", "RunOptions"]

Progress: TypeAlias = Callable[[int, int], object]
"""Told how many architectures are settled, of how many."""


@dataclass(frozen=True)
class RunOptions:
    """What long searches need now and then.

    Attributes
    ----------
    engine : {"threads", "ray", "scan"}
        This process; a Ray cluster (extra ``[ray]``): the one that this process is connected to, else that of the
        environment variable ``RAY_ADDRESS``, else a new one on this machine; or this process without pruning, so that
        every architecture is evaluated, for the best ones alone: it confirms in seconds what branch and bound proves
        in a fraction of one.
    checkpoint : path or None
        SQLite file that holds the state after every chunk of jobs. The same question goes on from it, also after a
        crash.
    time_limit : float or None
        Seconds that a run may take; what an early estimate says will take longer is refused.
    anytime : bool
        Whether the time limit, Ctrl-C, or a front of too many points ends a search for the best or for a front with
        what was found so far, and what is known of the rest: `BestResult.gap`, `FrontResult.open`. The last chunk of
        jobs may be lost.

    Raises
    ------
    ParameterError
        If the engine is unknown, or the limit is no number above 0.
    """

    engine: Literal["threads", "ray", "scan"] = "threads"
    checkpoint: str | PathLike[str] | None = None
    time_limit: float | None = None
    anytime: bool = False

    def __post_init__(self) -> None:
        """Refuse what can't be done."""
        check_choice("engine", self.engine, ("threads", "ray", "scan"))
        if self.time_limit is not None and not check_number("time_limit", self.time_limit) > 0:
            raise ParameterError(f"time_limit is {self.time_limit!r}; choose seconds above 0, or None for no limit")
