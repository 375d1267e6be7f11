"""The numbers of an evaluation, one row a cell, and what follows from several."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from accelnas.errors import FileError
from accelnas.files import regular
from accelnas.fitting.ensemble import link_of, usable_rows
from accelnas.fitting.evaluate import Figures, evaluate
from accelnas.fitting.evaluation.cells import INTERVALS
from accelnas.fitting.uncertainty import repeat_noise

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from numpy.typing import NDArray

    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.evaluation.cells import Cell, Predictions
    from accelnas.fitting.settings import MetricSettings
    from accelnas.fitting.splits import Split

__all__ = [
    "Ceiling",
    "averaged",
    "best_known_noise",
    "learning_curves",
    "noise_ceiling",
    "predictions_table",
    "read_evaluation",
    "results_table",
]


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
    ``size``, ``seconds`` (of the fit), the fields of `accelnas.fitting.evaluate.Figures`, ``coverage_05`` to
    ``coverage_95`` (share of measurements inside conformal intervals of so many per cent; null where none were made),
    ``noise``, ``ceiling_r2`` and ``ceiling_mae``.
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
                "seconds": predictions.seconds,
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


def averaged(results: pl.DataFrame) -> list[dict[str, Any]]:
    """Average each run's parts: one row a metric, settings and run, the learning curves' by their number of rows.

    Beside ``metric``, ``unit``, ``settings``, ``family`` and ``run``: ``fits``, their number; ``seconds`` of all; and
    of every other number of `results_table` the mean, and under ``deviations`` the standard deviation over parts. What
    is null in a part is None.
    """
    grouped: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in results.iter_rows(named=True):
        grouped.setdefault((row["metric"], row["settings"], run_name(row["run"], row["part"])), []).append(row)
    texts = ("metric", "unit", "settings", "family", "run", "part")
    out = []
    for (metric, settings, run), cells in grouped.items():
        means, deviations = dict[str, float | None](), dict[str, float | None]()
        for name in (name for name in cells[0] if name not in texts):
            values = [cell[name] for cell in cells]
            known = None not in values
            means[name] = sum(values) / len(values) if known else None
            deviations[name] = float(np.std(values, ddof=1)) if known and len(values) > 1 else None
        if means.get("seconds") is not None:
            means["seconds"] = sum(cell["seconds"] for cell in cells)
        told = {"metric": metric, "unit": cells[0]["unit"], "settings": settings, "family": cells[0]["family"]}
        out.append({**told, "run": run, "fits": len(cells), **means, "deviations": deviations})
    return out


def run_name(run: str, part: str) -> str:
    """Name what a mean is over.

    Examples
    --------
    >>> run_name("cross-validation", "fold 3 of 10"), run_name("learning-curve", "500 rows, seed 1")
    ('mean of 10 folds', '500 rows')
    """
    if run == "official":
        return run if part == "ensemble" else f"{run}, {part}"
    return f"mean of {part.partition(' of ')[2]} folds" if run == "cross-validation" else part.partition(",")[0]


def predictions_table(dataset: Dataset, cells: Sequence[Cell], found: Sequence[Predictions]) -> pl.DataFrame:
    """Give what was measured and predicted of the test part.

    Columns: ``metric``, ``settings``, ``id``, ``measured`` (NaN where it was not) and ``predicted``, in the unit.
    """
    parts = [
        pl.DataFrame(
            {
                "metric": [cell.metric] * len(predictions.ids),
                "settings": [cell.settings.name] * len(predictions.ids),
                "id": predictions.ids,
                "measured": dataset.values(cell.metric)[dataset.rows(predictions.ids)],
                "predicted": predictions.predicted,
            }
        )
        for cell, predictions in zip(cells, found, strict=True)
        if cell.run == "official"
    ]
    return pl.concat(parts) if parts else pl.DataFrame(schema=_PREDICTED)


def read_evaluation(path: str | PathLike[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read what `accelnas evaluate` wrote: its folder, or ``results.parquet`` of it.

    Returns
    -------
    results, predictions : polars.DataFrame
        As `results_table` and `predictions_table` give them; no predictions where the folder has none.

    Raises
    ------
    FileError
        If a file can't be read, or is something else.
    """
    path = Path(path)
    file = path / "results.parquet" if path.is_dir() else path
    known: dict[str, pl.DataType] = dict.fromkeys(["metric", "unit", "settings", "family", "run", "part"], pl.String())
    results = _read(file, known | dict.fromkeys((entry.name for entry in fields(Figures)), pl.Float64()))
    beside = file.parent / "predictions.parquet"
    predictions = _read(beside, _PREDICTED) if beside.exists() else pl.DataFrame(schema=_PREDICTED)
    return results, predictions


_PREDICTED: dict[str, pl.DataType] = {
    "metric": pl.String(),
    "settings": pl.String(),
    "id": pl.Int64(),
    "measured": pl.Float64(),
    "predicted": pl.Float64(),
}


def _read(path: Path, columns: dict[str, pl.DataType]) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(regular(path))
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise FileError(f"{path}: {error}; make it again with accelnas evaluate") from error
    wanted = {name: kind == pl.String for name, kind in columns.items()}
    lacking = [name for name in wanted if name not in frame.columns]
    others = [name for name, text in wanted.items() if name not in lacking and (frame[name].dtype == pl.String) != text]
    if lacking or others or frame.is_empty():
        wrong = f"lacks the columns {', '.join(lacking)}" if lacking else f"has no such {', '.join(others) or 'rows'}"
        raise FileError(f"{path} {wrong}; give what accelnas evaluate -o wrote")
    return frame
