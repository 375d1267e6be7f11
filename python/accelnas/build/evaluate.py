"""Figures of merit of predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelnas.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Figures", "evaluate"]


@dataclass(frozen=True)
class Figures:
    """How well predictions agree with measurements.

    Attributes
    ----------
    rows
        Number of measurements compared.
    r2
        Coefficient of determination; NaN if all measurements are equal.
    tau
        Kendall's rank correlation (tau-b).
    mae, rmse
        Mean absolute and root mean square error, in the metric's unit.
    """

    rows: int
    r2: float
    tau: float
    mae: float
    rmse: float


def evaluate(measured: NDArray[np.float64], predicted: NDArray[np.float64]) -> Figures:
    """Compare predictions with measurements.

    Parameters
    ----------
    measured, predicted
        float64 (n,), in the metric's unit; rows with a NaN measurement are left out.

    Raises
    ------
    DataError
        If fewer than two measurements are left.

    Examples
    --------
    >>> import numpy as np
    >>> evaluate(np.array([1.0, 2.0, np.nan, 4.0]), np.array([1.0, 2.5, 9.0, 4.0]))
    Figures(rows=3, r2=0.946..., tau=1.0..., mae=0.166..., rmse=0.288...)
    """
    from scipy.stats import kendalltau

    known = ~np.isnan(measured)
    if known.sum() < 2:
        raise DataError(f"{known.sum()} measurements to compare with; at least 2 are needed")
    measured, predicted = measured[known], predicted[known]
    error = measured - predicted
    spread = float(np.square(measured - measured.mean()).sum())
    return Figures(
        rows=len(measured),
        r2=1.0 - float(error @ error) / spread if spread else np.nan,
        tau=float(kendalltau(measured, predicted).statistic),
        mae=float(np.abs(error).mean()),
        rmse=float(np.sqrt(np.square(error).mean())),
    )
