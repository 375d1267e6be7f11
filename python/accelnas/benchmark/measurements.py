"""What a benchmark says of measurements and landscapes: simulated ones, intervals, distances, neighbourhoods."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, overload

from accelnas.arguments import check_choice, check_number, check_seed, check_threads
from accelnas.benchmark.ladders import chosen
from accelnas.benchmark.opened import Opened
from accelnas.errors import MetricError
from accelnas.models import derived
from accelnas.models.neighbourhood import Neighbourhood, neighbourhood
from accelnas.space.forms import unpack
from accelnas.space.frames import check_output, framed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnas.models.predictor import Values
    from accelnas.space import Architectures
    from accelnas.space.frames import Output

__all__ = ["Measurements"]


class Measurements(Opened):
    """The part of `accelnas.Benchmark` that is about measurements and landscapes."""

    @overload
    def query(
        self,
        archs: Architectures,
        metrics: str,
        *,
        epochs: int | None = ...,
        seed: int,
        std: Literal["repeat", "total"] = ...,
        output: Literal["array"] = ...,
        threads: int | None = ...,
    ) -> Values: ...

    @overload
    def query(
        self,
        archs: Architectures,
        metrics: Sequence[str] | None = ...,
        *,
        epochs: int | None = ...,
        seed: int,
        std: Literal["repeat", "total"] = ...,
        output: Literal["array"] = ...,
        threads: int | None = ...,
    ) -> dict[str, Values]: ...

    @overload
    def query(
        self,
        archs: Architectures,
        metrics: str | Sequence[str] | None = ...,
        *,
        epochs: int | None = ...,
        seed: int,
        std: Literal["repeat", "total"] = ...,
        output: Literal["frame"],
        threads: int | None = ...,
    ) -> Any: ...

    def query(
        self,
        archs: Architectures,
        metrics: str | Sequence[str] | None = None,
        *,
        epochs: int | None = None,
        seed: int,
        std: Literal["repeat", "total"] = "repeat",
        output: Output = "array",
        threads: int | None = None,
    ) -> Values | dict[str, Values] | Any:
        """Simulate one noisy training or measurement of each architecture.

        The prediction and a Gaussian draw of the metric's noise, added on the scale of the link. It is
        what one more run of the *same* architecture scatters by; how far the prediction itself may be
        off is the standard deviation that `Benchmark.predict` gives, and ``std="total"`` draws from: what a first
        measurement may be. Of a complete table with its repeats (`accelnas.fitting.tabulate`) it is one of the values
        that were measured of the architecture, each as likely.

        Parameters
        ----------
        archs, output, threads
            As for `Benchmark.predict`; columns of a frame are called ``NAME_measured``.
        metrics : str or sequence of str, optional
            A metric's name, or several; all of them by default.
        epochs : int, optional
            After how many epochs, as for `Benchmark.predict`. Draws of different fidelities are independent.
        seed : int
            0 to 2**64 - 1. The draw is a function of the architecture, the seed and the metric's name
            alone, on every machine: the same query gives the same result, and different architectures,
            seeds or metrics give independent noise.
        std : {"repeat", "total"}
            The standard deviation of the draw: that of one more measurement, or that of predictions, with a Student's t
            where their errors have one (`Benchmark.degrees_of_freedom`).

        Returns
        -------
        float64 array (n,), or a scalar for one architecture
            In the metric's unit. For several metrics a dict of them by name. Exact metrics come without
            noise; a derived metric is its expression of simulated measurements with the same seed.

        Raises
        ------
        SpaceError
            If an architecture is not one of the space.
        MetricError
            If the benchmark has no such metric, its noise is not known, or `seed` is out of range.

        Examples
        --------
        >>> import accelnas
        >>> bench = accelnas.load()
        >>> archs = bench.space.sample(1000, seed=0)
        >>> once, again = (bench.query(archs, "accuracy", seed=seed) for seed in (1, 2))
        >>> bool((once != again).all()), bool((once == bench.query(archs, "accuracy", seed=1)).all())
        (True, True)
        """
        names = chosen(self.metrics, metrics, epochs, self.fidelities)
        check_threads(threads)
        check_output(archs, output)
        seed = check_seed(seed)
        check_choice("std", std, ("repeat", "total"))
        rows = self.space.encode(archs)
        source = derived.Source(self.space, self._core, self.metrics, self._derived)
        measured = {name: source.query(rows, name, (seed, std), threads) for name in names}
        if output == "frame":
            return framed(archs, {f"{name}_measured": column for name, column in measured.items()})
        results = {name: unpack(archs, column) for name, column in measured.items()}
        return results[names[0]] if isinstance(metrics, str) else results

    def predict_interval(
        self,
        archs: Architectures,
        metric: str,
        *,
        level: float = 0.9,
        output: Output = "array",
        threads: int | None = None,
    ) -> Any:
        """Give intervals that hold a measurement of an architecture with a stated probability.

        On the scale of the link an interval is the prediction plus or minus a multiple of the total
        standard deviation, the same multiple for all architectures: the ``ceil((n + 1) * level)``-th
        smallest of n errors, in such standard deviations, on architectures left out of a cross-validation.

        Parameters
        ----------
        archs, output, threads
            As for `Benchmark.predict`; columns of a frame are called ``NAME_lower`` and ``NAME_upper``.
        metric : str
            A metric's name.
        level : float
            Probability that an interval holds the measurement, above 0 and below 1.

        Returns
        -------
        tuple of float64 arrays (n,), or of scalars for one architecture
            Lower and upper ends in the metric's unit. Ends are finite: where an interval of a rate
            reaches to unbounded values, it ends at the largest float64.

        Raises
        ------
        SpaceError
            If an architecture is not one of the space.
        MetricError
            If the metric has no held-out errors, or too few for the level.

        Notes
        -----
        The guarantee is that of cross-conformal prediction (Barber, Candès, Ramdas and Tibshirani 2021):
        for architectures drawn like those of the data set, and *on average over them*, the coverage is
        close to the level, and under their assumptions at least ``2 * level - 1``. It is no guarantee for a
        single architecture, nor for those that a search picks because they look good; `is_far` finds some.

        Examples
        --------
        >>> import accelnas
        >>> bench = accelnas.load()
        >>> lower, upper = bench.predict_interval(bench.space.sample(1000), "accuracy", level=0.95)
        >>> bool((lower < upper).all()), lower.dtype
        (True, dtype('float64'))
        """
        check_threads(threads)
        check_output(archs, output)
        level = check_number("level", level, 0.0, 1.0)
        position = self._position(metric)
        rows = self.space.encode(archs)
        lower, upper = self._core.predict_interval(rows, position, level, threads)
        if output == "frame":
            return framed(archs, {f"{metric}_lower": lower, f"{metric}_upper": upper})
        return unpack(archs, lower), unpack(archs, upper)

    def degrees_of_freedom(self, metric: str) -> float:
        """Say how heavy the tails of a metric's errors are: the degrees of freedom of their Student's t.

        On the scale of the link, a measurement's error in total standard deviations is distributed like
        ``sqrt((nu - 2) / nu) * t``, with t Student's of nu degrees of freedom, which has a standard deviation of 1.
        It was fitted to errors on architectures left out of a cross-validation, where they are clearly no normal ones.
        `predict_interval` needs no distribution.

        Parameters
        ----------
        metric : str
            A metric's name.

        Returns
        -------
        float
            Above 2; infinite where errors are normal.

        Raises
        ------
        MetricError
            If the metric has no held-out errors.

        Examples
        --------
        >>> import accelnas
        >>> accelnas.load().degrees_of_freedom("accuracy")
        14.1
        """
        found = self._core.degrees_of_freedom(self._position(metric))
        return math.inf if found is None else found

    def distance(
        self, archs: Architectures, metric: str, *, output: Output = "array", threads: int | None = None
    ) -> Values:
        """Count the variables in which architectures differ from the nearest one that a metric was fitted on.

        Parameters
        ----------
        archs, output, threads
            As for `Benchmark.predict`; the column of a frame is called ``NAME_distance``.
        metric : str
            A metric's name.

        Returns
        -------
        uint16 array (n,), or a scalar for one architecture
            0 where the architecture itself was measured.

        Raises
        ------
        SpaceError
            If an architecture is not one of the space.
        MetricError
            If the benchmark does not know what the metric was fitted on.

        Examples
        --------
        >>> import accelnas
        >>> bench = accelnas.load()
        >>> bench.distance(bench.space.sample(3), "accuracy").dtype
        dtype('uint16')
        """
        check_threads(threads)
        check_output(archs, output)
        found = self._core.distance(self.space.encode(archs), self._position(metric), threads)
        return framed(archs, {f"{metric}_distance": found}) if output == "frame" else unpack(archs, found)

    def is_far(
        self, archs: Architectures, metric: str, *, output: Output = "array", threads: int | None = None
    ) -> Values:
        """Flag architectures that are farther from the training data than the training data is from itself.

        Parameters
        ----------
        archs, metric, output, threads
            As for `distance`; the column of a frame is called ``NAME_is_far``.

        Returns
        -------
        bool array (n,), or a scalar for one architecture
            Whether the distance exceeds the 99th percentile of the distances of the fitted architectures
            to the nearest other one. Beyond it neither standard deviations nor intervals were tested.

        Raises
        ------
        SpaceError, MetricError
            As `distance`.

        Examples
        --------
        >>> import accelnas
        >>> bench = accelnas.load()
        >>> bool(bench.is_far(bench.space.sample(1000), "accuracy").mean() < 0.05)
        True
        """
        check_threads(threads)
        check_output(archs, output)
        position = self._position(metric)
        found = self._core.distance(self.space.encode(archs), position, threads) > self._core.distance_limit(position)
        return framed(archs, {f"{metric}_is_far": found}) if output == "frame" else unpack(archs, found)

    def neighbourhood(
        self,
        metric: str,
        *,
        starts: int = 10_000,
        samples: int = 100_000,
        optimum: Architectures | None = None,
        seed: int = 0,
        threads: int | None = None,
    ) -> Neighbourhood:
        """Say what a metric's landscape is like: how rugged, how many local optima, how far they draw.

        Parameters
        ----------
        metric : str
            A metric that a surrogate predicts.
        starts : int
            Uniform architectures to climb from, at least 2.
        samples : int
            Further uniform architectures, for the correlations with distance and for neutrality, at least 10.
        optimum : any form of one architecture that `Space.encode` takes, optional
            Where distances are measured to; the best local optimum that the climbs reach by default.
        seed : int
            0 to 2**64 - 1. The starts are ``space.sample(starts, seed)``.
        threads : int, optional
            Threads to use; one a core by default. No result depends on it.

        Returns
        -------
        Neighbourhood
            Numbers that are exact, or come with 95 % intervals.

        Raises
        ------
        MetricError
            If there is no such metric, an expression evaluates it, part of it is a forest, it is the same for
            all architectures, or a number is out of range.
        SpaceError
            If `optimum` is not one architecture of the space.

        Notes
        -----
        The interpreter lock is released; Ctrl-C stops a long call.

        Examples
        --------
        >>> import accelnas
        >>> found = accelnas.load().neighbourhood("accuracy", starts=1000, samples=1000)
        >>> bool(0.9 < found.autocorrelation[0] < 1), found.counts.sum()
        (True, np.int64(1000))
        """
        surrogate = self._surrogate(metric)
        check_threads(threads)
        return neighbourhood(self, surrogate, metric, starts, samples, optimum, seed, threads)

    def _position(self, metric: str) -> int:
        """Position of a metric with a surrogate of its own."""
        if metric in self.metrics and not self.metrics[metric].exact:
            expression = self.metrics[metric].expression
            raise MetricError(
                f"{metric} = {expression} is evaluated on predictions and has no data of its own; "
                "ask for the metrics that it names"
            )
        return self._core.position(metric)
