"""The report of an evaluation: Markdown, plots, and a table of all numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from accelnas import __version__
from accelnas.fitting.evaluation import plots, tables
from accelnas.fitting.evaluation.cells import LIBRARIES
from accelnas.fitting.evaluation.results import results_table
from accelnas.fitting.evaluation.runs import Plan, plan_cells, run_cells
from accelnas.reports import joined, write_files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl

    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.evaluation.cache import Cache
    from accelnas.fitting.evaluation.cells import Cell, Predictions
    from accelnas.fitting.splits import Split
    from accelnas.models.importances import Importances

__all__ = ["Evaluation", "run_evaluation", "write_report"]


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes
    ----------
    dataset, split, plan
        What was evaluated.
    cells, predictions
        The fits, and what each predicts.
    results
        All numbers, see `accelnas.fitting.evaluation.results.results_table`.
    """

    dataset: Dataset
    split: Split
    plan: Plan
    cells: Sequence[Cell]
    predictions: Sequence[Predictions]
    results: pl.DataFrame


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
    """Write ``report.md``, ``results.parquet`` and ``figures/*.svg``; the same numbers give the same files.

    Parameters
    ----------
    evaluation
        What to report.
    folder
        Made if needed.
    importances
        Of a benchmark's metrics, for a section of their own.

    Returns
    -------
    Path
        Of the report.
    """
    figures = _figures(evaluation, importances)
    text = _text(evaluation, set(figures), importances)
    drawn = {f"figures/{name}.svg": draw for name, draw in figures.items()}
    write_files(Path(folder), {"results.parquet": evaluation.results.write_parquet, **drawn, "report.md": text})
    return Path(folder) / "report.md"


def _figures(evaluation: Evaluation, importances: Sequence[Importances]) -> dict[str, Callable[[Path], None]]:
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
        tables.overview(results),
        tables.ceilings(results, evaluation.dataset, evaluation.split, evaluation.cells),
    ]
    for metric in results["metric"].unique(maintain_order=True):
        unit = results.filter(metric=metric)["unit"][0]
        sections += [f"## {metric}" + (f" [{unit}]" if unit else ""), tables.of_metric(results, metric)]
        if f"predictions-{metric}" in drawn:
            sections.append(f"![predicted and measured {metric}](figures/predictions-{metric}.svg)")
    for name, title, table in (
        ("calibration", "Calibration", tables.calibration(results)),
        ("learning-curves", "Learning curves", tables.learning_curves(results)),
        ("importances", "Importances", tables.importances(importances)),
    ):
        if name in drawn:
            sections += [f"## {title}", table, f"![{title.lower()}](figures/{name}.svg)"]
    return joined(*sections)
