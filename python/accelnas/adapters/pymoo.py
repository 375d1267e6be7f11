"""Benchmarks as pymoo problems, and pymoo's algorithms in our searches (extra ``pymoo``)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from accelnas.adapters.shared import Objectives, needs, seed_of_32_bits, uniform_rows
from accelnas.errors import SearchError
from accelnas.search.objective import parse_sought

if TYPE_CHECKING:
    from collections.abc import Callable

    from pymoo.core.algorithm import Algorithm

    from accelnas.adapters.pymoo_problem import BenchmarkProblem, SpaceProblem
    from accelnas.exact.constraints import Constraints
    from accelnas.models.predictor import Predictor
    from accelnas.search.protocol import Task, UserAlgorithm, Values
    from accelnas.space import Rows

__all__ = ["decode", "pymoo_algorithm", "pymoo_nsga2", "to_pymoo"]


def to_pymoo(
    bench: Predictor,
    objectives: Objectives,
    subject_to: Constraints = (),
    dtype: Literal["float32", "float64"] = "float32",
    threads: int | None = None,
) -> BenchmarkProblem:
    """Return a benchmark as a pymoo problem.

    Parameters
    ----------
    bench : Benchmark
        The benchmark.
    objectives : str, or sequence of str or (str, {"maximise", "minimise"})
        Metrics, each in its own direction or in the one given.
    subject_to : as for `Benchmark.best`
        Constraints, such as ``"latency_zcu102 <= 5"``.
    dtype, threads
        As for `Benchmark.predict`.

    Returns
    -------
    pymoo.core.problem.Problem
        One integer variable for each of the space, 0 to its number of choices - 1. A population is one call of
        `Benchmark.predict`. ``F`` holds minimised metrics as they are and maximised ones negated, ``G`` how far
        each end of a constraint is exceeded, both in the metrics' units. Numbers in ``X`` are rounded. Where a space
        has rules, choices of inactive variables are ignored, and a forbidden combination stands for an
        architecture near to it, always the same, which `decode` gives.

    Raises
    ------
    MissingExtraError
        If pymoo is not installed.
    MetricError, SearchError
        If objectives or constraints can't be read.

    Examples
    --------
    >>> import accelnas
    >>> from accelnas.adapters.pymoo import decode, to_pymoo
    >>> bench = accelnas.load()
    >>> problem = to_pymoo(bench, ["accuracy", "latency_zcu102"], subject_to="macs <= 300")
    >>> archs = bench.space.sample(100, seed=1)
    >>> values, bounds = problem.evaluate(archs, return_values_of=["F", "G"])
    >>> values.shape, bounds.shape
    ((100, 2), (100, 1))
    >>> bool((-values[:, 0] == bench.predict(archs, "accuracy")).all())
    True
    """
    with needs("pymoo"):
        from accelnas.adapters.pymoo_problem import BenchmarkProblem
    return BenchmarkProblem(*parse_sought(bench, objectives, subject_to), dtype, threads)


def decode(problem: SpaceProblem, x: Any) -> Rows:
    """Return pymoo's variables, such as ``result.X``, as architectures.

    Parameters
    ----------
    problem : what `to_pymoo` gave
        The problem.
    x : array (n, variables) or (variables,)
        Numbers, which are rounded.

    Returns
    -------
    uint8 array (n, variables)
        Choice indices.

    Raises
    ------
    SpaceError
        If a number lies outside a variable's choices.
    """
    return problem.rows(x)


def pymoo_algorithm(make: Callable[[int], Algorithm]) -> UserAlgorithm:
    """Let a pymoo algorithm run in our searches.

    Parameters
    ----------
    make : callable
        Given a seed, 0 to 2**32 - 1, returns a new pymoo algorithm for integer variables.

    Returns
    -------
    UserAlgorithm
        It asks whole populations. Where the algorithm finds no new architecture, as in a space smaller than the
        budget, uniform ones are evaluated, of which it is not told.

    Raises
    ------
    MissingExtraError
        When a run begins, if pymoo is not installed.

    Examples
    --------
    >>> import accelnas
    >>> from accelnas.search.protocol import Task
    >>> algorithm = pymoo_nsga2(population=20)
    >>> run = algorithm(Task(accelnas.mnasnet_space(), {"accuracy": "maximise"}, budget=100, seed=1))
    >>> run.ask().shape
    (20, 28)
    """
    return partial(_Run, make)


def pymoo_nsga2(population: int = 100) -> UserAlgorithm:
    """Let pymoo's NSGA-II (Deb et al. 2002) run in our searches: rounded SBX crossover and polynomial mutation.

    Parameters
    ----------
    population : int
        Architectures a generation, at least 2.

    Returns
    -------
    UserAlgorithm
        See `pymoo_algorithm`; for one objective or several.

    Raises
    ------
    SearchError
        If `population` is below 2.
    """
    if population < 2:
        raise SearchError(f"population is {population}; choose 2 or more")
    return pymoo_algorithm(partial(_nsga2, population))


def _nsga2(population: int, _seed: int) -> Algorithm:
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.operators.crossover.sbx import SBX
    from pymoo.operators.mutation.pm import PM
    from pymoo.operators.repair.rounding import RoundingRepair
    from pymoo.operators.sampling.rnd import IntegerRandomSampling

    return NSGA2(
        pop_size=population,
        sampling=IntegerRandomSampling(),
        crossover=SBX(prob=1.0, eta=3.0, vtype=float, repair=RoundingRepair()),
        mutation=PM(prob=1.0, eta=3.0, vtype=float, repair=RoundingRepair()),
        eliminate_duplicates=True,
    )


class _Run:
    """One run of a pymoo algorithm, asked and told."""

    def __init__(self, make: Callable[[int], Algorithm], task: Task) -> None:
        with needs("pymoo"):
            from pymoo.core.termination import NoTermination

            from accelnas.adapters.pymoo_problem import SpaceProblem
        seed = seed_of_32_bits(task.seed)
        self._task, self._chance = task, np.random.default_rng(task.seed)
        self._problem = SpaceProblem(task.space, len(task.objectives))
        self._algorithm = make(seed).setup(self._problem, termination=NoTermination(), seed=seed)
        self._asked: Any = None

    def ask(self) -> Rows:
        self._asked = self._algorithm.ask()
        if self._asked is None or not len(self._asked):
            self._asked = None
            return uniform_rows(self._task.space, self._chance)
        return self._problem.rows(self._asked.get("X"))

    def tell(self, archs: Rows, values: Values) -> None:
        # a cut last population is no longer needed
        if self._asked is None or len(archs) < len(self._asked):
            return
        # what is inactive keeps its genes, within the bounds of the problem
        own, inactive = self._asked.get("X"), archs > self._problem.xu
        self._asked.set("X", np.where(inactive, np.rint(own.astype(np.float64)), archs).astype(np.int64))
        self._evaluate(-self._task.signs * values.reshape(len(archs), -1))
        self._algorithm.tell(infills=self._asked)

    def _evaluate(self, costs: Values) -> None:
        from pymoo.problems.static import StaticProblem

        self._algorithm.evaluator.eval(StaticProblem(self._problem, F=costs), self._asked)
