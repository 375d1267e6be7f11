"""Benchmarks as Optuna objectives, Optuna's samplers in our searches, ours in Optuna's studies (extra ``optuna``)."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from accelnas.adapters.evaluator import Evaluator
from accelnas.adapters.optuna_space import distributions, suggest
from accelnas.adapters.shared import Objectives, OneByOne, needs, seed_of_32_bits
from accelnas.errors import SearchError
from accelnas.search.objective import parse_sought

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import Trial, TrialState

    from accelnas.adapters.optuna_sampler import AskTellSampler
    from accelnas.exact.constraints import Constraints
    from accelnas.models.predictor import Predictor
    from accelnas.search.protocol import Task, UserAlgorithm
    from accelnas.space import Rows

__all__ = [
    "AskTellSampler",
    "distributions",
    "evaluate_trial",
    "optuna_algorithm",
    "optuna_objective",
    "study_directions",
    "suggest",
]

PRUNED = 100  # forbidden combinations in turn, before an architecture is drawn


def __getattr__(name: str) -> Any:
    # its base class is Optuna's, which is imported only when used
    if name == "AskTellSampler":
        with needs("optuna"):
            from accelnas.adapters.optuna_sampler import AskTellSampler
        return AskTellSampler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def optuna_objective(
    bench: Predictor, objectives: Objectives, subject_to: Constraints = (), noise_seed: int | None = None
) -> Callable[[Trial], float | tuple[float, ...]]:
    """Return a benchmark as a function for `optuna.study.Study.optimize`.

    Parameters
    ----------
    bench : Benchmark
        The benchmark.
    objectives : str, or sequence of str or (str, {"maximise", "minimise"})
        Metrics. Give the study the directions that `study_directions` says.
    subject_to : as for `Benchmark.best`
        Constraints. Each trial notes by `optuna.trial.Trial.set_constraint` how far it exceeds each end, in the
        metric's unit; samplers that know constraints, such as TPE and NSGA-II, take them from there.
    noise_seed : int, optional
        Makes every trial another simulated measurement (`Benchmark.query`), which the seed and its number decide.

    Returns
    -------
    callable
        Given a trial, returns a number, or one for each of several objectives, in the metrics' units. It predicts
        in float64, with one thread.

    Raises
    ------
    MetricError, SearchError
        If objectives or constraints can't be read.
    ParameterError
        If the seed is out of range.

    Examples
    --------
    >>> import accelnas, optuna
    >>> bench = accelnas.load()
    >>> objective = optuna_objective(bench, ["accuracy", "latency_zcu102"], subject_to="macs <= 300")
    >>> trial = optuna.trial.FixedTrial(bench.space.decode(bench.space.sample(1, seed=1))[0])
    >>> accuracy, latency = objective(trial)
    >>> bool(50 < accuracy < 80), list(trial.constraints)
    (True, ['macs <= 300.0'])
    """
    return partial(evaluate_trial, Evaluator(bench, objectives, subject_to, noise_seed))


def evaluate_trial(evaluator: Evaluator, trial: Trial) -> float | tuple[float, ...]:
    """Let a trial choose an architecture, and give its values; as what `optuna_objective` returns does."""
    found = evaluator(suggest(trial, evaluator.bench.space), trial.number)
    for name, value in zip(evaluator.bounds, found.exceeded[0].tolist(), strict=True):
        trial.set_constraint(name, value)
    values: list[float] = found.values[0].tolist()
    return tuple(values) if len(values) > 1 else values[0]


def study_directions(bench: Predictor, objectives: Objectives) -> list[str]:
    """Return the ``directions`` of `optuna.create_study` for some objectives.

    Examples
    --------
    >>> import accelnas
    >>> study_directions(accelnas.load(), ["accuracy", "latency_zcu102"])
    ['maximize', 'minimize']
    """
    _, sought = parse_sought(bench, objectives)
    maximised = sought.signs > 0
    return ["maximize" if more else "minimize" for more in maximised]


def optuna_algorithm(
    make_sampler: Callable[[int], BaseSampler], make_pruner: Callable[[], BasePruner] | None = None
) -> UserAlgorithm:
    """Let an Optuna sampler run in our searches, one study in memory a run.

    Parameters
    ----------
    make_sampler : callable
        Given a seed, 0 to 2**32 - 1, returns a new sampler.
    make_pruner : callable, optional
        Returns a new pruner, such as ``optuna.pruners.HyperbandPruner(1, 81)``, for an objective with fidelities: a
        trial reports its value after the fewest epochs, and goes on to the next ones until it is pruned.

    Returns
    -------
    UserAlgorithm
        It asks one architecture at a time, and minimises costs. Where a sampler of a finite grid has done
        all of it, uniform architectures are evaluated, of which it is not told. Forbidden combinations end as
        pruned trials, and are not evaluated.

    Raises
    ------
    MissingExtraError
        When a run begins, if Optuna is not installed.
    SearchError
        When a run begins, if there is a pruner and the objective has no fidelities.

    Examples
    --------
    >>> import accelnas, optuna
    >>> from accelnas.search.protocol import Task
    >>> algorithm = optuna_algorithm(lambda seed: optuna.samplers.TPESampler(seed=seed))
    >>> run = algorithm(Task(accelnas.mnasnet_space(), {"accuracy": "maximise"}, budget=100, seed=1))
    >>> run.ask().shape
    (1, 28)
    """
    return partial(_Run, make_sampler) if make_pruner is None else partial(_PrunedRun, make_sampler, make_pruner)


class _Run(OneByOne):
    """One study, asked and told."""

    asynchronous = True
    takes_start = True

    def __init__(
        self, make_sampler: Callable[[int], BaseSampler], task: Task, pruner: BasePruner | None = None
    ) -> None:
        with needs("optuna"):
            import optuna
        super().__init__(task)
        with _quiet():
            self._study = optuna.create_study(
                directions=["minimize"] * len(task.objectives),
                sampler=make_sampler(seed_of_32_bits(task.seed)),
                pruner=pruner,
                study_name=f"accelnas {task.seed}",  # by which pruners choose brackets
            )
            for params in [] if task.start is None else task.space.decode(task.start):
                self._study.enqueue_trial({name: value for name, value in params.items() if value is not None})
        self._exhausted = False

    def propose(self) -> Any:
        from optuna import TrialPruned
        from optuna.trial import TrialState

        for _ in range(PRUNED):
            if self._exhausted:
                break
            with _quiet():
                trial = self._study.ask()
                try:
                    return trial, suggest(trial, self._task.space)
                except TrialPruned:
                    self._tell(trial, None, TrialState.PRUNED)
        return None

    def row(self, proposed: Any) -> Rows:
        row: Rows = proposed[1]
        return row

    def learn(self, proposed: Any, costs: list[float]) -> None:
        self._tell(proposed[0], costs)

    def _tell(self, trial: Trial, costs: list[float] | None, state: TrialState | None = None) -> None:
        try:
            with _quiet():
                self._study.tell(trial, costs, state)
        except RuntimeError as error:
            # how samplers of a grid end a study; Optuna refuses it outside of its own loop
            if "Study.stop" not in str(error):
                raise
            self._exhausted = True


class _PrunedRun(_Run):
    """One study whose trials report their value after ever more epochs, until they are pruned."""

    def __init__(
        self, make_sampler: Callable[[int], BaseSampler], make_pruner: Callable[[], BasePruner], task: Task
    ) -> None:
        if not task.epochs:
            raise SearchError("a pruner needs an objective with fidelities; give some, or leave the pruner out")
        with needs("optuna"):
            pruner = make_pruner()
        super().__init__(make_sampler, task, pruner)
        self._going_on: deque[tuple[Trial, Rows, int]] = deque()  # with the rung that is next

    def propose(self) -> Any:
        """Give a trial that goes on, else a new one."""
        if self._going_on:
            return self._going_on.popleft()
        proposed = super().propose()
        return None if proposed is None else (*proposed, 0)

    def epochs(self, proposed: tuple[Trial, Rows, int] | None) -> int:
        return self._task.epochs[-1 if proposed is None else proposed[2]]

    def learn(self, proposed: Any, costs: list[float]) -> None:
        """Report the value, and let the pruner say whether the trial goes on."""
        from optuna.trial import TrialState

        trial, arch, rung = proposed
        trial.report(costs[0], self._task.epochs[rung])
        if rung + 1 == len(self._task.epochs):
            self._tell(trial, costs)
        elif trial.should_prune():
            self._tell(trial, None, TrialState.PRUNED)
        else:
            self._going_on.append((trial, arch, rung + 1))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna's news from the log, one line a study; warnings stay."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(before, optuna.logging.WARNING))
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
