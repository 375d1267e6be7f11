"""What the bridges share: missing extras, directions of objectives, violations of constraints, seeds, chance."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from accelnas.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from accelnas.exact.constraints import Constraint
    from accelnas.search.protocol import Task, Values
    from accelnas.space import Rows, Space

__all__ = [
    "Objectives",
    "OneByOne",
    "OwnChance",
    "alone",
    "bound_names",
    "needs",
    "seed_of_32_bits",
    "uniform_rows",
    "violations",
]

Objectives: TypeAlias = "str | Sequence[str | tuple[str, str]]"
"""A metric, or several, each in its own direction or paired with ``"maximise"`` or ``"minimise"``."""


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Name the extra that a failed import inside the block belongs to.

    Raises
    ------
    MissingExtraError
        If a library is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{error.name} is not installed; run: pip install 'accelnas[{extra}]'") from error


def bound_names(constraints: Sequence[Constraint]) -> tuple[str, ...]:
    """Name every finite end of the ranges, in the order of `violations`.

    Examples
    --------
    >>> from accelnas.exact import Constraint
    >>> bound_names([Constraint("macs", 200.0, 300.0), Constraint("params", float("-inf"), 5.0)])
    ('macs >= 200.0', 'macs <= 300.0', 'params <= 5.0')
    """
    return tuple(f"{metric} {'>=' if sign < 0 else '<='} {bound!r}" for metric, sign, bound in _bounds(constraints))


def violations(constraints: Sequence[Constraint], predicted: Mapping[str, Any]) -> Values:
    """How far values lie beyond each finite end, in the metrics' units; 0 or less where they keep to it.

    Parameters
    ----------
    constraints : sequence of Constraint
        Closed ranges.
    predicted : mapping of str to array (n,)
        Values by metric.

    Returns
    -------
    float64 array (n, finite ends)
        One column an end, lower ends before upper ones.

    Examples
    --------
    >>> from accelnas.exact import Constraint
    >>> violations([Constraint("macs", 200.0, 300.0)], {"macs": np.array([150.0, 300.0])}).tolist()
    [[50.0, -150.0], [-100.0, 0.0]]
    """
    columns = [
        sign * (np.asarray(predicted[metric], np.float64) - bound) for metric, sign, bound in _bounds(constraints)
    ]
    return np.column_stack(columns) if columns else np.empty((len(next(iter(predicted.values()))), 0))


def _bounds(constraints: Sequence[Constraint]) -> list[tuple[str, float, float]]:
    """Metric, sign (-1 for a lower end) and value of every finite end."""
    ends = [(c.metric, sign, end) for c in constraints for sign, end in ((-1.0, c.lower), (1.0, c.upper))]
    return [end for end in ends if np.isfinite(end[2])]


def seed_of_32_bits(seed: int) -> int:
    """Mix a run's seed down to what NumPy's older generators take: 0 to 2**32 - 1.

    Examples
    --------
    >>> seed_of_32_bits(1) == seed_of_32_bits(2**40 + 1)
    False
    """
    return int(np.random.SeedSequence(seed).generate_state(1)[0])


def uniform_rows(space: Space, chance: np.random.Generator, count: int = 1) -> Rows:
    """Draw architectures uniformly: what is evaluated when an algorithm has nothing to ask.

    Examples
    --------
    >>> import accelnas
    >>> uniform_rows(accelnas.mnasnet_space(), np.random.default_rng(0), 2).shape
    (2, 28)
    """
    if space.has_rules:
        return space.sample(count, int(chance.integers(2**63)))
    most: NDArray[np.uint8] = np.array([len(variable.choices) - 1 for variable in space.variables], np.uint8)
    return chance.integers(0, most, size=(count, len(most)), dtype=np.uint8, endpoint=True)


class OneByOne(ABC):
    """A run of another library's optimizer that minimises, one architecture at a time.

    Where it proposes None, a uniform architecture is evaluated, of which it is not told. Several proposals may be under
    way, where the library was tried so (``asynchronous``): each is told as it ends. A run that says `epochs` is one of
    `accelnas.search.AskTellEpochs`.
    """

    asynchronous = False

    def __init__(self, task: Task) -> None:
        self._task, self._uniform = task, np.random.default_rng(task.seed)
        self._under_way: list[tuple[tuple[bytes, int | None], Any]] = []

    @abstractmethod
    def propose(self) -> Any:
        """Give what the optimizer proposes next, in its own form, or None where there is nothing more."""

    @abstractmethod
    def row(self, proposed: Any) -> Rows:
        """Give a proposal as an architecture, uint8 (1, variables)."""

    @abstractmethod
    def learn(self, proposed: Any, costs: list[float]) -> None:
        """Take the costs of a proposal, one an objective, of which less is better."""

    def epochs(self, proposed: Any) -> int | None:  # noqa: ARG002
        """Say after how many epochs a proposal, or None, is to be evaluated; nothing of them by default."""
        return None

    def ask(self) -> Any:
        """Give one architecture, with its epochs where the run says some."""
        proposed = self.propose()
        row = uniform_rows(self._task.space, self._uniform) if proposed is None else self.row(proposed)
        epochs = self.epochs(proposed)
        self._under_way.append(((row.tobytes(), epochs), proposed))
        return row if epochs is None else (row, np.array([epochs]))

    def tell(self, archs: Rows, values: Values, epochs: NDArray[np.int64] | None = None) -> None:
        """Take the values of what ended."""
        costs = (-self._task.signs * values.reshape(len(archs), -1)).tolist()
        after = [None] * len(archs) if epochs is None else epochs.tolist()
        for row, wanted, own in zip(archs, after, costs, strict=True):
            asked = [one for one, _ in self._under_way].index((row.tobytes(), wanted))
            _, proposed = self._under_way.pop(asked)
            if proposed is not None:
                self.learn(proposed, own)


def alone(costs: list[float]) -> float | list[float]:
    """Give a single cost as a number, as libraries take it.

    Examples
    --------
    >>> alone([1.0]), alone([1.0, 2.0])
    (1.0, [1.0, 2.0])
    """
    return costs if len(costs) > 1 else costs[0]


class OwnChance:
    """Global random states of Python and NumPy that belong to one run, for libraries that draw from them.

    Used as a context, it puts the run's states in place, and those of everyone else back. Not for several threads.

    Examples
    --------
    >>> chance = OwnChance(1)
    >>> with chance:
    ...     first = np.random.random(), random.random()
    >>> with OwnChance(1):
    ...     first == (np.random.random(), random.random())
    True
    """

    def __init__(self, seed: int) -> None:
        outside = self._states()
        self._seed(seed)
        self._inside = self._states()
        self._restore(outside)

    def __enter__(self) -> None:
        self._outside = self._states()
        self._restore(self._inside)

    def __exit__(self, *_: object) -> None:
        self._inside = self._states()
        self._restore(self._outside)

    def _seed(self, seed: int) -> None:
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 (what the libraries draw from)

    def _states(self) -> tuple[Any, ...]:
        return random.getstate(), np.random.get_state()  # noqa: NPY002

    def _restore(self, states: tuple[Any, ...]) -> None:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
