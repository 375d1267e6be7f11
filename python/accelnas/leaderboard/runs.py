"""Makes records: of algorithms that run here, and of what loops of others evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas import _core
from accelnas.arguments import check_seed
from accelnas.errors import SearchError
from accelnas.leaderboard.algorithms import Entrant, entrant
from accelnas.leaderboard.record import Record, RunRecord, check_described, digest
from accelnas.leaderboard.task import LeaderboardTask, load_task
from accelnas.search.algorithms import ALGORITHMS
from accelnas.search.runs.quality import hypervolumes_so_far

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from accelnas.search.history import History
    from accelnas.search.problem import Setting
    from accelnas.space import Architectures, Rows, Space

    Floats = NDArray[np.float64]

__all__ = ["Trial", "losses_at", "plain_losses", "record", "record_trials", "recorded", "replayed", "run", "values_of"]


def run(task: LeaderboardTask, algorithm: Any, seed: int, budget: int | None = None, threads: int | None = None) -> Any:
    """Make one run of an algorithm on a task: `History`."""
    bench: Any = task.setting().bench
    return bench.search(
        algorithm,
        list(task.objectives.items()),
        budget=task.budget if budget is None else budget,
        seed=seed,
        subject_to=list(task.constraints),
        noise=task.noise,
        threads=threads,
    )


def replayed(task: LeaderboardTask, rows: Rows, seed: int, threads: int | None = None) -> History:
    """Evaluate architectures one after the other, as a run of this seed that asked for them."""

    def replay(_task: object) -> Iterator[Rows]:
        yield rows

    history: History = run(task, replay, seed, len(rows), threads)
    return history


def recorded(task: LeaderboardTask, history: History, whole: bool) -> RunRecord:
    """Write down a run: all that it evaluated, or its feasible improvements."""
    setting, space = history.setting, history.setting.bench.space
    feasible = ~np.isnan(history.improved_scores[:, 0])
    positions, at = history.improvements[feasible], history.improved_at[feasible]
    rows = history.architectures if whole else history.architectures[positions]
    losses = losses_at(task, setting, at, history.architectures[positions], task.budgets)
    return RunRecord(
        history.seed,
        None if whole else tuple(at.tolist()),
        tuple(space.index(rows).tolist()),
        values_of(task, setting, rows),
        plain_losses(losses),
        digest(history),
    )


def values_of(task: LeaderboardTask, setting: Setting, rows: Rows) -> tuple[tuple[float, ...], ...]:
    """Give the objectives of architectures as records have them: the shortest decimals of float32 predictions."""
    predicted: Any = setting.bench.predict(rows, list(task.objectives))
    return tuple(zip(*(map(float, values.astype(str)) for values in predicted.values()), strict=True))


def plain_losses(losses: Floats) -> tuple[float | None, ...]:
    """Give losses as records have them."""
    return tuple(None if np.isnan(loss) else loss for loss in losses.tolist())


def losses_at(
    task: LeaderboardTask, setting: Setting, at: ArrayLike, rows: Rows, budgets: Sequence[int] | NDArray[np.int64]
) -> Floats:
    """Give what a run has lost after some numbers of evaluations.

    Parameters
    ----------
    task, setting
        The task, and what it seeks where.
    at : int array (k,)
        After how many evaluations each improvement was found, ascending.
    rows : uint8 array (k, variables)
        The improvements.
    budgets : int array (n,)
        Numbers of evaluations.

    Returns
    -------
    float64 array (n,)
        By float64 predictions without noise: regret, NaN before the first improvement; of several objectives 1 less
        the normalised hypervolume.
    """
    sought, values = setting.sought, setting.true_scores(rows)
    if len(task.objectives) > 1:
        starts = np.array([0, len(values)])
        each = 1 - hypervolumes_so_far(sought, values, starts, list(task.reference.values())) / task.best
        empty = 1.0
    else:
        each, empty = sought.signs[0] * (task.best - values[:, 0]), np.nan
    latest = np.searchsorted(np.asarray(at, np.int64), np.asarray(budgets), side="right")
    losses: Floats = np.concatenate([[empty], each])[latest]
    return losses


def record(
    task: str | LeaderboardTask,
    algorithm: Any,
    settings: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    threads: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> Record:
    """Make the runs of an algorithm on a task, and their record.

    Parameters
    ----------
    task : str or LeaderboardTask
        Name with version, such as ``"accel-nasbench/accuracy@1"``.
    algorithm : str, native algorithm or user algorithm
        A native algorithm or one of an adapter (`accelnas.leaderboard.ADAPTED`), whose records can be made again from
        their names; or your own, as `Benchmark.search` takes it: then the record lists all that it evaluated.
    settings : mapping, optional
        Settings by name; of your own algorithm whatever readers should know.
    name : str, optional
        What your own algorithm is called.
    threads : int, optional
        Nothing found depends on it.
    progress : callable, optional
        Told the number of finished runs.

    Returns
    -------
    Record
        To be saved in a folder of the leaderboard.

    Raises
    ------
    SearchError, ParameterError
        If the task, the algorithm or a setting is unknown, or the installed benchmark is not that of the task.
    MissingExtraError
        If the library of an adapter is not installed.

    Examples
    --------
    >>> record("nasbench201/cifar100@1", "local_search")
    <Record: 20 runs of local_search on nasbench201/cifar100@1>
    """
    task = load_task(task) if isinstance(task, str) else task
    own = not isinstance(algorithm, (str, *ALGORITHMS.values()))
    if own == (name is None):
        raise SearchError(f"name is {name!r}; give one to your own algorithm, and to no other")
    who = _foreign(str(name), settings) if own else entrant(algorithm, settings)
    runs = []
    for seed in range(task.runs):
        history = run(task, algorithm if own else who.algorithm, seed, threads=threads)
        runs.append(recorded(task, history, whole=own))
        if progress is not None:
            progress(seed + 1)
    return Record.of(task, who, runs)


def _foreign(name: str, settings: Mapping[str, Any] | None, libraries: Mapping[str, str] | None = None) -> Entrant:
    found = Entrant(name, "foreign", dict(settings or {}), dict(libraries or {}))
    check_described(found)
    return found


class Trial:
    """One run of a loop of your own, which counts and keeps what it evaluates.

    Parameters
    ----------
    task : str or LeaderboardTask
        Name with version.
    seed : int
        0 to one less than the task's number of runs. Simulated measurements depend on it; let your own chance, too.

    Examples
    --------
    >>> trials = [Trial("nasbench-macro/accuracy@1", seed) for seed in range(20)]
    >>> for trial in trials:
    ...     values = trial.evaluate(trial.space.sample(trial.left, trial.seed))
    >>> values.shape, record_trials(trials, "guesses")
    ((150,), <Record: 20 runs of guesses on nasbench-macro/accuracy@1>)
    """

    def __init__(self, task: str | LeaderboardTask, seed: int) -> None:
        self.task = load_task(task) if isinstance(task, str) else task
        """The task."""
        self.seed = check_seed(seed)
        """The run's seed."""
        self._setting = self.task.setting()
        self._runs = _core.Runs(self._setting.problem(None), self.seed, 0, 1)
        self._rows: list[Rows] = []

    @property
    def space(self) -> Space:
        """Where to search."""
        return self._setting.bench.space

    @property
    def left(self) -> int:
        """Number of evaluations that are left."""
        return self.task.budget - sum(map(len, self._rows))

    @property
    def architectures(self) -> Rows:
        """What was evaluated, uint8 (n, variables), in its order."""
        return np.concatenate([np.empty((0, len(self.space.variables)), np.uint8), *self._rows])

    def evaluate(self, archs: Architectures) -> Floats:
        """Give the objectives of architectures.

        Parameters
        ----------
        archs : any form that `Space.encode` takes
            One architecture or many.

        Returns
        -------
        float64 array (n,), or (n, m) of m objectives
            In the metrics' own directions. Those of architectures that don't meet the constraints are worse than all
            that do.

        Raises
        ------
        SearchError
            If there are more than are left; nothing is evaluated then.
        SpaceError
            If an architecture is not one of the space.
        """
        rows = self.space.encode(archs)
        if len(rows) > self.left:
            raise SearchError(f"{len(rows)} architectures were to be evaluated, {self.left} are left; evaluate those")
        told = self._runs.advance(rows, [len(rows)]) * self._setting.sought.signs
        self._rows.append(rows)
        return told if told.shape[1] > 1 else told[:, 0]


