"""Native algorithms by ask and tell, for evaluations that happen elsewhere: real training, real devices."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas import _core
from accelnas.arguments import check_direction, check_whole
from accelnas.errors import SearchError
from accelnas.exact.objectives import Objective, parse_within
from accelnas.search.algorithms import NativeAlgorithm, native_algorithm, to_spec
from accelnas.search.history import feasible
from accelnas.search.objective import Sought
from accelnas.search.start import Start

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from accelnas.exact.objectives import Within
    from accelnas.search.protocol import Task
    from accelnas.space import Architectures, Rows, Space

__all__ = ["Optimizer", "native"]


class Optimizer:
    """One run of a native algorithm that asks for architectures and is told their values.

    Parameters
    ----------
    space : Space
        The search space.
    algorithm : str or native algorithm
        A name of `accelnas.search.ALGORITHMS`, or one of its classes with other settings.
    objectives : mapping of str to {"maximise", "minimise"}
        What is told of an architecture, and which end of it is sought.
    budget : int
        Number of evaluations that algorithms with a schedule plan for; more may be asked for.
    seed : int
        0 to 2**63 - 1. The run is a function of it and of what is told.
    within : mapping, optional
        Choices that are allowed.
    start : any form that `Space.encode` takes, optional
        Architectures to ask for first, in place of as many random ones.

    Raises
    ------
    SearchError
        If there is no such algorithm, it can't do what is asked, or a setting is out of range.

    Notes
    -----
    Values may be told in any order, also of architectures that were never asked for, and more may be asked for
    before all is told: so several trainings can run at a time. `Benchmark.optimizer` makes one for an objective of a
    benchmark.

    Examples
    --------
    >>> import accelnas
    >>> optimizer = Optimizer(accelnas.mnasnet_space(), "regularized_evolution", {"top-1": "maximise"}, seed=1)
    >>> for _ in range(10):
    ...     archs = optimizer.ask(4)
    ...     optimizer.tell(archs, archs.sum(axis=1))  # train them, in earnest
    >>> optimizer.told, archs.shape
    (40, (4, 28))
    """

    asynchronous = True
    """As `accelnas.search.AskTell` says: may be asked before all is told."""
    takes_start = True
    """As `accelnas.search.Task` says: asks for architectures to begin with."""

    def __init__(
        self,
        space: Space,
        algorithm: str | NativeAlgorithm,
        objectives: Mapping[str, str],
        *,
        budget: int = 600,
        seed: int = 0,
        within: Within | None = None,
        start: Architectures | None = None,
    ) -> None:
        if not objectives:
            raise SearchError("there are no objectives; give each one's name and maximise or minimise")
        ends = {name: check_direction(f"direction of {name}", end) for name, end in objectives.items()}
        sought = Sought(tuple(Objective(name, end) for name, end in ends.items()))
        allowed = parse_within(space, within)
        whole = all(len(own) == len(v.states) for own, v in zip(allowed, space.variables, strict=True))
        choices = None if whole else [list(own) for own in allowed]
        problem = _core.Problem.of(space._core, len(objectives), sought.to_core(), choices)
        self._start(space, problem, sought, algorithm, budget, seed, start)

    @classmethod
    def over(
        cls,
        space: Space,
        problem: _core.Problem,
        sought: Sought,
        algorithm: str | NativeAlgorithm,
        budget: int,
        seed: int,
        start: Architectures | None,
    ) -> Optimizer:
        """Make one for a problem of the core."""
        new = cls.__new__(cls)
        new._start(space, problem, sought, algorithm, budget, seed, start)
        return new

    def _start(
        self,
        space: Space,
        problem: _core.Problem,
        sought: Sought,
        algorithm: str | NativeAlgorithm,
        budget: int,
        seed: int,
        start: Architectures | None,
    ) -> None:
        self._space, self._sought = space, sought
        spec = to_spec(native_algorithm(algorithm))
        budget, seed = check_whole("budget", budget, 1), check_whole("seed", seed, 0)
        begun = Start.of(space, start, counts=True)
        self._core = _core.Optimizer(problem, spec, seed, 0, budget, None if begun is None else begun.rows)
        self.told = 0
        """Number of evaluations told so far."""
        self._best: tuple[Rows, float] | None = None

    @property
    def metrics(self) -> tuple[str, ...]:
        """What has to be told of every architecture, in this order."""
        return self._sought.columns

    def ask(self, n: int | None = None) -> Rows:
        """Give architectures to evaluate next.

        Parameters
        ----------
        n : int, optional
            How many; by default as many as the algorithm evaluates before it learns.

        Returns
        -------
        uint8 array (n, variables)
            Choice indices.
        """
        return self._core.ask(None if n is None else check_whole("n", n, 1, 1 << 24))

    def tell(self, archs: Architectures, values: ArrayLike | Mapping[str, ArrayLike]) -> None:
        """Take the values of architectures.

        Parameters
        ----------
        archs : any form that `Space.encode` takes
            One architecture or many.
        values : array (n,) or (n, metrics), or mapping of str to array (n,)
            A column a metric, in the order of `metrics`; or each by its name.

        Raises
        ------
        SearchError
            If shapes do not fit, or a value is not finite.
        SpaceError
            If an architecture is not one of the space.
        """
        rows = self._space.encode(archs)
        columns = self._columns(values, len(rows))
        bad = np.argwhere(~np.isfinite(columns))
        if len(bad):
            row, column = bad[0]
            raise SearchError(
                f"row {row}: {self.metrics[column]} is {columns[row, column]}; tell a finite value, such as a bad one "
                "for a training that failed"
            )
        scores = self._core.tell(rows, columns)
        self.told += len(rows)
        if scores.shape[1] == 1 and len(rows):
            best = int(scores[:, 0].argmax())
            if self._best is None or scores[best, 0] > self._best[1]:
                self._best = (rows[best], float(scores[best, 0]))

    def _columns(self, values: Any, n: int) -> NDArray[np.float64]:
        if isinstance(values, Mapping):
            missing = [name for name in self.metrics if name not in values]
            if missing:
                raise SearchError(f"values lack {', '.join(missing)}; tell {', '.join(self.metrics)}")
            values = np.stack([np.atleast_1d(np.asarray(values[name], np.float64)) for name in self.metrics], axis=-1)
        told = np.asarray(values, np.float64)
        wanted = (n, len(self.metrics))
        if told.size != math.prod(wanted) or (told.ndim == 2 and told.shape != wanted):
            raise SearchError(
                f"values have shape {told.shape} for {n} architectures; tell {wanted} of {', '.join(self.metrics)}"
            )
        return np.ascontiguousarray(told.reshape(wanted))

    @property
    def best(self) -> tuple[Rows, float]:
        """The best architecture told so far, uint8 (variables,), and its value or the formulation's score.

        Raises
        ------
        SearchError
            If there are several objectives, or nothing feasible was told.
        """
        if len(self._sought.labels) > 1:
            raise SearchError(f"a best architecture needs one objective, there are {len(self._sought.labels)}")
        score = np.nan if self._best is None else feasible(np.array([self._best[1]]), self._sought.signs)[0]
        if self._best is None or np.isnan(score):
            raise SearchError("nothing feasible was told yet; tell more")
        return self._best[0], float(score)


def native(algorithm: str | NativeAlgorithm) -> Callable[[Task], Optimizer]:
    """Give a native algorithm in the form of user algorithms.

    Examples
    --------
    >>> import accelnas
    >>> from accelnas.search import Task
    >>> run = native("local_search")(Task(accelnas.mnasnet_space(), {"score": "maximise"}, budget=100, seed=1))
    >>> run.ask().shape
    (10, 28)
    """

    def start(task: Task) -> Optimizer:
        return Optimizer(task.space, algorithm, task.objectives, budget=task.budget, seed=task.seed, start=task.start)

    return start
