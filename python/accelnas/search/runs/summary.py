"""Statistics over runs: means, bootstrap intervals, quantiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelnas.arguments import check_number, check_seed, check_whole
from accelnas.errors import SearchError

if TYPE_CHECKING:
    import polars
    from numpy.typing import NDArray

__all__ = ["Summary", "summarised"]

_VALUES = 20_000_000  # resampled at a time
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Summary:
    """Statistics over runs after some evaluations.

    Attributes
    ----------
    evaluations : int64 array (k,)
        Numbers of evaluations.
    mean, lower, upper : float64 array (k,)
        Mean over runs, and its bootstrap interval.
    quantiles : mapping of float to float64 array (k,)
        Over runs, by level.
    runs : int
        Number of runs.
    """

    evaluations: NDArray[np.int64]
    mean: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    quantiles: dict[float, NDArray[np.float64]]
    runs: int

    def to_polars(self) -> polars.DataFrame:
        """Give one row a number of evaluations."""
        import polars as pl

        quantiles = {f"quantile {level}": values for level, values in self.quantiles.items()}
        columns = {"evaluation": self.evaluations, "mean": self.mean, "lower": self.lower, "upper": self.upper}
        return pl.DataFrame({**columns, **quantiles})


def summarised(
    values: NDArray[np.float64], evaluations: NDArray[np.int64], level: float, resamples: int, seed: int
) -> Summary:
    """Summarise values (runs, k).

    Raises
    ------
    SearchError
        If the shape does not fit, or the level is none.
    """
    if values.ndim != 2 or values.shape[1] != len(evaluations):
        raise SearchError(f"values have shape {values.shape} for {len(evaluations)} evaluations; give (runs, k)")
    resamples, seed = check_whole("resamples", resamples, 1, 1_000_000), check_seed(seed)
    if not 0 < check_number("level", level) < 1:
        raise SearchError(f"level is {level}; choose a number between 0 and 1")
    mean = values.mean(axis=0)
    lower, upper = mean, mean
    # one run has no interval; what is equal in all runs, or undefined in some, has none either
    varies = np.isfinite(mean) & (np.ptp(values, axis=0) > 0)
    if len(values) > 1 and varies.any():
        interval = _bootstrap(values[:, varies], level, resamples, seed)
        lower, upper = mean.copy(), mean.copy()
        lower[varies], upper[varies] = interval
    quantiles = {q: np.quantile(values, q, axis=0) for q in QUANTILES}
    return Summary(evaluations, mean, lower, upper, quantiles, len(values))


def _bootstrap(
    values: NDArray[np.float64], level: float, resamples: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the percentile interval of the mean, as `scipy.stats.bootstrap` does with the same generator."""
    runs, draw = len(values), np.random.default_rng(seed)
    batch, means = max(1, _VALUES // values.size), []
    for first in range(0, resamples, batch):
        drawn = draw.integers(0, runs, (min(batch, resamples - first), runs))
        counts = np.stack([np.bincount(row, minlength=runs) for row in drawn])
        means.append(counts @ values / runs)
    lower, upper = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2], axis=0)
    return lower, upper
