"""What is worth knowing about a data set before a model is fitted to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping

    import polars as pl
    from numpy.typing import NDArray

__all__ = ["OUTLIER_LIMIT", "Report", "check"]

OUTLIER_LIMIT = 6.0  # robust standard deviations


@dataclass(frozen=True)
class Report:
    """What the validation of a data set found; nothing of it was dropped.

    Attributes
    ----------
    rows, architectures
        Numbers of measurements and of distinct architectures.
    repeats
        Ids of the same architecture measured more than once, one tuple an architecture.
    noise
        Metric name to the standard deviation of one measurement, from the repeats: the root of
        the pooled variance within architectures. Metrics without repeats are absent.
    nulls
        Metric name to its number of missing values, where there are any.
    outliers
        Metric name to the ids of outlying values, where there are any. Rule: ln(value) (the
        value itself if the metric is not positive) is fitted by least squares on the main
        effects of all variables; a residual further than 6 robust standard deviations
        (1.4826 · median absolute deviation) from the median residual is an outlier.
    unknown
        Field, column or file that was left out, to the number of times it was met.
    """

    rows: int
    architectures: int
    repeats: tuple[tuple[int, ...], ...]
    noise: Mapping[str, float]
    nulls: Mapping[str, int]
    outliers: Mapping[str, tuple[int, ...]]
    unknown: Mapping[str, int]


def check(
    table: pl.DataFrame,
    metrics: tuple[str, ...],
    choices: NDArray[np.uint8],
    unknown: Counter[str],
) -> Report:
    """Find repeats, nulls and outliers; see `Report` for the rules."""
    ids = table["id"].to_numpy()
    _, group, size = np.unique(choices, axis=0, return_inverse=True, return_counts=True)
    group = group.reshape(-1)
    repeated = np.flatnonzero(size > 1)
    repeats = tuple(tuple(int(i) for i in ids[group == g]) for g in repeated)
    values = {name: table[name].fill_null(np.nan).to_numpy() for name in metrics}
    noise = {name: _noise(value, group, repeated) for name, value in values.items()}
    design = _main_effects(choices)
    outliers = {name: ids[_outlying(value, design)] for name, value in values.items()}
    return Report(
        rows=table.height,
        architectures=len(size),
        repeats=tuple(sorted(repeats)),
        noise={name: sd for name, sd in noise.items() if sd is not None},
        nulls={name: int(n) for name in metrics if (n := table[name].null_count())},
        outliers={name: tuple(int(i) for i in found) for name, found in outliers.items() if found.size},
        unknown=dict(unknown),
    )


def _noise(values: NDArray[np.float64], group: NDArray[np.intp], repeated: NDArray[np.intp]) -> float | None:
    squares, freedom = 0.0, 0
    for g in repeated:
        measured = values[group == g]
        measured = measured[~np.isnan(measured)]
        if measured.size > 1:
            squares += float(np.square(measured - measured.mean()).sum())
            freedom += measured.size - 1
    return float(np.sqrt(squares / freedom)) if freedom else None


def _main_effects(choices: NDArray[np.uint8]) -> NDArray[np.float64]:
    """One column a level beyond each variable's first, and the constant."""
    columns = [np.ones(len(choices))]
    for variable in choices.T:
        columns += [(variable == level).astype(float) for level in range(1, variable.max() + 1)]
    return np.stack(columns, axis=1)


def _outlying(values: NDArray[np.float64], design: NDArray[np.float64]) -> NDArray[np.intp]:
    rows = np.flatnonzero(~np.isnan(values))
    if rows.size <= 2 * design.shape[1]:
        return rows[:0]  # too few rows to tell
    measured = values[rows]
    target = np.log(measured) if (measured > 0).all() else measured
    effects = np.linalg.lstsq(design[rows].T @ design[rows], design[rows].T @ target, rcond=None)[0]
    residual = target - design[rows] @ effects
    residual -= np.median(residual)
    scale = 1.4826 * float(np.median(np.abs(residual)))
    return rows[np.abs(residual) > OUTLIER_LIMIT * scale]
