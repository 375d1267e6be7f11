"""The surrogates of the paper's tables: fitted again, as the authors' code fits them, and those bundled here."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

import accelnas
from accelnas.fitting.ensemble import usable_rows
from accelnas.fitting.evaluate import evaluate
from accelnas.fitting.evaluation.cells import Cell
from accelnas.fitting.evaluation.runs import run_cells
from accelnas.fitting.settings import read_settings
from studies.published import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.evaluate import Figures
    from accelnas.fitting.evaluation.cells import Cache
    from accelnas.fitting.splits import Split

__all__ = [
    "BY_DEFAULTS",
    "NOTES",
    "PAPER",
    "Published",
    "Surrogate",
    "bundled_surrogate",
    "default_machine",
    "fit_surrogates",
]

BY_DEFAULTS = ("svr", "nu_svr")  # settings whose parameters the authors' code ignored


@dataclass(frozen=True)
class Published:
    """A row of the paper's tables: what fits it again, and its figures; the error in the metric's unit."""

    settings: str
    family: str
    metric: str
    r2: float
    tau: float
    mae: float


PAPER = tuple(Published(*row) for row in PUBLISHED["rows"])
NOTES: Mapping[str, str] = PUBLISHED["notes"]  # by the settings' name


@dataclass(frozen=True)
class Surrogate:
    """How well one way of fitting a row of the paper's tables does on the test part.

    Attributes
    ----------
    metric, family
        The row.
    fit
        ``"single"``, ``"ensemble"``, the same ``", tuned here"``, or ``"bundled"``.
    runs
        Fits with different seeds, over which the figures are means.
    r2, tau, mae
        The figures; the error in the metric's unit.
    mae_sd
        Sample standard deviation of the error over the runs; NaN of one.
    rows
        Measurements compared.
    seconds
        Time of all runs; NaN where nothing was fitted.
    """

    metric: str
    family: str
    fit: str
    runs: int
    r2: float
    tau: float
    mae: float
    mae_sd: float
    rows: int
    seconds: float


def fit_surrogates(
    dataset: Dataset,
    split: Split,
    cache: Cache,
    rows: Sequence[Published],
    *,
    ensembles: Sequence[str] | None = None,
    seed: int = 0,
    runs: int = 1,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[Surrogate]:
    """Fit the settings of each row: single models with each seed, and one ensemble.

    Parameters are those of `studies.tables.reproduce_table`.
    """
    groups: list[tuple[Published, str, list[Cell]]] = []
    for row in rows:
        settings = read_settings(row.settings)
        count = 1 if row.settings in BY_DEFAULTS else runs  # nothing random
        seeded = [replace(settings, seed=settings.seed + seed + run) for run in range(count)]
        parts = [(s, row.metric, "official") for s in seeded]
        suffix = ", tuned here" if row.settings in BY_DEFAULTS else ""
        singles = [Cell(*part, "single", split.train, split.test, stop=split.val) for part in parts]
        groups.append((row, "single" + suffix, singles))
        if ensembles is None or row.metric in ensembles:
            pool = np.sort(np.concatenate([split.train, split.val]))
            groups.append((row, "ensemble" + suffix, [Cell(*parts[0], "ensemble", pool, split.test)]))
    flat = [cell for _, _, cells in groups for cell in cells]
    predictions = iter(run_cells(dataset, flat, cache, threads, progress))
    found = []
    for row, fit, cells in groups:
        made = [next(predictions) for _ in cells]
        figures = [evaluate(dataset.values(row.metric)[dataset.rows(p.ids)], p.predicted) for p in made]
        found.append(_mean(row.metric, row.family, fit, figures, sum(p.seconds for p in made)))
    return found


def default_machine(dataset: Dataset, split: Split, row: Published) -> Surrogate:
    """Fit a support vector machine as the authors' code does: scikit-learn's defaults on raw inputs and targets."""
    from sklearn.svm import SVR, NuSVR

    metric = read_settings(row.settings).metrics[row.metric]
    train, test = (usable_rows(dataset, metric, ids) for ids in (split.train, split.test))
    inputs, targets = dataset.choices.astype(np.float64), dataset.values(row.metric)
    start = time.perf_counter()
    machine = (NuSVR if row.settings == "nu_svr" else SVR)().fit(inputs[train], targets[train])
    figures = evaluate(targets[test], machine.predict(inputs[test]))
    return _mean(row.metric, row.family, "single", [figures], time.perf_counter() - start)


def bundled_surrogate(dataset: Dataset, split: Split, metric: str) -> Surrogate | None:
    """Evaluate the bundled benchmark; None where its models may have seen the test part."""
    bench = accelnas.load()
    made_from = bench.provenance(metric)
    if (made_from.get("data_sha256"), made_from.get("split_sha256")) != (dataset.sha256, split.sha256):
        return None
    test = dataset.rows(split.test)
    predicted = np.asarray(bench.predict(dataset.choices[test], metric), np.float64)
    return _mean(
        metric, made_from.get("family", ""), "bundled", [evaluate(dataset.values(metric)[test], predicted)], np.nan
    )


def _mean(metric: str, family: str, fit: str, figures: Sequence[Figures], seconds: float) -> Surrogate:
    """Average figures over runs."""
    r2, tau, mae = (np.array([getattr(f, name) for f in figures]) for name in ("r2", "tau", "mae"))
    spread = float(mae.std(ddof=1)) if len(mae) > 1 else np.nan
    return Surrogate(
        metric,
        family,
        fit,
        runs=len(figures),
        r2=float(r2.mean()),
        tau=float(tau.mean()),
        mae=float(mae.mean()),
        mae_sd=spread,
        rows=figures[0].rows,
        seconds=seconds,
    )
