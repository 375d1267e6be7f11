"""How a metric is distributed over a space: exact counts, and what they prove of quantiles and moments."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.arguments import check_number
from accelnas.caching import cached_property
from accelnas.errors import SearchError
from accelnas.exact.result import Result
from accelnas.notebook import Table
from accelnas.plots.exact import QUANTILES, draw_distribution

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from accelnas.exact.certificate import Certificate

__all__ = ["Distribution", "Moment", "moment_bounds", "quantile_bin"]


@dataclass(frozen=True)
class Moment:
    """A moment and proven bounds of it.

    Attributes
    ----------
    value : float
        In closed form from the tables, up to the rounding of float64; else the middle of the bounds.
    lower, upper : float
        What the counts prove, wherever in their bins the values lie.
    is_closed_form : bool
        Whether the value is.
    """

    value: float
    lower: float
    upper: float
    is_closed_form: bool

    def __float__(self) -> float:
        return self.value


@dataclass(frozen=True, repr=False, eq=False)
class Distribution(Result):
    """Exact numbers of architectures by the value of a metric.

    Attributes
    ----------
    metric, unit : str
        The metric.
    edges : float64 array (bins + 1,)
        Ascending, in the unit; even on the scale of the metric's link. All values lie between the outermost.
    counts : uint64 array (bins,)
        Architectures with ``edges[i] <= value < edges[i + 1]`` that meet the constraints.
    size : int
        Architectures of the (sub)space.
    closed_form : tuple of two float, or None
        Mean and variance from the purified tables: of the whole space, without constraints, with link identity.
    certificate : Certificate
        What was proven, and all that it depends on.

    Examples
    --------
    >>> import accelnas
    >>> found = accelnas.load().distribution("peak_memory", bins=1000)
    >>> found.total, found.mean.lower <= found.mean.value <= found.mean.upper
    (104485552128, True)
    >>> lower, upper = found.quantile(0.5)
    >>> bool(found.cdf()[found.edges <= lower][-1] < 0.5 <= found.cdf()[found.edges >= upper][0])
    True
    """

    metric: str
    unit: str
    edges: NDArray[np.float64]
    counts: NDArray[np.uint64]
    size: int
    closed_form: tuple[float, float] | None
    certificate: Certificate

    @property
    def total(self) -> int:
        """Number of architectures that meet the constraints."""
        return sum(self.counts.tolist())

    def cdf(self) -> NDArray[np.float64]:
        """Give the part of these architectures whose value is below each edge, 0 to 1."""
        below = np.cumsum(np.append(np.uint64(0), self.counts))
        shares: NDArray[np.float64] = below / np.float64(max(self.total, 1))
        return shares

    def quantile(self, q: float) -> tuple[float, float]:
        """Give the edges that enclose a quantile.

        Parameters
        ----------
        q : float
            0 to 1. The quantile is the k-th smallest value, with k the integer above ``q * total``, at least 1:
            the smallest value that at least a part q of the architectures does not exceed.

        Returns
        -------
        tuple of float
            It is at least the first and below the second.

        Raises
        ------
        SearchError
            If q is out of range, or no architecture meets the constraints.
        """
        found = quantile_bin(self.counts.tolist(), q)
        return float(self.edges[found]), float(self.edges[found + 1])

    @property
    def mean(self) -> Moment:
        """Mean over the architectures that meet the constraints."""
        return self._moment(0)

    @property
    def variance(self) -> Moment:
        """Population variance over the architectures that meet the constraints."""
        return self._moment(1)

    @property
    def std(self) -> Moment:
        """Population standard deviation."""
        found = self.variance
        lower, upper = math.sqrt(found.lower), math.sqrt(found.upper)
        bounds = (max(0.0, math.nextafter(lower, -math.inf)), math.nextafter(upper, math.inf))
        middle = math.sqrt(found.value) if found.is_closed_form else (bounds[0] + bounds[1]) / 2
        return Moment(middle, *bounds, found.is_closed_form)

    def _moment(self, order: int) -> Moment:
        lower, upper = self._bounds[order]
        value = (lower + upper) / 2 if self.closed_form is None else self.closed_form[order]
        return Moment(value, lower, upper, self.closed_form is not None)

    @cached_property
    def _bounds(self) -> tuple[tuple[float, float], tuple[float, float]]:
        return moment_bounds(self.counts.tolist(), self.edges.tolist())

    def __repr__(self) -> str:
        of = "" if self.total == self.size else f" of {self.size:,}"
        return f"<Distribution: {self.metric} of {self.total:,}{of} architectures in {len(self.counts):,} bins>"

    def _quantiles(self) -> dict[float, tuple[float, float]]:
        """Give those that are shown; none where no architecture meets the constraints."""
        return {q: self.quantile(q) for q in QUANTILES} if self.total else {}

    def _table(self) -> Table:
        rows = [(f"{100 * q:g} %", *ends) for q, ends in self._quantiles().items()]
        return Table(("quantile", "at least", "below"), rows, len(rows))

    def columns(self) -> Mapping[str, Any]:
        """Give ``lower``, ``upper``, ``count``, and ``cdf`` at the upper edge, of each bin."""
        return {"lower": self.edges[:-1], "upper": self.edges[1:], "count": self.counts, "cdf": self.cdf()[1:]}

    def _draw(self, axes: Axes) -> None:
        draw_distribution(axes, self._label(self.metric), self.edges, self.counts, self._quantiles())


def quantile_bin(counts: Sequence[int], q: float) -> int:
    """Give the bin that the k-th smallest lies in; see `Distribution.quantile`."""
    total = sum(counts)
    q = check_number("q", q, 0, 1)
    if total == 0:
        raise SearchError("no architecture meets the constraints, so there is no quantile; change the constraints")
    wanted = max(1, math.ceil(Fraction(q) * total))
    return next(i for i, below in enumerate(accumulate(counts)) if below >= wanted)


def moment_bounds(counts: Sequence[int], edges: Sequence[float]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Give the least and greatest mean and variance of values of which so many lie between edges.

    In rational numbers, rounded outwards at the end. With c the middle of the bounds of the mean m,
    the variance is the mean of ``(x - c) ** 2`` less ``(m - c) ** 2``.

    Raises
    ------
    SearchError
        If there are no values.
    """
    total = sum(counts)
    if total == 0:
        raise SearchError("no architecture meets the constraints, so there are no moments; change the constraints")
    bins = [(n, Fraction(a), Fraction(b)) for n, a, b in zip(counts, edges[:-1], edges[1:], strict=True) if n]
    lowest = sum((n * a for n, a, _ in bins), Fraction(0)) / total
    highest = sum((n * b for n, _, b in bins), Fraction(0)) / total
    centre = (lowest + highest) / 2
    nearest = sum((n * max(a - centre, centre - b, Fraction(0)) ** 2 for n, a, b in bins), Fraction(0)) / total
    farthest = sum((n * max(b - centre, centre - a) ** 2 for n, a, b in bins), Fraction(0)) / total
    least = max(nearest - ((highest - lowest) / 2) ** 2, Fraction(0))
    return _outwards(lowest, highest), (max(0.0, _outwards(least, least)[0]), _outwards(farthest, farthest)[1])


def _outwards(lower: Fraction, upper: Fraction) -> tuple[float, float]:
    return math.nextafter(_float(lower), -math.inf), math.nextafter(_float(upper), math.inf)


def _float(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
