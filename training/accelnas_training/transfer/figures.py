"""Figures of merit of predicted times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Agreement", "agreement"]


@dataclass(frozen=True)
class Agreement:
    """How well predictions agree with measurements.

    Attributes
    ----------
    r2, tau
        Coefficient of determination and Kendall's tau-b.
    rmse
        Root mean square error, in the values' unit.
    mape
        Mean absolute error as a percentage of the measurement.
    """

    r2: float
    tau: float
    rmse: float
    mape: float


def agreement(measured: Floats, predicted: Floats) -> Agreement:
    """Compare predictions with measurements, float64 (n,), n at least 2, measured values above 0.

    Examples
    --------
    >>> agreement(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 5.0])).mape.__round__(2)
    8.33
    """
    from scipy.stats import kendalltau

    error = predicted - measured
    spread = float(np.square(measured - measured.mean()).sum())
    return Agreement(
        r2=1.0 - float(error @ error) / spread if spread else np.nan,
        tau=float(kendalltau(measured, predicted).statistic),
        rmse=float(np.sqrt(np.square(error).mean())),
        mape=100.0 * float(np.abs(error / measured).mean()),
    )
