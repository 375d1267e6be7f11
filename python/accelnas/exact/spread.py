"""How metrics are distributed over a whole space, and where architectures stand in it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from accelnas._core import MAX_BINS
from accelnas.arguments import check_whole
from accelnas.errors import SearchError
from accelnas.exact.constraints import parse_constraints, require_tables
from accelnas.exact.engine import RunOptions
from accelnas.exact.question import Objective, Question, parse_within
from accelnas.exact.sampling import predictable, sampling_wanted
from accelnas.exact.whole_space import solve

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from accelnas.benchmark import Benchmark
    from accelnas.exact.constraints import Constraints
    from accelnas.exact.distribution import Distribution
    from accelnas.exact.engine import Progress
    from accelnas.exact.estimates import DistributionEstimate, RankEstimate
    from accelnas.exact.question import Within
    from accelnas.exact.rank import RankResult
    from accelnas.metric import Metric
    from accelnas.space import Architectures

__all__ = ["Spread", "distribution_question", "rank_question"]

Method = Literal["exact", "sample"]


class Spread:
    """The part of `accelnas.Benchmark` that is about ranks and distributions."""

    @overload
    def distribution(
        self,
        metric: str,
        *,
        bins: int = ...,
        subject_to: Constraints = ...,
        within: Within | None = ...,
        method: Literal["exact"] = ...,
        threads: int | None = ...,
        engine: Literal["threads", "ray"] = ...,
        checkpoint: str | PathLike[str] | None = ...,
        time_limit: float | None = ...,
        progress: Progress | None = ...,
    ) -> Distribution: ...

    @overload
    def distribution(
        self,
        metric: str,
        *,
        bins: int = ...,
        subject_to: Constraints = ...,
        within: Within | None = ...,
        method: Literal["sample"],
        samples: int = ...,
        seed: int = ...,
        threads: int | None = ...,
    ) -> DistributionEstimate: ...

    def distribution(
        self,
        metric: str,
        *,
        bins: int = 4096,
        subject_to: Constraints = (),
        within: Within | None = None,
        method: Method = "exact",
        samples: int = 1_000_000,
        seed: int = 0,
        threads: int | None = None,
        engine: Literal["threads", "ray"] = "threads",
        checkpoint: str | PathLike[str] | None = None,
        time_limit: float | None = None,
        progress: Progress | None = None,
    ) -> Distribution | DistributionEstimate:
        """Count the architectures of the whole space, or of a part, by the value of a metric.

        Parameters
        ----------
        metric : str
            A metric's name.
        bins : int
            1 to 65,536 intervals of even width on the scale of the metric's link.
        subject_to, within, threads, engine, checkpoint, time_limit, progress
            As for `best`.
        method : {"exact", "sample"}
            Search, or estimate from random architectures: of any metric, and any space.
        samples, seed : int
            Random architectures to estimate from, 100 to 10,000,000, and their seed.

        Returns
        -------
        Distribution
            Exact counts, and what they prove of quantiles and moments; a `DistributionEstimate` with
            95 % intervals where samples are asked for. Either has a certificate.

        Raises
        ------
        SearchError, MetricError, SpaceError, FileError, MissingExtraError
            As `best`; also if `bins`, `samples` or `seed` are out of range.

        Examples
        --------
        >>> import accelnas
        >>> bench = accelnas.load()
        >>> found = bench.distribution("latency_zcu102", within={f"block{b}_e": 6 for b in range(7)}, bins=64)
        >>> lower, upper = found.quantile(0.5)
        >>> bool(found.cdf()[0] == 0), lower < upper, found.mean.lower < found.mean.upper
        (True, True, True)
        """
        bench = cast("Benchmark", self)
        drawn = sampling_wanted(method, samples, seed)
        question = distribution_question(bench, metric, bins=bins, subject_to=subject_to, within=within, drawn=drawn)
        options = RunOptions(engine, threads, checkpoint, time_limit=time_limit, progress=progress)
        result: Distribution | DistributionEstimate = solve(bench, question, options)
        return result

    @overload
    def rank(
        self,
        archs: Architectures,
        metric: str,
        *,
        within: Within | None = ...,
        method: Literal["exact"] = ...,
        threads: int | None = ...,
        engine: Literal["threads", "ray"] = ...,
        checkpoint: str | PathLike[str] | None = ...,
        time_limit: float | None = ...,
        progress: Progress | None = ...,
    ) -> RankResult: ...

    @overload
    def rank(
        self,
        archs: Architectures,
        metric: str,
        *,
        within: Within | None = ...,
        method: Literal["sample"],
        samples: int = ...,
        seed: int = ...,
        threads: int | None = ...,
    ) -> RankEstimate: ...

    def rank(
        self,
        archs: Architectures,
        metric: str,
        *,
        within: Within | None = None,
        method: Method = "exact",
        samples: int = 1_000_000,
        seed: int = 0,
        threads: int | None = None,
        engine: Literal["threads", "ray"] = "threads",
        checkpoint: str | PathLike[str] | None = None,
        time_limit: float | None = None,
        progress: Progress | None = None,
    ) -> RankResult | RankEstimate:
        """Say how many architectures of the whole space, or of a part, are better than given ones.

        Parameters
        ----------
        archs : any form that `Space.encode` takes
            One architecture or many; they may lie outside of `within`.
        metric : str
            A metric's name; its direction says what is better.
        within, threads, engine, checkpoint, time_limit, progress
            As for `best`.
        method, samples, seed
            As for `distribution`.

        Returns
        -------
        RankResult
            Exact ranks, ties and percentiles: arrays, or scalars for one architecture; a `RankEstimate`
            with 95 % intervals where samples are asked for. Either has a certificate.

        Raises
        ------
        SearchError, MetricError, SpaceError, FileError, MissingExtraError
            As `best`; also if there is no architecture, or `samples` or `seed` are out of range.

        Examples
        --------
        >>> import accelnas
        >>> bench = accelnas.load()
        >>> small = bench.space.decode(0)[0]
        >>> found = bench.rank(small, "peak_memory")
        >>> int(found.rank), float(found.percentile)
        (1, 100.0)
        >>> bench.rank(bench.space.sample(5), "accuracy", method="sample", samples=1000).rank.shape
        (5,)
        """
        bench = cast("Benchmark", self)
        question = rank_question(bench, archs, metric, within=within, drawn=sampling_wanted(method, samples, seed))
        options = RunOptions(engine, threads, checkpoint, time_limit=time_limit, progress=progress)
        result: RankResult | RankEstimate = solve(bench, question, options)
        return result.of(archs)


def distribution_question(
    bench: Benchmark,
    metric: str,
    *,
    bins: int = 4096,
    subject_to: Constraints = (),
    within: Within | None = None,
    drawn: tuple[int, int] | None = None,
) -> Question:
    """Ask how a metric is distributed; see `Benchmark.distribution`. `drawn` are samples and a seed for an estimate."""
    bins = check_whole("bins", bins, 1, MAX_BINS)
    return _question(bench, ("histogram", "distribution estimate"), metric, subject_to, within, drawn, {"bins": bins})


def rank_question(
    bench: Benchmark,
    archs: Architectures,
    metric: str,
    *,
    within: Within | None = None,
    drawn: tuple[int, int] | None = None,
) -> Question:
    """Ask how many architectures are better; see `Benchmark.rank`. `drawn` are samples and a seed for an estimate."""
    texts = bench.space.format(archs)
    if not texts:
        raise SearchError("no architectures to rank; give at least one")
    return _question(bench, ("ranks", "rank estimate"), metric, (), within, drawn, {"architectures": texts})


def _question(
    bench: Benchmark,
    kinds: tuple[str, str],
    metric: str,
    subject_to: Constraints,
    within: Within | None,
    drawn: tuple[int, int] | None,
    options: Mapping[str, Any],
) -> Question:
    """Ask about one metric, exactly or by samples."""
    metrics: Mapping[str, Metric] = bench.metrics if drawn is None else predictable(bench.metrics)
    sought = Objective(require_tables(metrics, metric), metrics[metric].direction)
    limits, allowed = parse_constraints(metrics, subject_to), parse_within(bench.space, within)
    question = Question(kinds[0], (sought,), limits, allowed, MappingProxyType(dict(options)))
    return question if drawn is None else question.estimated(kinds[1], *drawn)
