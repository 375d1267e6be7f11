"""Rank correlations of several metrics at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["kendall_taus"]

_CELLS = 8_000_000  # comparisons held at a time; sums of so many signs are exact in float32


def kendall_taus(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give Kendall's tau-b of every pair of rows, float64 (m, m); NaN where a row is constant.

    Every pair of columns is compared once for all rows, so that no library is needed: n² m steps.

    Examples
    --------
    >>> kendall_taus(np.array([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]])).round(3).tolist()
    [[1.0, 0.333], [0.333, 1.0]]
    """
    m, n = values.shape
    agreed = np.zeros((m, m))
    step = max(1, _CELLS // (m * n))
    for first in range(0, n, step):
        part = values[:, first : first + step, None]
        signs = ((part > values[:, None, :]).astype(np.float32) - (part < values[:, None, :])).reshape(m, -1)
        agreed += signs @ signs.T
    untied = np.sqrt(np.diag(agreed))
    with np.errstate(invalid="ignore", divide="ignore"):
        taus: NDArray[np.float64] = agreed / np.outer(untied, untied)
    return taus
