"""What a metric's landscape is like, where neighbours differ in exactly one variable."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.arguments import MOST_SAMPLES, check_seed, check_whole
from accelnas.errors import MetricError, ModelError, SpaceError
from accelnas.models.intervals import Estimate, Z, mean_estimate, share_estimate
from accelnas.notebook import Table, Tabled
from accelnas.plots.models import draw_autocorrelation
from accelnas.plots.style import Plotted
from accelnas.space.definition import require_product

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from accelnas import _core
    from accelnas.models.predictor import Predictor
    from accelnas.space import Architectures, Space

__all__ = ["Neighbourhood", "neighbourhood"]

_STEPS = 20  # of the autocorrelation
_ROUNDING = 1e-9  # standard deviations that sums of tables may differ by and be equal


@dataclass(frozen=True, eq=False)  # arrays have no single truth value
class Neighbourhood(Plotted, Tabled):
    """Statistics of a metric's landscape; neighbours differ in exactly one variable.

    Attributes
    ----------
    metric, link, direction : str
        The metric, its scale, and whether more (``"maximise"``) or less is better.
    starts, samples, seed : int
        What it was computed with.
    autocorrelation : float64 array (20,)
        Exact correlation, on the scale of the link, of a uniform architecture and the one that 1, 2, … 20
        steps of a random walk lead to (Weinberger 1990). A step draws a variable of two choices or more,
        then another choice of it.
    correlation_length : float
        ``-1 / log(abs(autocorrelation[0]))``: the steps in which an exponential decay loses a factor e.
    optima : uint8 array (n, variables)
        The distinct local optima that the climbs reached, best first: choice indices. A climb moves to the best
        neighbour, the first of equals, until none is strictly better; of a plateau's architectures each is its own.
    values : float64 array (n,)
        The metric's value of each, as ``Benchmark.predict(dtype="float64")`` gives it.
    counts : int64 array (n,)
        Number of starts that reached each.
    steps : Estimate
        Mean number of moves of a climb.
    best_share : Estimate
        Share of the space from which climbs reach the best of these optima.
    unseen_share : Estimate
        Share of the space from which climbs reach none of these optima (Good 1953). The interval holds
        whatever the landscape.
    optima_estimate : Estimate
        Chao's (1987) lower bound of the number of local optima that climbs can reach. Its interval says little
        where no optimum was reached twice.
    optimum : uint8 array (variables,)
        The architecture that distances are measured to.
    optimum_value : float
        Its value.
    optimum_is_given : bool
        Whether the caller chose it; else it is the best of `optima`.
    pearson, spearman : Estimate
        Correlation of the metric's value and the number of variables that differ from `optimum` (Jones &
        Forrest 1995). Climbing is easy near -1 where the metric is maximised, near 1 where it is minimised.
    neutrality : Estimate
        Share of neighbours, drawn as for the autocorrelation, with exactly the same float64 value.
    neutrality_rounded : Estimate
        Share that differs by no more than 1e-9 standard deviations of the metric, which is more than sums
        round by: values that the source model makes equal may differ in their last digits.

    Notes
    -----
    Autocorrelations follow from the variances of all interactions, see `Importances`. A step of variable i multiplies
    an interaction S that holds it by ``-1 / (n_i - 1)`` on average, as its part of the metric has zero mean
    over the n_i choices; of V variables with a choice the step draws one, so it multiplies S by
    ``1 - sum(n_i / (n_i - 1) for i in S) / V``, an eigenvalue of the graph (Stadler 1996).

    Intervals are Wilson's for shares, Fisher's for `pearson` and that of Bonett & Wright (2000) for
    `spearman`, which assume large samples; a normal one for `steps`; Chao's log-normal one. For `unseen_share`
    the upper end is Chernoff's bound of the share that the first half of the starts left unseen, tested on the
    second half; the lower end is that of McAllester & Ortiz (2003) with the deviation of Good's estimate (McDiarmid).

    Examples
    --------
    >>> import accelnas
    >>> found = accelnas.load().neighbourhood("macs", starts=100, samples=1000)
    >>> len(found.values), found.best_share.value  # one optimum, the smallest network
    (1, 1.0)
    >>> bool(found.optima.any())
    False
    """

    metric: str
    link: str
    direction: str
    starts: int
    samples: int
    seed: int
    autocorrelation: NDArray[np.float64]
    correlation_length: float
    optima: NDArray[np.uint8]
    values: NDArray[np.float64]
    counts: NDArray[np.int64]
    steps: Estimate
    best_share: Estimate
    unseen_share: Estimate
    optima_estimate: Estimate
    optimum: NDArray[np.uint8]
    optimum_value: float
    optimum_is_given: bool
    pearson: Estimate
    spearman: Estimate
    neutrality: Estimate
    neutrality_rounded: Estimate

    @property
    def estimates(self) -> dict[str, Estimate]:
        """What is sampled, by its attribute's name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Estimate)}

    def _draw(self, axes: Axes) -> None:
        draw_autocorrelation(axes, self.metric, self.autocorrelation, self.correlation_length)

    def _caption(self) -> str:
        return f"Neighbourhood of {self.metric}: {len(self.values)} local optima from {self.starts:,} starts"

    def _table(self) -> Table:
        exact = {"autocorrelation": float(self.autocorrelation[0]), "correlation_length": self.correlation_length}
        rows: list[tuple[Any, ...]] = [*((name, value, None, None) for name, value in exact.items())]
        rows += [(name, e.value, e.lower, e.upper) for name, e in self.estimates.items()]
        return Table(("", "value", "at least", "at most"), rows, len(rows))


