"""Estimates from random architectures, with 95 % intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.arguments import MOST_SAMPLES, check_seed, check_threads, check_whole
from accelnas.errors import SearchError
from accelnas.exact.distribution import quantile_bin
from accelnas.exact.questions import CountQuestion, DistributionQuestion, RankQuestion, on_metrics
from accelnas.exact.result import Drawn
from accelnas.models.intervals import Estimate, mean_estimate, order_statistics, share_estimate, share_interval
from accelnas.notebook import Table, Tabled
from accelnas.plots.exact import QUANTILES, draw_distribution, draw_points
from accelnas.plots.style import label
from accelnas.space.definition import sample_within
from accelnas.space.forms import unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from accelnas.exact.questions import Question
    from accelnas.models.predictor import Predictor, Values
    from accelnas.space import Architectures

__all__ = ["CountEstimate", "DistributionEstimate", "RankEstimate", "estimate"]


@dataclass(frozen=True, repr=False)
class CountEstimate(Tabled):
    """How many architectures meet constraints, estimated; nothing is proven.

    Attributes
    ----------
    met : int
        Random architectures that do.
    samples : int
        Random architectures, drawn with repetition.
    size : int
        Architectures of the (sub)space.
    seed : int
        Seed of the samples.
    """

    met: int
    samples: int
    size: int
    seed: int

    @property
    def fraction(self) -> Estimate:
        """Part of the architectures, 0 to 1, with the interval of Clopper and Pearson."""
        return share_estimate(self.met, self.samples)

    @property
    def count(self) -> Estimate:
        """Number of architectures, with the interval of Clopper and Pearson."""
        found = self.fraction
        return Estimate(found.value * self.size, found.lower * self.size, found.upper * self.size)

    def _table(self) -> Table:
        found = (("architectures", self.count), ("per cent", self.fraction))
        scale = {"architectures": 1, "per cent": 100}
        rows = [(name, *(scale[name] * end for end in (e.value, e.lower, e.upper))) for name, e in found]
        return Table(("", "estimate", "at least", "at most"), rows, len(rows))

    def __repr__(self) -> str:
        found = self.count
        return f"<CountEstimate: about {found.value:,.0f} of {self.size:,}, {found.lower:,.0f} to {found.upper:,.0f}>"


@dataclass(frozen=True, repr=False, eq=False)
class RankEstimate(Drawn):
    """Ranks of architectures, estimated; scalars where one architecture was asked for.

    Attributes
    ----------
    metric : str
        The metric; its direction says what is better.
    architectures : uint8 array (n, variables)
        Choice indices.
    texts : tuple of str
        The architectures as readable strings.
    values : float64 array (n,)
        The metric's values, in its unit.
    better : uint64 array (n,)
        Random architectures that are better.
    samples : int
        Random architectures, drawn with repetition.
    size : int
        Architectures of the (sub)space.
    seed : int
        Seed of the samples.
    """

    metric: str
    architectures: NDArray[np.uint8]
    texts: tuple[str, ...]
    values: Values
    better: Values
    samples: int
    size: int
    seed: int

    @property
    def rank(self) -> Values:
        """Estimate of 1 + the number of better architectures, float64."""
        return 1 + self.better / self.samples * self.size

    @property
    def interval(self) -> tuple[Values, Values]:
        """Lower and upper ends of the rank: those of Clopper and Pearson for each architecture."""
        found = [share_interval(count, self.samples) for count in np.atleast_1d(self.better).tolist()]
        ends = 1 + np.array(found).reshape(-1, 2) * self.size
        lower, upper = (ends[:, 0], ends[:, 1]) if np.ndim(self.better) else ends[0]
        return lower, upper

    @property
    def percentile(self) -> Values:
        """Per cent of the architectures that are not better, estimated: 100 is the best."""
        return 100 * (1 - self.better / self.samples)

    def __repr__(self) -> str:
        of = f"{len(self.values)} architectures" if np.ndim(self.values) else f"about rank {self.rank:,.0f}"
        return f"<RankEstimate: {of} of {self.size:,} by {self.metric}, {self.samples:,} samples>"

    def of(self, archs: Architectures) -> RankEstimate:
        """Give scalars where `archs` stands for one architecture."""
        values, better = unpack(archs, self.values), unpack(archs, self.better)
        return replace(self, values=values, better=better)

    def columns(self) -> Mapping[str, Any]:
        """Give ``architecture`` (strings), the metric, ``rank``, the ends of its interval and ``percentile``."""
        lower, upper = self.interval
        found = {self.metric: self.values, "rank": self.rank, "rank_lower": lower, "rank_upper": upper}
        columns = {name: np.atleast_1d(column) for name, column in {**found, "percentile": self.percentile}.items()}
        return {"architecture": self.texts, **columns}

    def _draw(self, axes: Axes) -> None:
        columns = self.columns()
        draw_points(axes, {"percentile": columns["percentile"], self.metric: columns[self.metric]})


@dataclass(frozen=True, repr=False, eq=False)
class DistributionEstimate(Drawn):
    """How a metric is distributed, estimated; nothing is proven.

    Attributes
    ----------
    metric, unit : str
        The metric.
    edges : float64 array (bins + 1,)
        Ascending and even, in the unit, from the least to the greatest sampled value.
    counts : uint64 array (bins,)
        Random architectures with ``edges[i] <= value < edges[i + 1]`` that meet the constraints; the last
        bin holds its upper edge.
    mean : Estimate
        With a normal interval.
    variance : float
        Population variance of the samples.
    samples : int
        Random architectures, drawn with repetition.
    size : int
        Architectures of the (sub)space.
    seed : int
        Seed of the samples.
    """

    metric: str
    unit: str
    edges: NDArray[np.float64]
    counts: NDArray[np.uint64]
    mean: Estimate
    variance: float
    samples: int
    size: int
    seed: int

    @property
    def total(self) -> int:
        """Number of samples that meet the constraints."""
        return sum(self.counts.tolist())

    def cdf(self) -> NDArray[np.float64]:
        """Estimate the part of the architectures below each edge, 0 to 1; off by at most `cdf_error`."""
        shares: NDArray[np.float64] = np.cumsum(np.append(np.uint64(0), self.counts)) / np.float64(self.total)
        return shares

    @property
    def cdf_error(self) -> float:
        """Largest error at all edges at once, with 95 % (Dvoretzky, Kiefer and Wolfowitz 1956, Massart 1990)."""
        return math.sqrt(math.log(2 / 0.05) / (2 * self.total))

    def quantile(self, q: float) -> Estimate:
        """Estimate a quantile by the middle of its bin; the interval is that of order statistics, out to edges.

        Parameters
        ----------
        q : float
            0 to 1; as for `Distribution.quantile`. Ends that the samples do not bound are infinite.
        """
        found = quantile_bin(self.counts.tolist(), q)
        below = np.cumsum(self.counts)
        first, last = order_statistics(q, self.total)
        lower = self.edges[np.searchsorted(below, first)] if first > 0 else -math.inf
        upper = self.edges[np.searchsorted(below, last) + 1] if last <= self.total else math.inf
        return Estimate(float(self.edges[found : found + 2].mean()), float(lower), float(upper))

    def columns(self) -> Mapping[str, Any]:
        """Give ``lower``, ``upper``, ``count``, and ``cdf`` at the upper edge, of each bin."""
        return {"lower": self.edges[:-1], "upper": self.edges[1:], "count": self.counts, "cdf": self.cdf()[1:]}

    def _quantiles(self) -> dict[float, Estimate]:
        return {q: self.quantile(q) for q in QUANTILES}

    def _table(self) -> Table:
        rows = [(f"{100 * q:g} %", e.value, e.lower, e.upper) for q, e in self._quantiles().items()]
        return Table(("quantile", "estimate", "at least", "at most"), rows, len(rows))

    def _draw(self, axes: Axes) -> None:
        middles = {q: (e.value, e.value) for q, e in self._quantiles().items()}
        draw_distribution(
            axes,
            label(self.metric, self.unit),
            self.edges,
            self.counts,
            middles,
        )

    def __repr__(self) -> str:
        return f"<DistributionEstimate: {self.metric} of {self.size:,} architectures from {self.total:,} samples>"


def estimate(bench: Predictor, question: Question, *, samples: int, seed: int, threads: int | None) -> Any:
    """Estimate the answer of a question from random architectures; see `Benchmark.estimate`."""
    if not isinstance(question, tuple(_ESTIMATED)):
        names = ", ".join(one.name for one in _ESTIMATED)
        raise SearchError(f"a {question.name} question can't be estimated, only {names}; solve it exactly")
    check_threads(threads)
    bench, question = on_metrics(bench, question)
    asked = question.resolve(bench)
    samples, seed = check_whole("samples", samples, 100, MOST_SAMPLES), check_seed(seed)
    size = asked.size(bench.space)
    if samples >= size:
        raise SearchError(
            f"samples is {samples}, the (sub)space has {size} architectures; choose fewer, or solve it exactly"
        )
    drawn = sample_within(bench.space, asked.allowed, samples, seed)
    values = bench.predict(drawn, list(asked.metrics), dtype="float64", threads=threads)
    met = np.ones(samples, bool)
    for limit in asked.constraints:
        met &= (limit.lower <= values[limit.metric]) & (values[limit.metric] <= limit.upper)
    if isinstance(question, CountQuestion):
        return CountEstimate(int(np.count_nonzero(met)), samples, size, seed)
    (objective,) = asked.objectives
    if isinstance(question, RankQuestion):
        rows = bench.space.encode(question.architectures)
        own = bench.predict(rows, objective.metric, dtype="float64", threads=threads)
        scores = np.sort(objective.sign * values[objective.metric])
        better = (samples - np.searchsorted(scores, objective.sign * own, side="right")).astype(np.uint64)
        texts = tuple(asked.options["architectures"])
        found = RankEstimate(objective.metric, rows, texts, own, better, samples, size, seed)
        return found.of(question.architectures)
    kept = values[objective.metric][met]
    if not len(kept):
        raise SearchError(f"none of {samples} samples meets the constraints; take more")
    counts, edges = np.histogram(kept, asked.options["bins"])
    return DistributionEstimate(
        objective.metric,
        bench.metrics[objective.metric].unit,
        edges,
        counts.astype(np.uint64),
        mean_estimate(float(kept.mean()), float(kept.var()), len(kept)),
        float(kept.var()),
        samples,
        size,
        seed,
    )


_ESTIMATED = (CountQuestion, RankQuestion, DistributionQuestion)
