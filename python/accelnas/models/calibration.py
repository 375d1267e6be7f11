"""How often standard deviations are right: on the errors that a benchmark keeps of measurements left out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from accelnas.errors import MetricError
from accelnas.models.intervals import incomplete_beta

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accelnas import _core

__all__ = ["LEVELS", "central_level", "observed_coverage"]

LEVELS = np.linspace(0.0, 1.0, 101)


def observed_coverage(bench: _core.Benchmark, metric: int) -> NDArray[np.float64]:
    """Give the share of left-out errors that lie inside the central interval of each of `LEVELS`, float64 (101,).

    Raises
    ------
    MetricError
        If the metric has no held-out errors.
    """
    found = bench.uncertainty(metric)
    if found is None or not len(found["scores"]):
        raise MetricError(f"metric {bench.metrics[metric][0]} has no held-out errors; choose a calibrated one")
    freedom = found["degrees_of_freedom"]
    levels = np.sort([central_level(score, freedom) for score in found["scores"].tolist()])
    shares: NDArray[np.float64] = np.searchsorted(levels, LEVELS, side="right") / len(levels)
    return shares


def central_level(size: float, freedom: float | None) -> float:
    """Give the probability of an error of at most so many standard deviations.

    Of normal errors, or of Student's t with so many degrees of freedom, above 2, and a standard deviation of 1.

    Examples
    --------
    >>> round(central_level(1.959964, None), 6), round(central_level(2.0, 4.0), 6)
    (0.95, 0.952579)
    """
    if freedom is None:
        return math.erf(size / math.sqrt(2))
    squared = size * size * freedom / (freedom - 2)
    return 1 - incomplete_beta(freedom / 2, 0.5, freedom / (freedom + squared))
