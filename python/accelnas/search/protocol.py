"""What an algorithm written in Python has to be, to run like the native ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from accelnas.space import Rows, Space

    Scores: TypeAlias = NDArray[np.float64]

__all__ = ["AskTell", "ManyRuns", "Task", "UserAlgorithm"]


@dataclass(frozen=True)
class Task:
    """What one run of an algorithm is given.

    Attributes
    ----------
    space : Space
        Where to search; already restricted to the choices that are allowed.
    objectives : tuple of str
        What each score is of: one name for one score, several for a multi-objective search.
    budget : int
        Number of evaluations; what is asked beyond it is not evaluated.
    seed : int
        0 to 2**63 - 1, another one for every run: the only source of chance that keeps a run reproducible.
    """

    space: Space
    objectives: tuple[str, ...]
    budget: int
    seed: int


@runtime_checkable
class AskTell(Protocol):
    """One run of an algorithm."""

    def ask(self) -> Rows:
        """Give the architectures to evaluate next: uint8 (n, variables), at least one."""
        ...

    def tell(self, archs: Rows, scores: Scores) -> None:
        """Take the scores of what was asked: float64 (n,), or (n, m) of m objectives. More is always better.

        Where constraints are handled by feasibility, infeasible architectures score below all feasible ones.
        The last call may have fewer rows than were asked, as the budget ends.
        """
        ...


@runtime_checkable
class ManyRuns(Protocol):
    """Many runs of an algorithm at once, for those that are fast in batches only."""

    def ask(self) -> NDArray[np.uint8]:
        """Give the architectures to evaluate next: uint8 (runs, n, variables)."""
        ...

    def tell(self, archs: NDArray[np.uint8], scores: Scores) -> None:
        """Take the scores of what was asked: float64 (runs, n), or (runs, n, m)."""
        ...


if TYPE_CHECKING:
    UserAlgorithm: TypeAlias = (
        Callable[[Task], AskTell]
        | Callable[[Task], Generator[Rows, Scores, Any]]
        | Callable[[Sequence[Task]], ManyRuns]
    )
else:
    UserAlgorithm = Any
"""A class or function that makes `AskTell` from a `Task`; or a generator function that yields architectures and is
sent their scores; or, for `ManyRuns`, an object whose ``many`` attribute makes one from a sequence of tasks."""