def neighbourhood(
    bench: Predictor,
    surrogate: _core.Surrogate,
    metric: str,
    starts: int,
    samples: int,
    optimum: Architectures | None,
    seed: int,
    threads: int | None,
) -> Neighbourhood:
    """Explore the landscape of a surrogate's metric; see `Benchmark.neighbourhood`.

    Raises
    ------
    MetricError
        If a number is out of range, or the metric has no landscape.
    SpaceError
        If `optimum` is not one architecture of the space, or the space has rules.
    """
    require_product(bench.space, "autocorrelations and local optima are")
    starts = check_whole("starts", starts, 2, MOST_SAMPLES)
    samples = check_whole("samples", samples, 10, MOST_SAMPLES)
    seed = check_seed(seed)
    space = bench.space
    target = None if optimum is None else _one(space, optimum)
    # one stream: its first rows to climb from, the others for what is sampled
    rows = space.sample(starts + samples, seed, threads=threads)
    try:
        autocorrelation = _autocorrelation(surrogate, space, metric)
        optima, values, reached, steps = bench._core.climb(rows[:starts], bench._core.position(metric), threads)
    except ModelError as error:
        raise MetricError(f"{metric} has no exact neighbourhood: {str(error).removeprefix('model: ')}") from error
    target = optima[0].copy() if target is None else target
    counts = np.bincount(reached)

    def predicted(archs: NDArray[np.uint8]) -> NDArray[np.float64]:
        return np.asarray(bench.predict(archs, metric, dtype="float64", threads=threads), np.float64)

    sampled = predicted(rows[starts:])
    pearson, spearman = _correlations(metric, sampled, np.count_nonzero(rows[starts:] != target, axis=1))
    differences = np.abs(predicted(space._core.random_neighbours(rows[starts:], seed)) - sampled)
    return Neighbourhood(
        metric=metric,
        link=bench.metrics[metric].link,
        direction=bench.metrics[metric].direction,
        starts=int(starts),
        samples=int(samples),
        seed=int(seed),
        autocorrelation=autocorrelation,
        correlation_length=_correlation_length(float(autocorrelation[0])),
        optima=optima,
        values=values,
        counts=counts,
        steps=mean_estimate(float(steps.mean()), float(steps.var()), len(steps)),
        best_share=share_estimate(int(counts[0]), starts),
        unseen_share=_unseen_share(reached),
        optima_estimate=_chao1(counts),
        optimum=target,
        optimum_value=float(predicted(target[None])[0]),
        optimum_is_given=optimum is not None,
        pearson=pearson,
        spearman=spearman,
        neutrality=share_estimate(int(np.count_nonzero(differences == 0)), samples),
        neutrality_rounded=share_estimate(int(np.count_nonzero(differences <= _ROUNDING * sampled.std())), samples),
    )


def _one(space: Space, arch: Architectures) -> NDArray[np.uint8]:
    rows = space.encode(arch)
    if len(rows) != 1:
        raise SpaceError(f"optimum is one architecture, got {len(rows)}; choose one of them")
    space.check(rows)
    row: NDArray[np.uint8] = rows[0].copy()
    return row


def _autocorrelation(surrogate: _core.Surrogate, space: Space, metric: str) -> NDArray[np.float64]:
    """Correlation of an architecture and the one that 1, 2, … steps of a random walk lead to."""
    found = surrogate.variances()
    if found is None:
        raise MetricError(
            f"{metric} has more than 2^20 interactions, which autocorrelations follow from; choose another"
        )
    sets, variances = found
    own = variances[:, 0]  # of the members' mean
    if own.sum() <= 0:
        raise MetricError(f"{metric} is the same for all architectures and has no landscape; choose another metric")
    cards = np.array([len(variable.states) for variable in space.variables], np.float64)
    losses = np.divide(cards, cards - 1, out=np.zeros_like(cards), where=cards > 1) / np.count_nonzero(cards > 1)
    factors = np.array([1 - losses[some].sum() for some in sets])
    correlations: NDArray[np.float64] = factors ** np.arange(1, _STEPS + 1)[:, None] @ (own / own.sum())
    return correlations


