"""Kendall's tau of two rankings of the same models, and how sure it is."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from accelnas_training.arrays import Floats


LEAST_MODELS = 5  # whose order says something
LEVEL = 0.95  # share of intervals that hold the true value
RESAMPLES = 9_999
_NORMAL = NormalDist()


class Interval(NamedTuple):
    """A confidence interval; both ends are NaN where there is none."""

    low: float
    high: float


NO_INTERVAL = Interval(math.nan, math.nan)


def tau(first: Floats, second: Floats) -> float:
    """Give Kendall's tau-b of two sets of values, both float64 (n,).

    NaN is a failed training: it ranks below every number, and ties with other NaN. The result is NaN where one side
    has all values equal, or there are fewer than two.

    Examples
    --------
    >>> import numpy as np
    >>> round(tau(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])), 3)
    0.333
    >>> round(tau(np.array([1.0, 2.0, 3.0]), np.array([np.nan, 2.0, 3.0])), 3)
    1.0
    """
    return float(_tau_of_resamples(_signs(first), _signs(second), np.ones((1, len(first))))[0])


def interval_over_models(first: Floats, second: Floats, *, seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """Bootstrap tau, of float64 (n,) each, over models: how it would vary with other models of the same kind.

    Bias-corrected and accelerated (BCa); NaN for fewer than 3 models. Where all resamples agree, both ends are tau.

    Examples
    --------
    >>> import numpy as np
    >>> values = np.arange(20.0)
    >>> noisy = values + np.random.default_rng(0).normal(size=20)
    >>> low, high = interval_over_models(values, noisy)
    >>> low < tau(values, noisy) < high
    True
    """
    count = len(first)
    if count < 3:
        return NO_INTERVAL
    estimate = tau(first, second)
    if math.isnan(estimate):
        return NO_INTERVAL
    signs = _signs(first), _signs(second)
    generator = np.random.default_rng(seed)
    # a resample is how often each model occurs in it
    weights = generator.multinomial(count, np.full(count, 1 / count), size=resamples).astype(np.float64)
    found = _tau_of_resamples(*signs, weights)
    found = found[~np.isnan(found)]
    left_out = _tau_of_resamples(*signs, 1 - np.eye(count))
    away = np.nanmean(left_out) - left_out
    spread = float(np.nansum(away**2))
    if not found.size or spread < 1e-12:
        return Interval(estimate, estimate)
    acceleration = float(np.nansum(away**3)) / (6 * spread**1.5)
    below = (np.sum(found < estimate) + np.sum(found <= estimate)) / (2 * found.size)
    bias = _NORMAL.inv_cdf(float(np.clip(below, 0.5 / found.size, 1 - 0.5 / found.size)))
    normal = [bias + _NORMAL.inv_cdf(share) for share in ((1 - LEVEL) / 2, (1 + LEVEL) / 2)]
    low, high = np.quantile(found, [_NORMAL.cdf(bias + each / (1 - acceleration * each)) for each in normal])
    return Interval(float(low), float(high))


def interval_over_seeds(first: Floats, second: Floats, *, seed: int = 0, resamples: int = 999) -> Interval:
    """Bootstrap tau of the means over seeds, drawing models, and for each of them seeds.

    Both are float64 (n, seeds) of the same models; the numbers of seeds may differ. Gives percentiles, NaN for fewer
    than 3 models. A little low: the mean of seeds drawn again is noisier than the mean of the seeds.
    """
    count = len(first)
    if count < 3:
        return NO_INTERVAL
    generator = np.random.default_rng(seed)
    models = np.arange(count)[:, None]
    found = np.empty(resamples)
    for resample in range(resamples):
        drawn = (values[models, generator.integers(values.shape[1], size=values.shape)] for values in (first, second))
        one, other = (_signs(values.mean(axis=1)) for values in drawn)
        weights = generator.multinomial(count, np.full(count, 1 / count), size=1).astype(np.float64)
        found[resample] = _tau_of_resamples(one, other, weights)[0]
    low, high = np.nanquantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))


def interval_of_mean(values: Floats, *, seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """Bootstrap the mean of float64 (n,): percentiles; NaN for fewer than 3 values.

    Examples
    --------
    >>> import numpy as np
    >>> low, high = interval_of_mean(np.arange(9.0))
    >>> 1.5 < low < 4 < high < 6.5
    True
    """
    count = len(values)
    if count < 3:
        return NO_INTERVAL
    weights = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)
    low, high = np.quantile(weights @ values / count, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))


def _signs(values: Floats) -> Floats:
    """Compare each model with each: 1, 0 or -1, float64 (n, n)."""
    worst = np.min(values, where=~np.isnan(values), initial=np.inf) - 1
    ranked = np.where(np.isnan(values), worst if np.isfinite(worst) else 0.0, values)
    signs: Floats = np.sign(ranked[:, None] - ranked)
    return signs


def _tau_of_resamples(first: Floats, second: Floats, weights: Floats) -> Floats:
    """Give tau-b of each row of `weights` (resamples, n): how often each model counts."""

    def pairs(signs: Floats) -> Floats:
        counted: Floats = ((weights @ signs) * weights).sum(axis=1)
        return counted

    unequal = pairs(np.abs(first)) * pairs(np.abs(second))
    found = np.full(len(weights), np.nan)
    np.divide(pairs(first * second), np.sqrt(unequal), out=found, where=unequal > 0)
    return found
