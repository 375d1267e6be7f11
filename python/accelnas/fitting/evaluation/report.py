"""The report of an evaluation: Markdown, plots, and a table of all numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from accelnas import __version__
from accelnas.fitting.evaluation import plots
from accelnas.fitting.evaluation.cells import LIBRARIES
from accelnas.fitting.evaluation.results import (
    best_known_noise,
    learning_curves,
    noise_ceiling,
    predictions_table,
    results_table,
)
from accelnas.fitting.evaluation.runs import Plan, plan_cells, run_cells
from accelnas.plots.style import label
from accelnas.reports import joined, markdown, number, write_files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.evaluation.cells import Cache, Cell, Predictions
    from accelnas.fitting.splits import Split
    from accelnas.models.importances import Importances, Share

__all__ = ["Evaluation", "run_evaluation", "write_report"]


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found."""

    # dataset, split, plan: what was evaluated
    dataset: Dataset
    split: Split
    plan: Plan
    # cells, predictions: the fits, and what each predicts
    cells: Sequence[Cell]
    predictions: Sequence[Predictions]
    results: pl.DataFrame  # all numbers, see `accelnas.fitting.evaluation.results.results_table`


def run_evaluation(
    dataset: Dataset,
    split: Split,
    plan: Plan,
    cache: Cache,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Fit what the cache lacks and compute all numbers; parameters and errors as `run_cells`."""
    cells = plan_cells(dataset, split, plan)
    predictions = run_cells(dataset, cells, cache, threads, progress)
    results = results_table(dataset, split, cells, predictions)
    return Evaluation(dataset, split, plan, cells, predictions, results)


def write_report(evaluation: Evaluation, folder: str | Path, importances: Sequence[Importances] = ()) -> Path:
    """Write ``report.md``, ``results.parquet``, ``predictions.parquet`` and ``figures/*.svg``.

    The same numbers give the same files. The folder is made if needed; importances of a benchmark's metrics get a
    section of their own. Returns the path of the report.
    """
    figures = _drawings(evaluation, importances)
    text = _text(evaluation, set(figures), importances)
    drawn = {f"figures/{name}.svg": draw for name, draw in figures.items()}
    predictions = predictions_table(evaluation.dataset, evaluation.cells, evaluation.predictions)
    tables = {"results.parquet": evaluation.results, "predictions.parquet": predictions}
    written = {name: table.write_parquet for name, table in tables.items()}
    write_files(Path(folder), {**written, **drawn, "report.md": text})
    return Path(folder) / "report.md"


def _drawings(evaluation: Evaluation, importances: Sequence[Importances]) -> dict[str, Callable[[Path], None]]:
    """Give what draws each figure that there are numbers for."""
    results = evaluation.results
    drawn: dict[str, Callable[[Path], None]] = {}
    for metric in results.filter(run="official")["metric"].unique(maintain_order=True):
        pairs = {}
        for cell, predictions in zip(evaluation.cells, evaluation.predictions, strict=True):
            if (cell.metric, cell.run) == (metric, "official"):
                measured = evaluation.dataset.values(metric)[evaluation.dataset.rows(predictions.ids)]
                pairs[cell.settings.name] = (measured, predictions.predicted)
        unit = results.filter(metric=metric)["unit"][0]
        drawn[f"predictions-{metric}"] = partial(plots.plot_predictions, metric=metric, unit=unit, pairs=pairs)
    if results["coverage_50"].is_not_null().any():
        drawn["calibration"] = partial(plots.plot_calibration, results=results)
    if results["run"].eq("learning-curve").any():
        drawn["learning-curves"] = partial(plots.plot_learning_curves, results=results)
    if importances:
        drawn["importances"] = partial(plots.plot_importances, found=importances)
    return drawn


COVERED = ("50", "80", "95")
FOLD_FIGURES = {"r2": "R²", "tau": "τ", "mae": "MAE", "rmse": "RMSE"}
LARGEST = 10  # interactions shown of each metric
HOW = """\
R² is the coefficient of determination, τ Kendall's tau-b; τ₂ and τ₁ are τ of predictions rounded to 2 and 1 decimals
of the unit. *Top 10* and *top 50* are the shares of the best measured rows among as many best predicted ones; *regret*
is by how much the best measured row beats the one predicted best. Errors and regret are in the metric's unit.
Models are ensembles fitted on the training and validation part. The *noise ceiling* is what a perfect model would
show, given the pooled noise of repeated measurements; with few repeats, or repeats with outliers, it is rough, and
models may come out above it."""


def _text(evaluation: Evaluation, drawn: set[str], importances: Sequence[Importances]) -> str:
    dataset, results, plan = evaluation.dataset, evaluation.results, evaluation.plan
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    parts = ", ".join(f"{name} {len(ids):,}" for name, ids in evaluation.split.parts().items())
    public = " (the public Accel-NASBench data)" if dataset.is_public else ""
    options = [f"--settings {s.name}" for s in plan.settings] + [f"--runs {','.join(plan.runs)}"]
    options += [f"--runs {name}={','.join(runs)}" for name, runs in plan.further.items()]
    if plan.metrics is not None:
        options.append(f"--metrics {','.join(plan.metrics)}")
    command = f"accelnas evaluate DATA {' '.join(options)} --output FOLDER"
    made_from = (
        f"Data {dataset.sha256[:12]}{public}: {len(dataset):,} measurements of {dataset.report.architectures:,} "
        f"architectures; split {evaluation.split.name} ({evaluation.split.sha256[:12]}): {parts}. Settings: "
        + ", ".join(f"{s.name} ({s.sha256[:12]})" for s in plan.settings)
        + ". All numbers are in `results.parquet`."
    )
    sections = [
        "# Evaluation",
        f"Made by\n\n    {command}\n\nwith accelnas {__version__}, {libraries}.",
        made_from,
        HOW,
        "## Overview",
        _overview(results),
        _ceilings(results, evaluation.dataset, evaluation.split, evaluation.cells),
    ]
    for metric in results["metric"].unique(maintain_order=True):
        unit = results.filter(metric=metric)["unit"][0]
        sections += [f"## {label(metric, unit)}", _of_metric(results, metric)]
        if f"predictions-{metric}" in drawn:
            sections.append(f"![predicted and measured {metric}](figures/predictions-{metric}.svg)")
    for name, title, table in (
        ("calibration", "Calibration", _calibration(results)),
        ("learning-curves", "Learning curves", _learning_curves(results)),
        ("importances", "Importances", _importances(importances)),
    ):
        if name in drawn:
            sections += [f"## {title}", table, f"![{title.lower()}](figures/{name}.svg)"]
    return joined(*sections)


def _official(results: pl.DataFrame) -> pl.DataFrame:
    return results.filter(run="official")


def _overview(results: pl.DataFrame) -> str:
    """Give R², tau and MAE of all settings on the test part."""
    rows = _official(results)
    names = rows["settings"].unique(maintain_order=True).to_list()
    lines = []
    for metric in rows["metric"].unique(maintain_order=True):
        found = {row["settings"]: row for row in rows.filter(metric=metric).iter_rows(named=True)}
        figures = {k: f"{row['r2']:.4f} · {row['tau']:.4f} · {number(row['mae'])}" for k, row in found.items()}
        lines.append([metric, *(figures.get(name) for name in names)])
    return _titled("R² · τ · MAE on the test part:", markdown(["metric", *names], lines))


def _ceilings(results: pl.DataFrame, dataset: Dataset, split: Split, cells: Sequence[Cell]) -> str:
    """Say how far each of the settings is from the noise ceiling, on the test part."""
    lines = []
    by_name = {(cell.metric, cell.settings.name): metric for cell, metric in best_known_noise(cells).items()}
    for row in _official(results).iter_rows(named=True):
        ceiling = noise_ceiling(dataset, split, by_name[row["metric"], row["settings"]], split.test)
        if ceiling is None:
            continue
        noise = f"{number(ceiling.noise, 3)} ({f'{ceiling.repeats} repeats' if ceiling.repeats else 'stated'})"
        ratio = f"{row['mae'] / row['ceiling_mae']:.2f}" if row["ceiling_mae"] else "–"
        best = [f"{row['ceiling_r2']:.4f}", f"{row['ceiling_r2'] - row['r2']:+.4f}", number(row["ceiling_mae"], 3)]
        lines.append([row["metric"], noise, row["settings"], *best, ratio])
    header = ["metric", "noise", "settings", "best R²", "R² below it", "best MAE", "MAE / best"]
    return _titled("The noise ceiling, and the distance of each of the settings to it:", markdown(header, lines, 3))


def _titled(text: str, table: str) -> str:
    return f"{text}\n\n{table}" if table else ""


def _of_metric(results: pl.DataFrame, metric: str) -> str:
    """Give all figures of one metric: the test part, then folds of all rows."""
    rows = results.filter(metric=metric)
    official = _official(rows)
    lines = []
    for row in official.iter_rows(named=True):
        ranks = [f"{row[name]:.4f}" for name in ("r2", "tau", "tau_2", "tau_1", "spearman")]
        overlaps = [f"{row['overlap_10']:.2f}", f"{row['overlap_50']:.2f}"]
        lines.append([row["settings"], *ranks, row["mae"], row["rmse"], *overlaps, number(row["regret"], 3)])
    if not official.is_empty() and official["ceiling_r2"][0] is not None:
        ceiling, mae = official["ceiling_r2"][0], official["ceiling_mae"][0]
        lines.append(["*noise ceiling*", f"{ceiling:.4f}", *[None] * 4, mae, *[None] * 4])
    header = ["test part", "R²", "τ", "τ₂", "τ₁", "Spearman", "MAE", "RMSE", "top 10", "top 50", "regret"]
    return "\n\n".join(text for text in (markdown(header, lines), _folds(rows)) if text)


def _folds(rows: pl.DataFrame) -> str:
    """Give figures over folds with their intervals, next to those of the test part."""
    from scipy.stats import t

    folds = rows.filter(run="cross-validation")
    lines = []
    for name in folds["settings"].unique(maintain_order=True):
        own = folds.filter(settings=name)
        official = _official(rows).filter(settings=name)
        for figure, shown in FOLD_FIGURES.items():
            values = own[figure].to_numpy()
            mean, std = float(values.mean()), float(values.std(ddof=1))
            # Student's; folds share training rows, which makes it somewhat narrow
            half = float(t.ppf(0.975, len(values) - 1)) * std / math.sqrt(len(values))
            spread = (mean, std, mean - half, mean + half)
            digits = [f"{v:.4f}" for v in spread] if figure in {"r2", "tau"} else [number(v, 3) for v in spread]
            stated = None if official.is_empty() else official[figure][0]
            lines.append([name, shown, stated, f"{digits[0]} ± {digits[1]}", f"{digits[2]} to {digits[3]}"])
    header = ["cross-validation", "", "test part", "mean ± sd over folds", "95 % interval of the mean"]
    return markdown(header, lines, words=2)


def _calibration(results: pl.DataFrame) -> str:
    """Give the share of the test part inside conformal intervals of 50, 80 and 95 %."""
    rows = results.filter(pl.col("coverage_50").is_not_null())
    lines = [
        [row["metric"], row["settings"], *(f"{100 * row[f'coverage_{level}']:.1f}" for level in COVERED)]
        for row in rows.iter_rows(named=True)
    ]
    header = ["metric", "settings", *(f"inside {level} %" for level in COVERED)]
    return _titled("Test measurements inside conformal intervals, per cent:", markdown(header, lines, words=2))


def _learning_curves(results: pl.DataFrame) -> str:
    """Give R², tau and MAE by number of rows fitted on, mean ± standard deviation over seeds."""
    lines = []
    for own in learning_curves(results).partition_by("metric", "settings", "wanted"):
        values = {name: own[name].to_numpy() for name in ("r2", "tau", "mae")}
        several = {n: (float(v.mean()), float(v.std(ddof=1)) if len(v) > 1 else 0.0) for n, v in values.items()}
        shown = [f"{mean:.4f} ± {std:.4f}" for mean, std in (several["r2"], several["tau"])]
        mae = f"{number(several['mae'][0])} ± {number(several['mae'][1], 2)}"
        lines.append([*own.select("metric", "settings", "wanted").row(0), *shown, mae])
    header = ["metric", "settings", "rows", "R²", "τ", "MAE"]
    return _titled("Test part, mean ± standard deviation over draws:", markdown(header, lines, words=2))


def _importances(found: Sequence[Importances]) -> str:
    """Give exact Sobol indices of each metric of a benchmark: orders, blocks and the largest interactions."""
    lines = []
    for importance in found:
        orders = ", ".join(f"{order}: {_percent(share)}" for order, share in importance.by_order.items())
        blocks = ", ".join(f"{name} {_percent(share)}" for name, share in importance.block_totals.items())
        top = list(importance.interactions.items())[:LARGEST]
        largest = ", ".join(f"{' × '.join(names)} {_percent(share)}" for names, share in top)
        lines.append([importance.metric, importance.link, orders or "–", blocks, largest or "–"])
    header = ["metric", "scale", "by order", "blocks, with interactions", f"{LARGEST} largest parts"]
    text = (
        "Exact functional ANOVA of the benchmark's metrics under the uniform distribution over all architectures: "
        "shares of the variance of the members' mean on the scale of the link, per cent."
    )
    return _titled(text, markdown(header, lines, words=5))


def _percent(share: Share) -> str:
    if share.value < 1e-9:  # what rounding leaves
        return "0"
    return f"{100 * share.value:.3g}" if share.value >= 0.00095 else f"{100 * share.value:.1g}"