def _correlation_length(correlation: float) -> float:
    if abs(correlation) in (0.0, 1.0):
        return math.inf if correlation else 0.0
    return -1 / math.log(abs(correlation))


def _unseen_share(reached: NDArray[np.int64]) -> Estimate:
    """Probability that one more start reaches an optimum that none has reached, with both ends at 97.5 %."""
    n, log = len(reached), math.log(2 / 0.025)
    share = int(np.count_nonzero(np.bincount(reached) == 1)) / n
    # that Good's estimate is too high, that the unseen share is too low, and how much they differ on average
    lower = share - math.sqrt(2 * log / n) - math.sqrt(2 * log / (math.e * n)) - 1 / n
    first, second = np.split(reached, [n // 2])
    upper = _chernoff(int(np.count_nonzero(~np.isin(second, first))) / len(second), math.log(1 / 0.025) / len(second))
    return Estimate(share, max(0.0, lower), max(share, upper))


def _chernoff(share: float, limit: float) -> float:
    """Largest probability whose relative entropy to an observed share is within a limit, by bisection."""

    def entropy(p: float) -> float:
        terms = ((share, p), (1 - share, 1 - p))
        return sum(a * math.log(a / b) for a, b in terms if a > 0)

    inside, outside = share, 1.0
    while (middle := (inside + outside) / 2) not in (inside, outside):
        inside, outside = (middle, outside) if entropy(middle) <= limit else (inside, middle)
    return outside


def _chao1(counts: NDArray[np.int64]) -> Estimate:
    """Chao's lower bound of the number of classes, from how many were seen, seen once and seen twice."""
    n, seen = int(counts.sum()), len(counts)
    once, twice = int(np.count_nonzero(counts == 1)), int(np.count_nonzero(counts == 2))
    a = (n - 1) / n
    if twice > 0 and once > 0:
        ratio = once / twice
        unseen = a * once * ratio / 2
        variance = twice * (a * ratio**2 / 2 + a**2 * ratio**3 + a**2 * ratio**4 / 4)
    elif once > 1:
        unseen = a * once * (once - 1) / 2
        variance = a * once * (once - 1) / 2 + a**2 * once * (2 * once - 1) ** 2 / 4
        variance -= a**2 * once**4 / (4 * (seen + unseen))
    else:  # no sign of more: from the chance that one seen so often had been missed
        missed = np.exp(-counts.astype(np.float64))
        deviation = math.sqrt(float((missed - missed**2).sum() - (counts * missed).sum() ** 2 / n))
        ends = [(seen + sign * Z * deviation) / (1 - float(missed.mean())) for sign in (-1, 1)]
        return Estimate(float(seen), max(float(seen), ends[0]), ends[1])
    factor = math.exp(Z * math.sqrt(math.log(1 + variance / unseen**2)))
    return Estimate(seen + unseen, seen + unseen / factor, seen + unseen * factor)


def _correlations(metric: str, values: NDArray[np.float64], distances: NDArray[np.intp]) -> tuple[Estimate, Estimate]:
    """Pearson's and Spearman's correlation of values and distances."""
    for what, numbers in ((f"a {metric}", values), ("a distance to the optimum", distances)):
        if numbers.min() == numbers.max():
            raise MetricError(
                f"all {len(values)} samples have {what} of {numbers[0]}, which nothing correlates with; take more"
            )
    deviation = 1 / math.sqrt(len(values) - 3)
    pearson = _pearson(values, distances)
    spearman = _pearson(_ranks(values), _ranks(distances))
    return _fisher(pearson, deviation), _fisher(spearman, deviation * math.sqrt(1 + spearman**2 / 2))


def _ranks(numbers: NDArray[Any]) -> NDArray[np.float64]:
    """Ranks, equal numbers sharing the mean of theirs."""
    _, inverse, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return ranks


def _pearson(x: NDArray[Any], y: NDArray[Any]) -> float:
    return float(np.clip(np.corrcoef(x, y)[0, 1], -1.0, 1.0))


def _fisher(correlation: float, deviation: float) -> Estimate:
    """Correlation with the interval that its inverse hyperbolic tangent has for a standard deviation."""
    if abs(correlation) == 1:
        return Estimate(correlation, correlation, correlation)
    z = math.atanh(correlation)
    return Estimate(correlation, math.tanh(z - Z * deviation), math.tanh(z + Z * deviation))
