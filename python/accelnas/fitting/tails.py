"""Tails of errors: Student's t in place of the normal distribution, where errors say so clearly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import gammaln, ndtri, stdtrit

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["TAILS", "central_size", "heavy_tails", "log_density"]

TAILS = ("likelihood", "normal")
"""What settings may say of errors: a Student's t where the likelihood says so, or normal ones in any case."""
CANDIDATES = np.round(np.geomspace(2.5, 40.0, 25), 1)
"""Degrees of freedom that are tried: a grid, so that last bits seldom matter. Beyond 40, errors are all but normal."""


def central_size(level: float, freedom: float | None) -> float:
    """Give how many standard deviations a central interval reaches to either side.

    Parameters
    ----------
    level : float
        Probability inside, above 0 and below 1.
    freedom : float or None
        Degrees of freedom of Student's t, above 2; None for the normal distribution.

    Examples
    --------
    >>> round(central_size(0.95, None), 4), round(central_size(0.95, 3.0), 4), round(central_size(0.5, 3.0), 4)
    (1.96, 1.8374, 0.4416)
    """
    if freedom is None:
        return float(ndtri(0.5 + level / 2))
    return float(stdtrit(freedom, 0.5 + level / 2)) * math.sqrt((freedom - 2) / freedom)


def log_density(scores: Floats, freedom: float | None) -> Floats:
    """Give the logarithm of the density of errors in standard deviations, float64 (n,); `freedom` as `central_size`."""
    if freedom is None:
        return np.asarray(-0.5 * (np.square(scores) + math.log(2 * math.pi)))
    constant = gammaln((freedom + 1) / 2) - gammaln(freedom / 2) - 0.5 * math.log(math.pi * (freedom - 2))
    return np.asarray(constant - (freedom + 1) / 2 * np.log1p(np.square(scores) / (freedom - 2)))


def heavy_tails(error: Floats, deviation: Callable[[float], Floats], bounds: tuple[float, float]) -> float | None:
    """Fit the degrees of freedom of Student's t to errors by maximum likelihood.

    Parameters
    ----------
    error : float64 array (n,)
        Errors of rows left out; their signs make no difference.
    deviation : callable
        Gives their standard deviations, float64 (n,) above 0, at a level, which is fitted along.
    bounds : tuple of float
        Least and greatest level, above 0.

    Returns
    -------
    float or None
        One of `CANDIDATES`. None, for normal errors, unless the likelihood gains so much that the Bayesian information
        criterion (Schwarz 1978) pays for one more parameter.
    """
    if not error.any():
        return None
    normal = _likelihood(error, deviation, bounds, None)
    found = [_likelihood(error, deviation, bounds, freedom) for freedom in CANDIDATES.tolist()]
    best = int(np.argmax(found))
    return float(CANDIDATES[best]) if 2 * (found[best] - normal) > math.log(len(error)) else None


def _likelihood(
    error: Floats, deviation: Callable[[float], Floats], bounds: tuple[float, float], freedom: float | None
) -> float:
    """Give the largest logarithm of the likelihood over all levels."""

    def loss(logarithm: float) -> float:
        total = deviation(math.exp(logarithm))
        return float(np.log(total).sum() - log_density(error / total, freedom).sum())

    least, greatest = bounds
    found = minimize_scalar(loss, bounds=(math.log(least), math.log(greatest)), method="bounded")
    return -float(found.fun)
