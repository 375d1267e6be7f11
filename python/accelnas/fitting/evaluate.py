"""Figures of merit of predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelnas.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

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
    tau_2, tau_1
        Kendall's tau of the predictions rounded to 2 decimals, and to 1, of the unit.
    spearman
        Spearman's rank correlation.
    overlap_10, overlap_50
        Share of the 10 (50) best measured rows that are among as many best predicted ones.
    regret
        By how much the best measurement beats that of the row predicted best, in the unit; 0 is best.
    """

    rows: int
    r2: float
    tau: float
    mae: float
    rmse: float
    tau_2: float
    tau_1: float
    spearman: float
    overlap_10: float
    overlap_50: float
    regret: float


def evaluate(measured: Floats, predicted: Floats, direction: str = "maximise") -> Figures:
    """Compare predictions with measurements.

    Parameters
    ----------
    measured, predicted
        float64 (n,), in the metric's unit; rows with a NaN measurement are left out.
    direction
        ``"maximise"`` or ``"minimise"``: which values are best.

    Raises
    ------
    DataError
        If fewer than two measurements are left.

    Examples
    --------
    >>> import numpy as np
    >>> figures = evaluate(np.array([1.0, 2.0, np.nan, 4.0]), np.array([1.0, 2.5, 9.0, 4.0]))
    >>> figures.rows, round(figures.mae, 3), round(figures.r2, 3), figures.overlap_10, figures.regret
    (3, 0.167, 0.946, 1.0, 0.0)
    """
    from scipy.stats import spearmanr

    known = ~np.isnan(measured)
    if known.sum() < 2:
        raise DataError(f"{known.sum()} measurements to compare with; at least 2 are needed")
    measured, predicted = measured[known], predicted[known]
    error = measured - predicted
    spread = float(np.square(measured - measured.mean()).sum())
    sign = -1.0 if direction == "minimise" else 1.0
    goodness, promise = sign * measured, sign * predicted
    varied = np.ptp(measured) > 0 and np.ptp(predicted) > 0
    return Figures(
        rows=len(measured),
        r2=1.0 - float(error @ error) / spread if spread else np.nan,
        tau=kendall(measured, predicted),
        mae=float(np.abs(error).mean()),
        rmse=float(np.sqrt(np.square(error).mean())),
        tau_2=kendall(measured, np.round(predicted, 2)),
        tau_1=kendall(measured, np.round(predicted, 1)),
        spearman=float(spearmanr(measured, predicted).statistic) if varied else np.nan,
        overlap_10=_overlap(goodness, promise, 10),
        overlap_50=_overlap(goodness, promise, 50),
        regret=float(goodness.max() - goodness[np.argmax(promise)]),
    )


def kendall(measured: Floats, predicted: Floats) -> float:
    """Kendall's rank correlation, tau-b."""
    from scipy.stats import kendalltau

    return float(kendalltau(measured, predicted).statistic)


def _overlap(goodness: Floats, promise: Floats, k: int) -> float:
    k = min(k, len(goodness))
    best, promising = (set(np.argsort(-values, kind="stable")[:k].tolist()) for values in (goodness, promise))
    return len(best & promising) / k
