"""Searches on a benchmark: one with its whole history, many at once, or by ask and tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from accelnas.arguments import check_threads, check_whole, check_wholes
from accelnas.benchmark.opened import Opened
from accelnas.errors import SearchError
from accelnas.fidelities import MOST_EPOCHS
from accelnas.search.algorithms import ALGORITHMS, GradientAscent, native_algorithm, to_spec
from accelnas.search.fidelities import Fidelities
from accelnas.search.history import History, feasible
from accelnas.search.objective import parse_sought
from accelnas.search.optimizer import Optimizer
from accelnas.search.problem import Setting
from accelnas.search.runs.comparison import Comparison
from accelnas.search.runs.engine import ManyOptions, make_runs
from accelnas.search.runs.plan import Plan, labelled
from accelnas.search.runs.result import Runs
from accelnas.search.runs.user import run_user
from accelnas.search.start import Start
from accelnas.search.workers import Workers

if TYPE_CHECKING:
    from os import PathLike

    from accelnas.exact.constraints import Constraints
    from accelnas.exact.objectives import Within
    from accelnas.search.algorithms import NativeAlgorithm
    from accelnas.search.objective import SoughtLike
    from accelnas.search.runs.plan import Algorithms, AnyAlgorithm
    from accelnas.space import Architectures

__all__ = ["Searching"]

_MOST = 50_000_000  # evaluations of one history, a few GB


class Searching(Opened):
    """The part of `accelnas.Benchmark` that searches by evaluating architectures."""

    def search(
        self,
        algorithm: AnyAlgorithm,
        objective: SoughtLike,
        *,
        budget: int,
        seed: int,
        subject_to: Constraints = (),
        within: Within | None = None,
        penalty: float | None = None,
        noise: bool | float = False,
        clock: str | None = None,
        fidelities: Mapping[int, str] | None = None,
        from_scratch: bool = False,
        workers: int | None = None,
        synchronous: bool = False,
        time: float | None = None,
        start: Architectures | None = None,
        start_counts: bool = True,
        threads: int | None = None,
        progress: Callable[[int, int, float], object] | None = None,
    ) -> History:
        """Make one seeded run of an algorithm, and give all that it evaluated.

        Parameters
        ----------
        algorithm : str, native algorithm or user algorithm
            A name of `accelnas.search.ALGORITHMS`, one of its classes with other settings, or your own
            (`accelnas.search.AskTell`).
        objective : str, sequence, formulation or function
            A metric; several, each a name or a pair (name, direction); a formulation of several metrics such as
            `accelnas.exact.WeightedProduct` (values beyond a given ideal count as ideal); or a function of
            architectures (`accelnas.search.FunctionObjective`).
        budget : int
            Number of evaluations. Repeated architectures count each time.
        seed : int
            0 to 2**63 - 1. The run is a function of it, on every machine.
        subject_to, within
            As for `Benchmark.best`; also on metrics that have no tables. Feasible architectures come first, and of
            the others those that violate less (Deb 2000): the sum over bounds of the excess relative to the bound.
        penalty : float, optional
            Instead, what a violation of 1 costs the score, in its unit.
        noise : bool or float
            Simulate measurements, another one for every evaluation, rather than predict; a number is how many times
            the metrics' noise these have, 1 the same as True. With another number they are normal draws around the
            mean even where a metric has measured repeats.
        clock : str, optional
            A metric that is the cost of an evaluation, such as ``"train_time"``: the history has times then. Of an
            objective with fidelities an evaluation costs its part of the epochs, or, with ``"epochs"``, just these.
        fidelities : mapping of int to str, optional
            By epochs the metric that is the objective after so many, the objective itself last. Algorithms such as
            ``"hyperband"`` begin with few epochs and go on with what is promising; all others train to the end. By
            default what `Benchmark.fidelities` gives; an empty one is none.
        from_scratch : bool
            Whether a training with more epochs begins anew. If not, it goes on from the most epochs below that its
            architecture has ended in the run, and costs the difference.
        workers : int, optional
            Evaluations at a time, in the simulated time of the clock: each worker takes the next architecture when it
            is free, and evaluations are told in the order in which they end. By default one after the other.
        synchronous : bool
            Tell the algorithm of a batch as a whole, after the last of it has ended: what it asks for in one go, and
            more until all workers are busy.
        time : float, optional
            End the run at this cost, in the unit of the clock's metric, if the budget lasts so long.
        start : any form that `Space.encode` takes, optional
            Architectures that the run evaluates first, in place of as many random ones: a known network, or the front
            of another device.
        start_counts : bool
            Whether these are part of the budget and cost time. If not, they come on top of the budget, as evaluations
            of their own that cost nothing.
        threads : int, optional
            Nothing found depends on it.
        progress : callable, optional
            Told now and then how many evaluations are done, of how many, and the best first score so far, of which
            more is better.

        Returns
        -------
        History
            Architectures, values, scores, epochs and times of every evaluation.

        Raises
        ------
        SearchError
            If the algorithm can't do what is asked, or a setting makes no sense.
        MetricError, SpaceError
            If a metric or a choice is unknown.

        Notes
        -----
        The interpreter lock is released; Ctrl-C stops a long search.

        Examples
        --------
        >>> import accelnas
        >>> bench = accelnas.load()
        >>> history = bench.search("regularized_evolution", "accuracy", budget=600, seed=1)
        >>> history.architectures.shape, history.best_values.shape
        ((600, 28), (600,))
        >>> fast = bench.search("local_search", "accuracy", subject_to="latency_zcu102 <= 5", budget=600, seed=1)
        >>> bool(fast.best[1] < history.best[1])
        True
        """
        setting = self._setting(objective, subject_to, within, penalty, noise, clock, fidelities, from_scratch)
        crew, begun = Workers.of(workers, synchronous, time, clock), Start.of(self.space, start, start_counts)
        ((label, one),) = labelled([algorithm]).items()
        plan = _plan(label, one, setting, 1, _whole(budget, seed), crew, begun)
        if plan.budget > _MOST:
            raise SearchError(f"budget is {budget}, the history would have it all; simulate keeps improvements alone")
        check_threads(threads)
        problem = plan.problem(threads)
        tell = progress or (lambda *_: None)

        def report(done: int, best: float) -> None:
            tell(done, plan.budget, best)

        if plan.is_native:
            spec = to_spec(plan.algorithm)
            found: Mapping[str, Any] = problem.run(
                spec,
                plan.seed,
                0,
                1,
                plan.budget,
                keep_all=True,
                workers=None if crew is None else crew.to_core(),
                start=None if begun is None else begun.rows,
                free=plan.free,
                threads=threads,
                report=report,
            )
        else:
            found = run_user(plan, problem, 0, 1, True, report)
        columns = setting.sought.columns
        values = {name: np.ascontiguousarray(found["values"][:, i]) for i, name in enumerate(columns)}
        return History(
            found["rows"],
            values,
            feasible(found["scores"], setting.sought.signs),
            found["times"] if clock is not None else None,
            found["improvements"].astype(np.int64),
            found["improved_at"].astype(np.int64),
            feasible(found["improved_scores"], setting.sought.signs),
            plan.seed,
            setting,
            found["epochs"].astype(np.int64) if setting.fidelities is not None else None,
        )

    @overload
    def simulate(  # type: ignore[overload-overlap]
        self,
        algorithms: AnyAlgorithm,
        objective: SoughtLike,
        *,
        runs: int,
        budget: int,
        seed: int,
        subject_to: Constraints = ...,
        within: Within | None = ...,
        penalty: float | None = ...,
        noise: bool | float = ...,
        clock: str | None = ...,
        fidelities: Mapping[int, str] | None = ...,
        from_scratch: bool = ...,
        workers: int | None = ...,
        synchronous: bool = ...,
        time: float | None = ...,
        start: Architectures | None = ...,
        start_counts: bool = ...,
        threads: int | None = ...,
        engine: Literal["threads", "ray"] = ...,
        output: str | PathLike[str] | None = ...,
        progress: Callable[[int, int, float], object] | None = ...,
    ) -> Runs: ...

    @overload
    def simulate(
        self,
        algorithms: Algorithms,
        objective: SoughtLike,
        *,
        runs: int,
        budget: int,
        seed: int,
        subject_to: Constraints = ...,
        within: Within | None = ...,
        penalty: float | None = ...,
        noise: bool | float = ...,
        clock: str | None = ...,
        fidelities: Mapping[int, str] | None = ...,
        from_scratch: bool = ...,
        workers: int | None = ...,
        synchronous: bool = ...,
        time: float | None = ...,
        start: Architectures | None = ...,
        start_counts: bool = ...,
        threads: int | None = ...,
        engine: Literal["threads", "ray"] = ...,
        output: str | PathLike[str] | None = ...,
        progress: Callable[[int, int, float], object] | None = ...,
    ) -> Comparison: ...

    def simulate(
        self,
        algorithms: Any,
        objective: SoughtLike,
        *,
        runs: int,
        budget: int,
        seed: int,
        subject_to: Constraints = (),
        within: Within | None = None,
        penalty: float | None = None,
        noise: bool | float = False,
        clock: str | None = None,
        fidelities: Mapping[int, str] | None = None,
        from_scratch: bool = False,
        workers: int | None = None,
        synchronous: bool = False,
        time: float | None = None,
        start: Architectures | None = None,
        start_counts: bool = True,
        threads: int | None = None,
        engine: Literal["threads", "ray"] = "threads",
        output: str | PathLike[str] | None = None,
        progress: Callable[[int, int, float], object] | None = None,
    ) -> Runs | Comparison:
        """Make many seeded runs of one algorithm, or of several.

        Parameters
        ----------
        algorithms : algorithm, or sequence of them, or mapping of str to algorithm
            As for `search`; several are compared, under their own names by default.
        objective, subject_to, within, penalty, noise, clock, fidelities, from_scratch
            As for `search`.
        workers, synchronous, time, start, start_counts, threads
            As for `search`.
        runs : int
            Number of runs of each algorithm. Run r is a function of the seed and r alone, so more runs add to the
            same ones.
        budget : int
            Evaluations of each run.
        seed : int
            0 to 2**63 - 1.
        engine : {"threads", "ray"}
            This process, or a Ray cluster: that of ``RAY_ADDRESS``, else one on this machine.
        output : path, optional
            Folder for finished parts of 1,000 runs, as Parquet; the same call goes on from them.
        progress : callable, optional
            Told now and then how many evaluations are done, of how many, and the best first score so far; each
            algorithm counts for itself.

        Returns
        -------
        Runs, or Comparison of several algorithms
            Every improvement of every run; with regret, hypervolume, statistics and tests from them.

        Raises
        ------
        SearchError, MetricError, SpaceError
            As `search`.
        FileError, MissingExtraError
            If the folder can't be used, or Polars or Ray are not installed.

        Examples
        --------
        >>> import accelnas
        >>> bench = accelnas.load()
        >>> runs = bench.simulate("regularized_evolution", "accuracy", runs=1000, budget=600, seed=1, threads=2)
        >>> runs.best_values.shape
        (1000, 600)
        >>> runs.to_polars().columns
        ['run', 'evaluation', 'index', 'score accuracy', 'algorithm']
        """
        setting = self._setting(objective, subject_to, within, penalty, noise, clock, fidelities, from_scratch)
        number, (budget, seed) = check_whole("runs", runs, 1), _whole(budget, seed)
        options = ManyOptions(engine, threads, output, progress)
        several = isinstance(algorithms, (list, tuple, Mapping))
        chosen = labelled(algorithms if several else [algorithms])
        crew, begun = Workers.of(workers, synchronous, time, clock), Start.of(self.space, start, start_counts)
        plans = [_plan(label, one, setting, number, (budget, seed), crew, begun) for label, one in chosen.items()]
        made = {plan.label: Runs(plan, make_runs(plan, options)) for plan in plans}
        return Comparison(made) if several else next(iter(made.values()))

    def optimizer(
        self,
        algorithm: str | NativeAlgorithm,
        objective: SoughtLike,
        *,
        budget: int,
        seed: int,
        subject_to: Constraints = (),
        within: Within | None = None,
        penalty: float | None = None,
        start: Architectures | None = None,
        epochs: Sequence[int] = (),
    ) -> Optimizer:
        """Give one run of a native algorithm by ask and tell.

        Parameters
        ----------
        algorithm, objective, budget, seed, subject_to, within, penalty, start
            As for `search`, of metrics or a formulation.
        epochs
            After how many epochs the objective may be asked for, as for `accelnas.search.Optimizer`.

        Returns
        -------
        Optimizer
            To be told the metrics of the objective and of the constraints.

        Raises
        ------
        SearchError, MetricError, SpaceError
            As `search`.

        Examples
        --------
        >>> import accelnas
        >>> bench = accelnas.load()
        >>> optimizer = bench.optimizer("regularized_evolution", "accuracy", budget=600, seed=1)
        >>> while optimizer.told < 600:
        ...     archs = optimizer.ask()
        ...     optimizer.tell(archs, bench.predict(archs, "accuracy"))
        >>> float(optimizer.best[1]) == bench.search("regularized_evolution", "accuracy", budget=600, seed=1).best[1]
        True
        """
        setting = self._setting(objective, subject_to, within, penalty, False, None, {}, False)
        if not isinstance(algorithm, (str, *ALGORITHMS.values())):
            raise SearchError(f"algorithm {algorithm!r} is not native; ask it yourself")
        native = native_algorithm(algorithm)
        # what is told may be noisy, and needs no metrics in memory; gradients need tables
        is_gradient = isinstance(native, GradientAscent)
        rungs = check_wholes("epochs", list(epochs), 1, MOST_EPOCHS).tolist()
        if rungs and is_gradient:
            raise SearchError("gradient_ascent follows the tables of whole trainings; leave epochs out")
        problem = setting.problem(None) if is_gradient else setting.told(rungs)
        return Optimizer.over(self.space, problem, setting.sought, native, *_whole(budget, seed), start, rungs)

    def _setting(
        self,
        objective: SoughtLike,
        subject_to: Constraints,
        within: Within | None,
        penalty: float | None,
        noise: bool | float,
        clock: str | None,
        fidelities: Mapping[int, str] | None,
        from_scratch: bool,
    ) -> Setting:
        bench, sought = parse_sought(self, objective, subject_to, penalty, within)
        ladder = Fidelities.of(bench, sought, fidelities, from_scratch)
        return Setting.of(bench, sought, within, noise, clock, ladder)


def _whole(budget: int, seed: int) -> tuple[int, int]:
    return check_whole("budget", budget, 1), check_whole("seed", seed, 0)


def _plan(
    label: str,
    algorithm: Any,
    setting: Setting,
    runs: int,
    whole: tuple[int, int],
    workers: Workers | None,
    start: Start | None,
) -> Plan:
    """Make a plan, whose budget has the evaluations that are free."""
    budget, seed = whole
    return Plan(label, algorithm, setting, runs, budget + (0 if start is None else start.free), seed, workers, start)
