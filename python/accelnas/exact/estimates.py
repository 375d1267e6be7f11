"""Estimates from random architectures, with 95 % intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelnas.benchmark.measurements import unpack
from accelnas.exact.distribution import quantile_bin
from accelnas.models.intervals import order_statistics, share_interval
from accelnas.models.neighbourhood import Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accelnas.benchmark import Values
    from accelnas.exact.certificate import Certificate
    from accelnas.space import Architectures

__all__ = ["CountEstimate", "DistributionEstimate", "RankEstimate", "mean_estimate"]

_Z = 1.959963984540054  # the normal distribution's quantile at 0.975


@dataclass(frozen=True, repr=False)
class CountEstimate:
    """How many architectures meet constraints, estimated; nothing is proven.

    Attributes
    ----------
    met : int
        Random architectures that do.
    samples : int
        Random architectures, drawn with repetition.
    size : int
        Architectures of the (sub)space.
    certificate : Certificate
        What was drawn, so that it can be drawn again.
    """

    met: int
    samples: int
    size: int
    certificate: Certificate

    @property
    def fraction(self) -> Estimate:
        """Part of the architectures, 0 to 1, with the interval of Clopper and Pearson."""
        return Estimate(self.met / self.samples, *share_interval(self.met, self.samples))

    @property
    def count(self) -> Estimate:
        """Number of architectures, with the interval of Clopper and Pearson."""
        found = self.fraction
        return Estimate(found.value * self.size, found.lower * self.size, found.upper * self.size)

    def __repr__(self) -> str:
        found = self.count
        return f"<CountEstimate: about {found.value:,.0f} of {self.size:,}, {found.lower:,.0f} to {found.upper:,.0f}>"


@dataclass(frozen=True, repr=False, eq=False)
class RankEstimate:
    """Ranks of architectures, estimated; scalars where one architecture was asked for.

    Attributes
    ----------
    metric : str
        The metric; its direction says what is better.
    values : float64 array (n,)
        The metric's values, in its unit.
    better : uint64 array (n,)
        Random architectures that are better.
    samples : int
        Random architectures, drawn with repetition.
    size : int
        Architectures of the (sub)space.
    certificate : Certificate
        What was drawn, so that it can be drawn again.
    """

    metric: str
    values: Values
    better: Values
    samples: int
    size: int
    certificate: Certificate

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
        return RankEstimate(self.metric, values, better, self.samples, self.size, self.certificate)


@dataclass(frozen=True, repr=False, eq=False)
class DistributionEstimate:
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
    certificate : Certificate
        What was drawn, so that it can be drawn again.
    """

    metric: str
    unit: str
    edges: NDArray[np.float64]
    counts: NDArray[np.uint64]
    mean: Estimate
    variance: float
    samples: int
    size: int
    certificate: Certificate

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

    def __repr__(self) -> str:
        return f"<DistributionEstimate: {self.metric} of {self.size:,} architectures from {self.total:,} samples>"


def mean_estimate(mean: float, variance: float, n: int) -> Estimate:
    """Give a mean with a normal interval."""
    margin = _Z * math.sqrt(variance / (n - 1)) if n > 1 else math.inf
    return Estimate(mean, mean - margin, mean + margin)
