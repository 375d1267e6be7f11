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


def time_passes(
    once: Callable[[], float], rule: Timing, beside: Callable[[], float] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Run passes until there are enough of them and they took long enough.

    Parameters
    ----------
    once
        Runs one pass and gives its seconds.
    rule
        The protocol's.
    beside
        The same for a reference, after each pass; its time counts like the others'.

    Returns
    -------
    seconds, reference : float64 (passes,), and the same or None
        Of each pass, and of the reference's.
    """
    seconds: list[float] = []
    reference: list[float] = []
    total = 0.0
    while len(seconds) < rule.passes or total < rule.seconds:
        seconds.append(once())
        total += seconds[-1]
        if beside is not None:
            reference.append(beside())
            total += reference[-1]
    return np.array(seconds), np.array(reference) if reference else None


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


def summary(
    seconds: NDArray[np.float64],
    batch: int,
    outlier: float,
    warm_up: int,
    reference: NDArray[np.float64] | None = None,
) -> Measurement:
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
    reference
        Seconds of the reference's passes, float64 (passes,); outliers are then those of the ratios.

    Examples
    --------
    >>> measured = summary(np.array([0.01, 0.01, 0.01, 0.01, 0.05]), batch=2, outlier=4.0, warm_up=6)
    >>> measured.latency_ms, measured.throughput, measured.outliers
    (10.0, 200.0, 1)
    """
    beside = np.ones(len(seconds)) if reference is None else reference
    is_in = is_kept(seconds / beside, outlier)
    kept, mean = seconds[is_in], float(seconds[is_in].mean())
    steady = kept / beside[is_in] * float(beside[is_in].mean())  # as they were, had the reference's been alike
    several = len(kept) > 1
    return Measurement(
        latency_ms=1e3 * mean,
        latency_std_ms=1e3 * float(steady.std(ddof=1)) if several else math.nan,
        latency_median_ms=1e3 * float(np.median(seconds)),
        throughput=batch / mean,
        throughput_std=float((batch / steady).std(ddof=1)) if several else math.nan,
        passes=len(seconds),
        outliers=len(seconds) - len(kept),
        warm_up=warm_up,
        reference_ms=math.nan if reference is None else 1e3 * float(reference[is_in].mean()),
    )
