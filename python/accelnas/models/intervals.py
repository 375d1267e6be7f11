"""Confidence intervals of shares and quantiles that hold for any sample size."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Estimate",
    "Z",
    "at_least",
    "incomplete_beta",
    "mean_estimate",
    "order_statistics",
    "share_estimate",
    "share_interval",
]

_TAIL = 0.025  # on either side of a 95 % interval
Z = 1.959963984540054  # the normal distribution's quantile at 0.975


@dataclass(frozen=True)
class Estimate:
    """An estimate and the ends of its 95 % interval."""

    value: float
    lower: float
    upper: float


@lru_cache(maxsize=4096)
def share_interval(count: int, n: int) -> tuple[float, float]:
    """Give the 95 % interval of Clopper & Pearson (1934) of a share, from `count` of `n` independent draws.

    It holds the true share with a probability of at least 95 %, whatever the share. Its ends are those shares
    at which so many, or so few, draws would have a probability of 2.5 %.

    Examples
    --------
    >>> [round(end, 4) for end in share_interval(0, 100)]
    [0.0, 0.0362]
    >>> [round(end, 4) for end in share_interval(40, 100)]
    [0.3033, 0.5028]
    """
    lower = 0.0 if count == 0 else _root(lambda p: at_least(count, n, p) - _TAIL)
    upper = 1.0 if count == n else _root(lambda p: at_least(count + 1, n, p) - (1 - _TAIL))
    return lower, upper


def share_estimate(count: int, n: int) -> Estimate:
    """Give a share and its interval, see `share_interval`."""
    return Estimate(count / n, *share_interval(count, n))


def mean_estimate(mean: float, variance: float, n: int) -> Estimate:
    """Give a mean with a normal interval, from the population variance of n draws."""
    margin = Z * math.sqrt(variance / (n - 1)) if n > 1 else math.inf
    return Estimate(mean, mean - margin, mean + margin)


def order_statistics(q: float, n: int) -> tuple[int, int]:
    """Give i and j so that the i-th and j-th smallest of n draws enclose the q-quantile with at least 95 %.

    An i of 0 or a j of n + 1 stands for an end that the draws do not bound.

    Examples
    --------
    >>> order_statistics(0.5, 100), order_statistics(0.001, 100)
    ((40, 61), (0, 2))
    """
    near = _near(q, n)
    # the i-th smallest is at most the quantile unless fewer than i draws are
    below = bisect_left(near, True, key=lambda i: 1 - at_least(i, n, q) > _TAIL)
    # the j-th smallest is at least the quantile unless j draws or more are below it
    above = bisect_left(near, True, key=lambda j: at_least(j, n, q) <= _TAIL)
    return near[below - 1] if below else 0, near[above] if above < len(near) else n + 1


def _near(q: float, n: int) -> range:
    """Numbers of draws among which the ends must be: six standard deviations around the mean."""
    spread = 6 * math.sqrt(n * q * (1 - q)) + 20
    return range(max(1, math.floor(n * q - spread)), min(n, math.ceil(n * q + spread)) + 1)


def at_least(count: int, n: int, p: float) -> float:
    """Probability of so many successes or more in n draws: a regularised incomplete beta function."""
    if count <= 0 or p >= 1:
        return 1.0
    if count > n or p <= 0:
        return 0.0
    return incomplete_beta(float(count), float(n - count + 1), p)


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function of parameters above 0 and an x of 0 to 1."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    log = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1) / (a + b + 2):
        return math.exp(log) * _fraction(a, b, x) / a
    return 1 - math.exp(log) * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    """Continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method."""
    numerator = 1.0
    denominator = 1 / (1 - (a + b) * x / (a + 1))
    value = denominator
    for m in range(1, 100_000):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            denominator = 1 / (1 + step * denominator)
            numerator = 1 + step / numerator
            value *= denominator * numerator
        if abs(denominator * numerator - 1) < 1e-15:
            break
    return value


def _root(rises: Callable[[float], float]) -> float:
    """Where a rising function of a probability becomes positive, by bisection."""
    lower, upper = 0.0, 1.0
    while (middle := (lower + upper) / 2) not in (lower, upper):
        lower, upper = (lower, middle) if rises(middle) > 0 else (middle, upper)
    return lower
