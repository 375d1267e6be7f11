"""What is worth knowing about a data set before a model is fitted to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Mapping, Sequence

    import polars as pl
    from numpy.typing import NDArray

__all__ = ["OUTLIER_LIMIT", "Report", "check", "measured_again", "pooled_noise"]

OUTLIER_LIMIT = 6.0  # robust standard deviations
# repeats are doubted where their noise exceeds WIDEST of the spread of all values, or their differences spread over
# more than SCALES between deciles (13 in a normal distribution, 50 in real data of one kind), or have a root mean
# square above OUTWEIGHED medians (1.5 in a normal distribution, 5 in real data of one kind)
FEWEST_GAPS, WIDEST, SCALES, OUTWEIGHED = 5, 0.8, 100, 8


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
    doubtful
        Metric name to what is odd about its repeats, where they can't all be of one kind.
    """

    rows: int
    architectures: int
    repeats: tuple[tuple[int, ...], ...]
    noise: Mapping[str, float]
    nulls: Mapping[str, int]
    outliers: Mapping[str, tuple[int, ...]]
    unknown: Mapping[str, int]
    doubtful: Mapping[str, str]


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
    repeated = [np.flatnonzero(group == g) for g in np.flatnonzero(size > 1)]
    values = {name: table[name].fill_null(np.nan).to_numpy() for name in metrics}
    again = {name: measured_again(value, repeated) for name, value in values.items()}
    design = _main_effects(choices)
    outliers = {name: ids[_outlying(value, design)] for name, value in values.items()}
    return Report(
        rows=table.height,
        architectures=len(size),
        repeats=tuple(sorted(tuple(ids[rows].tolist()) for rows in repeated)),
        noise={name: pooled_noise(several) for name, several in again.items() if several},
        nulls={name: int(n) for name in metrics if (n := table[name].null_count())},
        outliers={name: tuple(found.tolist()) for name, found in outliers.items() if found.size},
        unknown=dict(unknown),
        doubtful={name: text for name, value in values.items() if (text := _doubt(value, again[name]))},
    )


def measured_again(values: NDArray[np.float64], groups: Iterable[NDArray[np.intp]]) -> list[NDArray[np.float64]]:
    """Values of each group of rows in which more than one was measured."""
    measured = (values[rows][~np.isnan(values[rows])] for rows in groups)
    return [group for group in measured if group.size > 1]


def pooled_noise(groups: Iterable[Sequence[float] | NDArray[np.float64]]) -> float:
    """Give the standard deviation within groups, the root of the pooled variance.

    Examples
    --------
    >>> pooled_noise([[1.0, 3.0], [5.0, 5.0]])
    1.0
    """
    arrays = [np.asarray(group, np.float64) for group in groups]
    squares = [float(np.square(array - array.mean()).sum()) for array in arrays]
    return float(np.sqrt(sum(squares) / sum(len(array) - 1 for array in arrays)))


def _doubt(values: NDArray[np.float64], repeats: list[NDArray[np.float64]]) -> str | None:
    """Say why repeats can't all be of one kind, such as trainings of 12 and of 200 epochs."""
    repeats = [np.sort(part) for part in repeats]
    if sum(part.size - 1 for part in repeats) < FEWEST_GAPS or not (noise := pooled_noise(repeats)):
        return None
    measured = values[~np.isnan(values)]
    again = "check that all rows were trained and measured in the same way (epochs, scheme, device)"
    if noise > WIDEST * measured.std():
        return (
            f"repeats of one architecture differ by as much as architectures do (standard deviations {noise:.3g} and "
            f"{measured.std():.3g}); {again}"
        )
    scales = [_scales(repeats)]
    if (measured > 0).all():  # noise in proportion to the value is of one kind, too
        scales.append(_scales([np.log(part) for part in repeats]))
    if not all(scales):
        return None
    low, high = np.quantile(np.concatenate([np.diff(part) for part in repeats]), [0.25, 0.95])
    return (
        f"repeats of one architecture differ on several scales, by {low:.3g} or less (a quarter of them) and by "
        f"{high:.3g} or more (a twentieth), so that their noise of {noise:.3g} is that of neither; {again}"
    )


def _scales(repeats: list[NDArray[np.float64]]) -> bool:
    """Whether differences between neighbouring repeats spread far more than those of one normal distribution."""
    gaps = np.concatenate([np.diff(part) for part in repeats])
    gaps = gaps[gaps > 0]
    if len(gaps) < FEWEST_GAPS:
        return False
    low, middle, high = np.quantile(gaps, [0.1, 0.5, 0.9])
    return bool(high > SCALES * low or np.sqrt(np.square(gaps).mean()) > OUTWEIGHED * middle)


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
