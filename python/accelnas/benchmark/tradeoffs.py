"""What a benchmark says of several objectives at once: exact, with certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelnas.benchmark.whole_space import WholeSpace
from accelnas.exact.questions import FrontQuestion, LexicographicQuestion, ScalarisedQuestion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnas.exact.constraints import Constraints
    from accelnas.exact.formulations import Formulation
    from accelnas.exact.front import FrontResult
    from accelnas.exact.kinds import BestResult, ScalarisedResult
    from accelnas.exact.objectives import ObjectiveLike, Within
    from accelnas.exact.options import Progress, RunOptions

__all__ = ["Tradeoffs"]


class Tradeoffs(WholeSpace):
    """The part of `accelnas.Benchmark` that is about several objectives."""

    def pareto_front(
        self,
        objectives: Sequence[ObjectiveLike],
        *,
        subject_to: Constraints = (),
        within: Within | None = None,
        risk: float = 0.0,
        max_points: int = 100_000,
        options: RunOptions | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> FrontResult:
        """Find all trade-offs of two to five metrics over the whole space, or a part, and prove them.

        Parameters
        ----------
        objectives : sequence of str or (str, {"maximise", "minimise"})
            2 to 5 metrics, in their own direction or a given one.
        subject_to, within, risk, options, threads, progress
            As for `best`; risk is taken in all objectives but exact ones.
        max_points : int
            1 to 10,000,000: a front that has more is refused, or with ``RunOptions(anytime=True)`` given as far as it
            is known. Of four and five metrics the whole space has millions.

        Returns
        -------
        FrontResult
            The points that no architecture dominates, each once, with the number of architectures that
            share its values. Ctrl-C does not raise: it gives what is proven so far, marked as incomplete.

        Raises
        ------
        SearchError, MetricError, SpaceError, ParameterError, FileError, MissingExtraError
            As `best`; also if there are not 2 to 5 different objectives.
        TooManyPointsError
            If the front has too many points: a `SearchError`, too.

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
        question = FrontQuestion(objectives, subject_to, within, risk, max_points)
        result: FrontResult = self.solve(question, options=options, threads=threads, progress=progress)
        return result

    def scalarised(
        self,
        formulation: Formulation,
        *,
        subject_to: Constraints = (),
        within: Within | None = None,
        k: int = 1,
        options: RunOptions | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> ScalarisedResult:
        """Find the best architecture by one score of two to five metrics, and prove it.

        Parameters
        ----------
        formulation : WeightedSum, WeightedExponentialSum, WeightedMinMax, WeightedProduct or ReferencePoint
            Classes of `accelnas.exact`; metrics are sought in their own directions.
        subject_to, within, options, threads, progress
            As for `best`.
        k : int
            How many; more than 1 only for a `WeightedSum` of metrics with link identity.

        Returns
        -------
        ScalarisedResult
            The optimum, with a certificate.

        Raises
        ------
        SearchError, MetricError, SpaceError, ParameterError, FileError, MissingExtraError
            As `best`; also if the formulation is not monotone, or a metric of a product not positive.

        Notes
        -----
        A `WeightedSum` of metrics with link identity is a sum of tables itself, and `best` searches that. Every other
        formulation is monotone: a value that is better in one metric, and worse in none, never has a worse
        score. Of any architecture that meets the constraints, some point of the exact front is at least as good in all
        metrics: itself, one that ties with it, or one that dominates it, as the space is finite. So a point with
        the best score of the front has the best score of all. Dominated architectures may share it where a
        score is flat (a weight of 0, the smaller distances of `WeightedMinMax`); the ones given are not dominated.
        Of three metrics and more, where the score needs no range from the front, the front is searched only where the
        best score can lie: beyond the values at which the other metrics' optima together give less than what local
        search found (`ScalarisedResult.certificate` counts those points alone).
        In float64 the argument holds for sums and maxima, whose rounding is monotone; powers are off by at most a
        few units in the last place, so scores closer than 1e-15 of their size may change places.

        Examples
        --------
        >>> import accelnas
        >>> from accelnas.exact import WeightedProduct
        >>> bench = accelnas.load()
        >>> mnasnet = WeightedProduct({"accuracy": 1, "latency_zcu102": -0.07}, {"latency_zcu102": 5})
        >>> found = bench.scalarised(mnasnet, within={f"block{b}_e": 6 for b in range(1, 7)})
        >>> len(found), bool(found.values[0] > 60)
        (1, True)
        """
        question = ScalarisedQuestion(formulation, subject_to, within, k)
        result: ScalarisedResult = self.solve(question, options=options, threads=threads, progress=progress)
        return result

    def lexicographic(
        self,
        objectives: Sequence[ObjectiveLike],
        *,
        tolerances: Sequence[float] = (),
        subject_to: Constraints = (),
        within: Within | None = None,
        k: int = 1,
        options: RunOptions | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> tuple[BestResult, ...]:
        """Optimise one metric after the other, each among those within a tolerance of the ones before.

        Parameters
        ----------
        objectives : sequence of str or (str, {"maximise", "minimise"})
            Metrics, the most important first: any number.
        tolerances : sequence of float
            How much worse than its optimum each metric but the last may become, in its unit; 0 by default.
        subject_to, within, options, threads, progress
            As for `best`; the time limit is of each stage.
        k : int
            How many of the last stage.

        Returns
        -------
        tuple of BestResult
            A stage each, every one proven and with a certificate; the last has the answer. It ends early
            where nothing meets the constraints.

        Raises
        ------
        SearchError, MetricError, SpaceError, ParameterError, FileError, MissingExtraError
            As `best`; also if there are not as many tolerances as metrics but the last.

        Examples
        --------
        >>> import accelnas
        >>> bench = accelnas.load()
        >>> accurate, fast = bench.lexicographic(["accuracy", "latency_zcu102"], tolerances=[1.0])
        >>> bool(fast.metric_values["accuracy"][0] >= accurate.values[0] - 1)
        True
        """
        question = LexicographicQuestion(objectives, tolerances, subject_to, within, k)
        result: tuple[BestResult, ...] = self.solve(question, options=options, threads=threads, progress=progress)
        return result
