"""What an algorithm written in Python has to be, to run like the native ones."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast, runtime_checkable

import numpy as np

from accelnas.arguments import check_direction
from accelnas.errors import SearchError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from accelnas.space import Rows, Space

    Values: TypeAlias = NDArray[np.float64]

__all__ = ["AskTell", "AskTellEpochs", "ManyRuns", "Task", "UserAlgorithm", "begin"]


@dataclass(frozen=True)
class Task:
    """What one run of an algorithm is given.

    Attributes
    ----------
    space : Space
        Where to search; already restricted to the choices that are allowed.
    objectives : mapping of str to {"maximise", "minimise"}
        What is told of an architecture, and which end of it is sought: one for a single objective, several for a
        multi-objective search.
    budget : int
        Number of evaluations; what is asked beyond it is not evaluated.
    seed : int
        0 to 2**63 - 1, another one for every run: the only source of chance that keeps a run reproducible.
    epochs : tuple of int
        Epochs after which the objective may be asked for, ascending, the whole training last; none where it has no
        fidelities. An algorithm that says nothing of epochs gets whole trainings.
    start : uint8 array (n, variables), optional
        Architectures to ask for first. An algorithm is given some only if it says that it does so: what it makes has an
        attribute ``takes_start`` that is true.

    Raises
    ------
    SearchError
        If there are no objectives.
    ParameterError
        If a direction is neither.

    Examples
    --------
    >>> import accelnas
    >>> Task(accelnas.mnasnet_space(), {"accuracy": "maximise", "macs": "minimise"}, budget=600, seed=0).signs
    array([ 1., -1.])
    """

    space: Space
    objectives: Mapping[str, str]
    budget: int
    seed: int
    start: Rows | None = field(default=None, compare=False)
    epochs: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.objectives:
            raise SearchError("a task has no objectives; give each one's name and maximise or minimise")
        ends = {name: check_direction(f"direction of {name}", end) for name, end in dict(self.objectives).items()}
        object.__setattr__(self, "objectives", ends)

    @property
    def signs(self) -> Values:
        """1 for each objective of which more is better, else -1: more of ``values * signs`` is always better."""
        return np.array([1.0 if end == "maximise" else -1.0 for end in self.objectives.values()])


@runtime_checkable
class AskTell(Protocol):
    """One run of an algorithm.

    Where workers evaluate at a time, a batch is told as a whole, after the last of it has ended; unless the object has
    an attribute ``asynchronous`` that is true: then ``ask`` is called whenever a worker is idle, before all is told,
    and ``tell`` as evaluations end, part by part and in their order.
    """

    def ask(self) -> Rows:
        """Give the architectures to evaluate next: uint8 (n, variables), at least one."""
        ...

    def tell(self, archs: Rows, values: Values) -> None:
        """Take the values of what was asked: float64 (n,), or (n, m) of m objectives, as people read them.

        Where constraints are handled by feasibility, values of infeasible architectures are worse than all of
        feasible ones; with a penalty they are worse by what it costs.
        The last call may have fewer rows than were asked, as the budget ends.
        """
        ...


@runtime_checkable
class AskTellEpochs(Protocol):
    """One run of an algorithm that says after how many epochs it wants the objective, as `Task.epochs` allows.

    A generator may yield such pairs, too. All that a run asks for is pairs, or nothing is.
    """

    def ask(self) -> tuple[Rows, NDArray[np.int64]]:
        """Give the architectures to evaluate next, and the epochs of each: (n, variables) and (n,)."""
        ...

    def tell(self, archs: Rows, values: Values, epochs: NDArray[np.int64]) -> None:
        """Take the values of what was asked, after these epochs."""
        ...


@runtime_checkable
class ManyRuns(Protocol):
    """Many runs of an algorithm at once, for those that are fast in batches only."""

    def ask(self) -> NDArray[np.uint8]:
        """Give the architectures to evaluate next: uint8 (runs, n, variables)."""
        ...

    def tell(self, archs: NDArray[np.uint8], values: Values) -> None:
        """Take the values of what was asked: float64 (runs, n), or (runs, n, m)."""
        ...


if TYPE_CHECKING:
    UserAlgorithm: TypeAlias = (
        Callable[[Task], AskTell]
        | Callable[[Task], AskTellEpochs]
        | Callable[[Task], Generator[Rows, Values, Any]]
        | Callable[[Task], Generator[tuple[Rows, NDArray[np.int64]], Values, Any]]
        | Callable[[Sequence[Task]], ManyRuns]
    )
else:
    UserAlgorithm = Any
"""A class or function that makes `AskTell` from a `Task`; or a generator function that yields architectures and is
sent their values; or, for `ManyRuns`, an object whose ``many`` attribute makes one from a sequence of tasks."""


def begin(algorithm: UserAlgorithm, task: Task) -> AskTell:
    """Begin a run, whichever form the algorithm has. What it asks after its end has no rows.

    Raises
    ------
    SearchError
        If what the algorithm makes can't be asked and is no generator.

    Examples
    --------
    >>> import accelnas
    >>> def twice(task):
    ...     for seed in range(2):
    ...         yield task.space.sample(3, seed)
    >>> run = begin(twice, Task(accelnas.mnasnet_space(), {"accuracy": "maximise"}, 10, 0))
    >>> for _ in range(3):
    ...     archs = run.ask()
    ...     run.tell(archs, np.zeros(len(archs)))
    ...     len(archs)
    3
    3
    0
    """
    many = getattr(algorithm, "many", None)
    if many is not None:
        return _OneOfMany(many([task]))
    made: Any = cast("Any", algorithm)(task)
    if isinstance(made, Generator):
        return _Generated(made, len(task.space.variables))
    if not isinstance(made, AskTell):
        raise SearchError(f"the algorithm made {made!r}; let it make an object with ask and tell, or a generator")
    return made


class _OneOfMany:
    """The only run of an algorithm for many."""

    def __init__(self, runs: ManyRuns) -> None:
        self._runs = runs

    def ask(self) -> Rows:
        archs: Rows = self._runs.ask()[0]
        return archs

    def tell(self, archs: Rows, values: Values) -> None:
        self._runs.tell(archs[None], values[None])


class _Generated:
    """A generator of architectures, which is sent their values."""

    def __init__(self, generator: Generator[Rows, Values, Any], variables: int) -> None:
        self._generator = generator
        self._end = np.empty((0, variables), np.uint8)
        self._next = next(generator, self._end)

    def ask(self) -> Rows:
        return self._next

    def tell(self, archs: Rows, values: Values, epochs: Any = None) -> None:  # noqa: ARG002 (what was asked)
        try:
            self._next = self._generator.send(values)
        except StopIteration:
            self._next = self._end
