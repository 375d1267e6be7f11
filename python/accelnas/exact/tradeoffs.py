"""Trade-offs between metrics over a whole space: Pareto fronts and what follows from them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, cast

from accelnas._core import MAX_BEST, MAX_OBJECTIVES
from accelnas.arguments import check_number, check_whole
from accelnas.errors import SearchError
from accelnas.exact.constraints import parse_constraints, require_tables
from accelnas.exact.engine import RunOptions
from accelnas.exact.formulated import solve_scalarised, tightened
from accelnas.exact.question import Objective, Question, parse_within
from accelnas.exact.whole_space import solve

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from accelnas.benchmark import Benchmark
    from accelnas.exact.constraints import Constraints
    from accelnas.exact.engine import Progress
    from accelnas.exact.front import FrontResult
    from accelnas.exact.kinds import BestResult, ScalarisedResult
    from accelnas.exact.question import Within
    from accelnas.exact.scalarised import Formulation

__all__ = ["Tradeoffs", "front_question"]


class Tradeoffs:
    """The part of `accelnas.Benchmark` that is about several objectives."""

    def pareto_front(
        self,
        objectives: Sequence[str | tuple[str, str]],
        *,
        subject_to: Constraints = (),
        within: Within | None = None,
        threads: int | None = None,
        engine: Literal["threads", "ray"] = "threads",
        checkpoint: str | PathLike[str] | None = None,
        time_limit: float | None = None,
        progress: Progress | None = None,
    ) -> FrontResult:
        """Find all trade-offs of two or three metrics over the whole space, or a part, and prove them.

        Parameters
        ----------
        objectives : sequence of str or (str, {"maximise", "minimise"})
            2 or 3 metrics, in their own direction or a given one.
        subject_to, within, threads, engine, checkpoint, time_limit, progress
            As for `best`.

        Returns
        -------
        FrontResult
            The points that no architecture dominates, each once, with the number of architectures that
            share its values. Ctrl-C does not raise: it gives what is proven so far, marked as incomplete.

        Raises
        ------
        SearchError, MetricError, SpaceError, FileError, MissingExtraError
            As `best`; also if there are not 2 or 3 different objectives.

        Examples
        --------
        >>> import accelnas
        >>> bench = accelnas.load()
        >>> front = bench.pareto_front(["accuracy", "latency_zcu102"], within={f"block{b}_e": 6 for b in range(1, 7)})
        >>> front.is_complete, front.values.shape[1]
        (True, 2)
        >>> steps = front.values[1:] - front.values[:-1]
        >>> bool((steps < 0).all())  # less accurate and faster from point to point
        True
        """
        bench = cast("Benchmark", self)
        question = front_question(bench, objectives, subject_to=subject_to, within=within)
        options = RunOptions(engine, threads, checkpoint, time_limit=time_limit, progress=progress)
        result: FrontResult = solve(bench, question, options)
        return result

    def scalarised(
        self,
        formulation: Formulation,
        *,
        subject_to: Constraints = (),
        within: Within | None = None,
        k: int = 1,
        threads: int | None = None,
        engine: Literal["threads", "ray"] = "threads",
        checkpoint: str | PathLike[str] | None = None,
        time_limit: float | None = None,
        progress: Progress | None = None,
    ) -> ScalarisedResult:
        """Find the best architecture by one score of two or three metrics, and prove it.

        Parameters
        ----------
        formulation : WeightedSum, WeightedExponentialSum, WeightedMinMax or WeightedProduct
            Classes of `accelnas.exact`; metrics are sought in their own directions.
        subject_to, within, threads, engine, checkpoint, time_limit, progress
            As for `best`.
        k : int
            How many; more than 1 only for a `WeightedSum` of metrics with link identity.

        Returns
        -------
        ScalarisedResult
            The optimum, with a certificate.

        Raises
        ------
        SearchError, MetricError, SpaceError, FileError, MissingExtraError
            As `best`; also if the formulation is not monotone, or a metric of a product not positive.

        Notes
        -----
        A `WeightedSum` of metrics with link identity is a sum of tables itself, and `best` searches that. Every other
        formulation is monotone: a value that is better in one metric, and worse in none, never has a worse
        score. Of any architecture that meets the constraints, some point of the exact front is at least as good in all
        metrics: itself, one that ties with it, or one that dominates it, as the space is finite. So a point with
        the best score of the front has the best score of all. Dominated architectures may share it where a
        score is flat (a weight of 0, the smaller distances of `WeightedMinMax`); the ones given are not dominated.
        In float64 the argument holds for sums and maxima, whose rounding is monotone; powers are off by at most a
        few units in the last place, so scores closer than 1e-15 of their size may change places.

        Examples
        --------
        >>> import accelnas
        >>> from accelnas.exact import WeightedProduct
        >>> bench = accelnas.load()
        >>> mnasnet = WeightedProduct({"accuracy": 1, "latency_zcu102": -0.07}, {"latency_zcu102": 5})
        >>> found = bench.scalarised(mnasnet, within={f"block{b}_e": 6 for b in range(1, 7)})
        >>> len(found), bool(found.scores[0] > 60)
        (1, True)
        """
        bench = cast("Benchmark", self)
        options = RunOptions(engine, threads, checkpoint, time_limit=time_limit, progress=progress)
        return solve_scalarised(bench, formulation, options, subject_to=subject_to, within=within, k=k)

    def lexicographic(
        self,
        objectives: Sequence[str | tuple[str, str]],
        *,
        tolerances: Sequence[float] = (),
        subject_to: Constraints = (),
        within: Within | None = None,
        k: int = 1,
        threads: int | None = None,
        engine: Literal["threads", "ray"] = "threads",
        time_limit: float | None = None,
        progress: Progress | None = None,
    ) -> tuple[BestResult, ...]:
        """Optimise one metric after the other, each among those within a tolerance of the ones before.

        Parameters
        ----------
        objectives : sequence of str or (str, {"maximise", "minimise"})
            Metrics, the most important first.
        tolerances : sequence of float
            How much worse than its optimum each metric but the last may become, in its unit; 0 by default.
        subject_to, within, threads, engine, time_limit, progress
            As for `best`; the limit is of each stage.
        k : int
            How many of the last stage.

        Returns
        -------
        tuple of BestResult
            A stage each, every one proven and with a certificate; the last has the answer. It ends early
            where nothing meets the constraints.

        Raises
        ------
        SearchError, MetricError, SpaceError, MissingExtraError
            As `best`; also if there are not as many tolerances as metrics but the last.

        Examples
        --------
        >>> import accelnas
        >>> bench = accelnas.load()
        >>> accurate, fast = bench.lexicographic(["accuracy", "latency_zcu102"], tolerances=[1.0])
        >>> bool(fast.metric_values["accuracy"][0] >= accurate.values[0] - 1)
        True
        """
        bench = cast("Benchmark", self)
        sought = tuple(_objective(bench, given) for given in objectives)
        k = check_whole("k", k, 1, MAX_BEST)
        margins = [check_number("one of tolerances", tolerance, 0) for tolerance in tolerances]
        margins = margins or [0.0] * (len(sought) - 1)
        if not sought or len(margins) != len(sought) - 1:
            raise SearchError(
                f"{len(sought)} objectives have tolerances {list(tolerances)}; give {max(len(sought) - 1, 0)} "
                "numbers of at least 0"
            )
        options = RunOptions(engine, threads, time_limit=time_limit, progress=progress)
        limits, allowed = parse_constraints(bench.metrics, subject_to), parse_within(bench.space, within)
        stages: list[BestResult] = []
        for i, objective in enumerate(sought):
            last = i == len(sought) - 1
            k_of_stage = MappingProxyType({"k": k if last else 1})
            stages.append(solve(bench, Question("best", (objective,), limits, allowed, k_of_stage), options))
            if last or not len(stages[-1]):
                break
            limits = tightened(bench.metrics, limits, objective, float(stages[-1].values[0]), margins[i])
        return tuple(stages)


def front_question(
    bench: Benchmark,
    objectives: Sequence[str | tuple[str, str]],
    *,
    subject_to: Constraints = (),
    within: Within | None = None,
) -> Question:
    """Ask for a Pareto front; see `Benchmark.pareto_front`.

    Examples
    --------
    >>> import accelnas
    >>> str(front_question(accelnas.load(), ["accuracy", ("params", "maximise")], subject_to="macs <= 300"))
    'maximise accuracy, maximise params subject to macs <= 300.0'
    """
    sought = tuple(_objective(bench, given) for given in objectives)
    names = [objective.metric for objective in sought]
    if not 2 <= len(names) <= MAX_OBJECTIVES or len(set(names)) < len(names):
        raise SearchError(f"objectives are {', '.join(names) or 'none'}; give 2 to {MAX_OBJECTIVES} different ones")
    limits = parse_constraints(bench.metrics, subject_to)
    return Question("front", sought, limits, parse_within(bench.space, within))


def _objective(bench: Benchmark, given: str | tuple[str, str]) -> Objective:
    if isinstance(given, str):
        return Objective(require_tables(bench.metrics, given), bench.metrics[given].direction)
    metric, direction = given
    if direction not in ("maximise", "minimise"):
        raise SearchError(f"direction of {metric} is {direction!r}; choose maximise or minimise")
    return Objective(require_tables(bench.metrics, metric), direction)
