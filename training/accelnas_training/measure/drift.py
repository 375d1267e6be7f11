"""How a device's speed changed while it was measured, seen by networks that are measured again and again."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from accelnas_training.arrays import Floats


@dataclass(frozen=True, eq=False)
class Drift:
    """By which factor a device was slower than usual, over time.

    Examples
    --------
    >>> drift = Drift(np.array([0.0, 10.0]), np.log([1.0, 1.21]), 0.1, 0.0)
    >>> drift.factor(np.array([5.0, 20.0])).round(3).tolist()
    [1.1, 1.21]
    """

    times: Floats  # of each occasion, seconds since 1970, float64 (occasions,), ascending
    # natural logarithm of the factor at each occasion, float64 (occasions,); between them it is interpolated, before
    # and after them it stays as it is there
    logarithms: Floats
    # spread of a reference network's latency over occasions, as a share: as measured, and corrected by what the
    # *other* references say, so that it is no praise of itself. NaN with fewer than two references or occasions
    before: float
    after: float

    def factor(self, times: Floats) -> Floats:
        """Give the factor at some times, seconds since 1970: a latency divided by it is as usual."""
        if len(self.times) == 0:
            return np.ones(np.shape(times))
        factors: Floats = np.exp(np.interp(times, self.times, self.logarithms))
        return factors


NO_DRIFT = Drift(np.empty(0), np.empty(0), np.nan, np.nan)


def estimate(times: Floats, latencies: Floats) -> Drift:
    """Estimate drift from references; none at all (`NO_DRIFT`) with fewer than two references or occasions.

    On each occasion all references are some factor slower or faster than they usually are: the median of their
    logarithmic differences from their own medians. Where references disagree as much as occasions differ, that is noise
    and no drift; so the factor's logarithm is shrunk by the share of its variance that disagreement explains. Times are
    seconds since 1970, latencies in any unit, both float64 (references, occasions); NaN where there is none.

    Examples
    --------
    >>> usual, slower = np.array([[2.0], [3.0], [5.0]]), np.array([1.0, 1.0, 1.0, 1.2, 1.2])
    >>> drift = estimate(np.arange(5.0) * np.ones((3, 1)), usual * slower)
    >>> drift.factor(np.array([0.0, 4.0])).round(3).tolist(), round(drift.after, 3)
    ([1.0, 1.2], 0.0)
    """
    seen = ~np.isnan(latencies)
    networks, occasions = seen.any(axis=1), seen.any(axis=0)
    if networks.sum() < 2 or occasions.sum() < 2:
        return NO_DRIFT
    times, logarithms = times[networks][:, occasions], np.log(latencies[networks][:, occasions])
    differences = logarithms - _over(np.nanmedian, logarithms, axis=1, keepdims=True)
    drift = _shrunk(differences)
    before, after = [], []
    for one in range(len(differences)):
        rest = _shrunk(np.delete(differences, one, axis=0))
        before.append(np.nanvar(differences[one]))
        after.append(np.nanvar(differences[one] - rest))
    at = _over(np.nanmedian, times, axis=0)
    order = np.argsort(at)
    return Drift(at[order], drift[order], float(np.sqrt(np.mean(before))), float(np.sqrt(np.mean(after))))


def _shrunk(differences: Floats) -> Floats:
    """Give the drift of each occasion from differences (references, occasions); 0 where no reference was measured."""
    drift = np.nan_to_num(_over(np.nanmedian, differences, axis=0))
    count = len(differences)
    if count < 2:
        return drift
    disagreement = float(np.nanmean((differences - drift) ** 2)) / (count - 1)  # variance of their mean
    seen = float(np.var(drift))
    return drift * max(0.0, 1 - disagreement / seen) if seen > 0 else drift


def _over(function: Any, values: Floats, **how: Any) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # occasions without any reference give NaN
        reduced: Floats = function(values, **how)
    return reduced