def record_trials(
    trials: Sequence[Trial],
    name: str,
    settings: Mapping[str, Any] | None = None,
    *,
    libraries: Mapping[str, str] | None = None,
) -> Record:
    """Make the record of a loop of your own.

    Parameters
    ----------
    trials : sequence of Trial
        One a seed, in their order, each with all its evaluations.
    name : str
        What the algorithm is called.
    settings, libraries : mapping, optional
        What readers should know: settings by name, and versions of libraries.

    Raises
    ------
    SearchError
        If trials are of several tasks, are missing, or have evaluations left.
    """
    if not trials:
        raise SearchError("there are no trials; give one a seed of the task")
    task = trials[0].task
    seeds = [trial.seed for trial in trials if trial.task == task]
    if seeds != list(range(task.runs)) or len(seeds) != len(trials):
        raise SearchError(f"the trials on {task} have the seeds {seeds}; give one for each of 0 to {task.runs - 1}")
    for trial in trials:
        if trial.left:
            raise SearchError(
                f"seed {trial.seed} evaluated {task.budget - trial.left} architectures of {task.budget}; go on"
            )
    runs = [recorded(task, replayed(task, trial.architectures, trial.seed), whole=True) for trial in trials]
    return Record.of(task, _foreign(name, settings, libraries), runs)
