"""Noise with heavy tails: a Student's t by weights of rows, so that outliers do not ruin what is said of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accelnas.fitting.anova.process import GaussianProcess
from accelnas.fitting.tails import heavy_tails

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["robust"]

ROUNDS = 3  # of expectation and maximisation; they begin with errors of rows left out, which no outlier pulls
PARTS = 10  # left out in turn
LEVELS = 0.02, 50.0  # of errors, in deviations that a process states


def robust(process: GaussianProcess) -> GaussianProcess:
    """Give a process whose noise has a Student's t, where that is better; else the same one.

    It is tried where the errors of rows left out have heavy tails, as `heavy_tails` says, and taken if it makes their
    mean absolute error smaller. Weights know all rows, those that are left out, too, but for the prediction of a row
    its own weight makes no difference.

    Parameters
    ----------
    process : GaussianProcess
        With the noise that was learned, of which no row has more than others.

    Returns
    -------
    GaussianProcess
        With the same parameters; outlying rows have more noise.

    Raises
    ------
    ModelError
        If the covariance matrix is not positive definite.
    """
    parts = [np.arange(first, len(process.targets), PARTS) for first in range(PARTS)]
    mean, variance = process.left_out(parts)
    error, deviation = np.abs(process.targets - mean), np.sqrt(variance)
    freedom = heavy_tails(error, lambda level: level * deviation, LEVELS)
    if freedom is None:
        return process
    other = reweighted(process, freedom)
    return other if np.abs(other.targets - other.left_out(parts)[0]).mean() < error.mean() else process


def reweighted(process: GaussianProcess, freedom: float) -> GaussianProcess:
    """Give a process whose noise has a Student's t of so many degrees of freedom, above 0.

    Such noise is normal with a variance of s² / w, and w of a gamma distribution. Expectation and maximisation (Lange,
    Little and Taylor 1989) give each row its expected weight w, and all of them one s².
    """
    rows = [np.array([row]) for row in range(len(process.targets))]
    mean, variance = process.left_out(rows)
    weights = _weights(freedom, np.square(process.targets - mean) / variance)
    scale = process.noise
    for _ in range(ROUNDS):
        process = GaussianProcess(process.kernel, process.theta, process.choices, process.targets, scale / weights)
        square = process.squared_misses()
        weights = _weights(freedom, square / scale)
        scale = np.full(len(rows), np.mean(weights * square))
    return GaussianProcess(process.kernel, process.theta, process.choices, process.targets, scale / weights)


def _weights(freedom: float, squares: Floats) -> Floats:
    """Give expected weights of rows with such squared errors, in s²."""
    return np.asarray((freedom + 1) / (freedom + squares))
