"""The numbers of an evaluation, one row a cell, and what follows from several."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from accelnas.fitting.ensemble import link_of, usable_rows
from accelnas.fitting.evaluate import evaluate
from accelnas.fitting.evaluation.cells import INTERVALS
from accelnas.fitting.uncertainty import repeat_noise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.evaluation.cells import Cell, Predictions
    from accelnas.fitting.settings import MetricSettings
    from accelnas.fitting.splits import Split

__all__ = ["Ceiling", "best_known_noise", "learning_curves", "noise_ceiling", "results_table"]


@dataclass(frozen=True)
class Ceiling:
    """What a perfect model would reach: measurements differ from it by their noise alone."""

    noise: float  # standard deviation of one measurement, in the unit, at the median value
    repeats: int  # degrees of freedom of its estimate; 0 where the settings state it
    # r2, mae: expected figures on the rows compared: 1 − E σ² / Var y and E σ · √(2/π) for normal noise
    r2: float
    mae: float


def best_known_noise(cells: Sequence[Cell]) -> dict[Cell, MetricSettings]:
    """Give each cell's settings of its metric with the noise that any of the settings state: it is one for all."""
    stated = {cell.metric: cell.of_metric.noise for cell in reversed(cells) if cell.of_metric.noise is not None}
    return {cell: replace(cell.of_metric, noise=stated.get(cell.metric)) for cell in cells}


def noise_ceiling(dataset: Dataset, split: Split, metric: MetricSettings, test: NDArray[np.int64]) -> Ceiling | None:
    """Say how good a perfect model would look on the rows `test`; None without repeated measurements.

    The noise is a constant standard deviation on the scale of the metric's link, pooled over the repeats.
    """
    link, values = link_of(metric), dataset.values(metric.name)
    fitted = usable_rows(dataset, metric, np.concatenate([split.train, split.val]))
    slope = float(link.slope(np.median(values[fitted])))
    if metric.noise is not None:
        linked_noise, freedom = metric.noise / slope, 0
    else:
        pooled = repeat_noise(dataset, metric)
        if pooled is None:
            return None
        linked_noise, freedom = pooled, sum(len(group) - 1 for group in dataset.repeated(metric.name))
    measured = values[usable_rows(dataset, metric, test)]
    sigma = linked_noise * link.slope(measured)
    variance = float(measured.var())
    r2 = 1.0 - float(np.square(sigma).mean()) / variance if variance else np.nan
    return Ceiling(linked_noise * slope, freedom, r2, float(sigma.mean()) * math.sqrt(2 / math.pi))


def results_table(dataset: Dataset, split: Split, cells: Sequence[Cell], found: Sequence[Predictions]) -> pl.DataFrame:
    """Give all numbers of the cells, one row each.

    Columns: ``metric``, ``unit``, ``settings``, ``family``, ``run``, ``part``, ``train_rows``, ``members``,
    ``size``, the fields of `accelnas.fitting.evaluate.Figures`, ``coverage_05`` to ``coverage_95`` (share of
    measurements inside conformal intervals of so many per cent; null where none were made), ``noise``,
    ``ceiling_r2`` and ``ceiling_mae``.
    """
    rows: list[dict[str, Any]] = []
    with_noise = best_known_noise(cells)
    for cell, predictions in zip(cells, found, strict=True):
        metric = with_noise[cell]
        measured = dataset.values(cell.metric)[dataset.rows(predictions.ids)]
        figures = evaluate(measured, predictions.predicted, metric.direction)
        ceiling = noise_ceiling(dataset, split, metric, predictions.ids)
        covered: list[float | None] = [None] * len(INTERVALS)
        if predictions.scores.size:
            covered = [float((predictions.scores <= size).mean()) for size in predictions.quantiles]
        rows.append(
            {
                "metric": cell.metric,
                "unit": metric.unit,
                "settings": cell.settings.name,
                "family": metric.recipe.family if metric.recipe else "exact",
                "run": cell.run,
                "part": cell.part,
                "train_rows": predictions.train_rows,
                "members": predictions.members,
                "size": predictions.size,
                **asdict(figures),
                **{f"coverage_{100 * level:02.0f}": c for level, c in zip(INTERVALS, covered, strict=True)},
                "noise": ceiling.noise if ceiling else None,
                "ceiling_r2": ceiling.r2 if ceiling else None,
                "ceiling_mae": ceiling.mae if ceiling else None,
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def learning_curves(results: pl.DataFrame) -> pl.DataFrame:
    """Give the rows of learning curves, with the rows to fit on as the column ``wanted``."""
    wanted = pl.col("part").str.extract(r"^(\d+) rows").cast(pl.Int64).alias("wanted")
    return results.filter(run="learning-curve").with_columns(wanted)
