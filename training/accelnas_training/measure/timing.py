"""Warm up until steady, time passes, leave outliers out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from accelnas_training.measure.measurement import Measurement

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from accelnas_training.measure.protocol import Timing

__all__ = ["is_kept", "summary", "time_passes", "warm_up"]

_NORMAL = 1.4826  # a normal distribution's standard deviation, in median absolute deviations


def warm_up(once: Callable[[], float], rule: Timing) -> int:
    """Run passes until they are steady, as `rule` defines it, and give their number.

    Parameters
    ----------
    once
        Runs one pass and gives its seconds.
    rule
        The protocol's.
    """
    seconds: list[float] = []
    total = 0.0
    while True:
        seconds.append(once())
        total += seconds[-1]
        if len(seconds) >= 2 * rule.warm_up:
            before, after = np.median(seconds[-2 * rule.warm_up : -rule.warm_up]), np.median(seconds[-rule.warm_up :])
            if abs(after - before) <= rule.steady * after:
                return len(seconds)
        if total >= rule.warm_up_seconds:
            return len(seconds)


def time_passes(once: Callable[[], float], rule: Timing) -> NDArray[np.float64]:
    """Run passes until there are enough of them and they took long enough; give their seconds, float64 (passes,)."""
    seconds: list[float] = []
    total = 0.0
    while len(seconds) < rule.passes or total < rule.seconds:
        seconds.append(once())
        total += seconds[-1]
    return np.array(seconds)


def is_kept(seconds: NDArray[np.float64], outlier: float) -> NDArray[np.bool_]:
    """Say which passes are no outliers, bool (passes,).

    Parameters
    ----------
    seconds
        Of each pass, float64 (passes,).
    outlier
        Largest distance from the median, in robust standard deviations; one less than a clock's tick in a thousand
        of the median counts as that.

    Examples
    --------
    >>> is_kept(np.array([1.0, 1.01, 0.99, 1.0, 3.0]), 4.0)
    array([ True,  True,  True,  True, False])
    """
    median = np.median(seconds)
    distance = np.abs(seconds - median)
    deviation = max(_NORMAL * float(np.median(distance)), 1e-3 * float(median))
    return distance <= outlier * deviation


def summary(seconds: NDArray[np.float64], batch: int, outlier: float, warm_up: int) -> Measurement:
    """Summarise passes of `batch` images each.

    Parameters
    ----------
    seconds
        Of each pass, float64 (passes,).
    batch
        Images of one pass.
    outlier
        As in `is_kept`.
    warm_up
        Passes before these.

    Examples
    --------
    >>> measured = summary(np.array([0.01, 0.01, 0.01, 0.01, 0.05]), batch=2, outlier=4.0, warm_up=6)
    >>> measured.latency_ms, measured.throughput, measured.outliers
    (10.0, 200.0, 1)
    """
    kept = seconds[is_kept(seconds, outlier)]
    deviation = float(kept.std(ddof=1)) if len(kept) > 1 else math.nan
    mean = float(kept.mean())
    return Measurement(
        latency_ms=1e3 * mean,
        latency_std_ms=1e3 * deviation,
        latency_median_ms=1e3 * float(np.median(seconds)),
        throughput=batch / mean,
        throughput_std=float((batch / kept).std(ddof=1)) if len(kept) > 1 else math.nan,
        passes=len(seconds),
        outliers=len(seconds) - len(kept),
        warm_up=warm_up,
    )
