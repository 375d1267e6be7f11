"""Native algorithms by ask and tell, for evaluations that happen elsewhere: real training, real devices."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas import _core
from accelnas.arguments import check_direction, check_whole, check_wholes
from accelnas.errors import SearchError
from accelnas.exact.objectives import Objective, parse_within
from accelnas.fidelities import MOST_EPOCHS
from accelnas.search.algorithms import NativeAlgorithm, native_algorithm, to_spec
from accelnas.search.history import feasible
from accelnas.search.objective import Sought
from accelnas.search.start import Start

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    epochs : sequence of int
        After how many epochs the objective may be asked for, ascending, the whole training last: what ``"asha"`` and
        ``"hyperband"`` begin with and go on to. Other algorithms ask for whole trainings.

    Raises
    ------
    SearchError
        If there is no such algorithm, it can't do what is asked, or a setting is out of range.
    ParameterError
        If epochs are not whole numbers of at least 1.

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
    >>> asha = Optimizer(accelnas.mnasnet_space(), "asha", {"top-1": "maximise"}, seed=1, epochs=[1, 4, 16])
    >>> archs, epochs = asha.ask(8)
    >>> asha.tell(archs, archs.sum(axis=1), epochs)
    >>> asha.ask(3)[1]  # one in three goes on
    array([4, 4, 1])
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
        epochs: Sequence[int] = (),
    ) -> None:
        if not objectives:
            raise SearchError("there are no objectives; give each one's name and maximise or minimise")
        ends = {name: check_direction(f"direction of {name}", end) for name, end in objectives.items()}
        sought = Sought(tuple(Objective(name, end) for name, end in ends.items()))
        allowed = parse_within(space, within)
        whole = all(len(own) == len(v.states) for own, v in zip(allowed, space.variables, strict=True))
        choices = None if whole else [list(own) for own in allowed]
        rungs = check_wholes("epochs", list(epochs), 1, MOST_EPOCHS).tolist()
        problem = _core.Problem.of(space._core, len(objectives), sought.to_core(), choices, None, rungs or None)
        self._start(space, problem, sought, algorithm, budget, seed, start, rungs)

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
        epochs: Sequence[int] = (),
    ) -> Optimizer:
        """Make one for a problem of the core, whose fidelities these epochs are."""
        new = cls.__new__(cls)
        new._start(space, problem, sought, algorithm, budget, seed, start, epochs)
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
        epochs: Sequence[int],
    ) -> None:
        self._space, self._sought = space, sought
        self.epochs = tuple(epochs)
        """Epochs after which the objective may be asked for, ascending; none without fidelities."""
        spec = to_spec(native_algorithm(algorithm))
        budget, seed = check_whole("budget", budget, 1), check_whole("seed", seed, 0)
        begun = Start.of(space, start, counts=True)
        self._core = _core.Optimizer(problem, spec, seed, 0, budget, None if begun is None else begun.rows)
        self.told = 0
        """Number of evaluations told so far."""
        self._best: tuple[int, float, Rows] | None = None  # epochs, score, architecture

    @property
    def metrics(self) -> tuple[str, ...]:
        """What has to be told of every architecture, in this order."""
        return self._sought.columns

    def ask(self, n: int | None = None) -> Any:
        """Give architectures to evaluate next.

        Parameters
        ----------
        n : int, optional
            How many; by default as many as the algorithm evaluates before it learns.

        Returns
        -------
        uint8 array (n, variables), or such an array and an int64 array (n,)
            Choice indices; with fidelities also after how many epochs each is wanted.
        """
        rows, epochs = self._core.ask(None if n is None else check_whole("n", n, 1, 1 << 24))
        return rows if epochs is None else (rows, epochs.astype(np.int64))

    def tell(
        self,
        archs: Architectures,
        values: ArrayLike | Mapping[str, ArrayLike],
        epochs: ArrayLike | None = None,
    ) -> None:
        """Take the values of architectures.

        Parameters
        ----------
        archs : any form that `Space.encode` takes
            One architecture or many.
        values : array (n,) or (n, metrics), or mapping of str to array (n,)
            A column a metric, in the order of `metrics`; or each by its name.
        epochs : int array (n,), optional
            With fidelities, after how many epochs each was known.

        Raises
        ------
        SearchError
            If shapes do not fit, a value is not finite, or epochs are missing or none of the fidelities.
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
        rungs = None
        if epochs is not None:
            rungs = check_wholes("epochs", np.atleast_1d(np.asarray(epochs)), 1, MOST_EPOCHS, SearchError)
        scores = self._core.tell(rows, columns, None if rungs is None else rungs.tolist())
        self.told += len(rows)
        if scores.shape[1] == 1 and len(rows):
            self._note(rows, scores[:, 0], np.zeros(len(rows), np.int64) if rungs is None else rungs)

    def _note(self, rows: Rows, scores: NDArray[np.float64], epochs: NDArray[np.int64]) -> None:
        """Remember the best: of the most epochs so far, the first with the best score."""
        most = int(epochs.max())
        best = int(np.where(epochs == most, scores, -np.inf).argmax())
        if self._best is None or (most, scores[best]) > self._best[:2]:
            self._best = most, float(scores[best]), rows[best]

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

        With fidelities the best of those with the most epochs so far.

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
        return self._best[2], float(score)


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
        return Optimizer(
            task.space,
            algorithm,
            task.objectives,
            budget=task.budget,
            seed=task.seed,
            start=task.start,
            epochs=task.epochs,
        )

    return start
