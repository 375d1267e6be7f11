"""The runs of an evaluation: which cells they have, and how the cells are fitted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from joblib import Parallel, delayed

from accelnas import _core
from accelnas.arguments import check_threads, check_whole, check_wholes
from accelnas.errors import DataError, ModelError
from accelnas.fitting.evaluation.cells import Cell, fit_cell
from accelnas.fitting.settings import LARGEST
from accelnas.fitting.splits import k_fold

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.evaluation.cells import Cache, Ids, Predictions
    from accelnas.fitting.settings import Settings
    from accelnas.fitting.splits import Split

__all__ = ["RUNS", "SIZES", "Plan", "plan_cells", "run_cells"]

RUNS = ("official", "cross-validation", "learning-curve")
SIZES = (500, 1000, 2000, 3000, 4100)


@dataclass(frozen=True)
class Plan:
    """What to evaluate."""

    settings: Sequence[Settings]  # how to fit; names differ
    # names; None means all that are measured and not exact. Settings without a metric are passed over
    metrics: Sequence[str] | None = None
    # some of `RUNS`. "official" fits train and val part of the split and predicts its test part; "cross-validation"
    # predicts every row by fits that leave out its fold; "learning-curve" fits part of train and val and predicts the
    # test part
    runs: Sequence[str] = ("official",)
    # name of settings to runs that they have besides, such as long ones of the settings to publish
    further: Mapping[str, Sequence[str]] = field(default_factory=dict)
    folds: int = 10  # of the cross-validation
    # sizes, seeds: of the learning curves: rows to fit on, and draws of each size; the draws of a seed are nested
    sizes: Sequence[int] = SIZES
    seeds: int = 5

    def runs_of(self, settings: str) -> list[str]:
        """Return the runs of settings of this name, in the order of `RUNS`."""
        wanted = {*self.runs, *self.further.get(settings, ())}
        return [run for run in RUNS if run in wanted]


def plan_cells(dataset: Dataset, split: Split, plan: Plan) -> list[Cell]:
    """Give the cells of a plan, metric by metric and run by run.

    Raises
    ------
    DataError
        If a run or metric is unknown, or a learning curve has no size that fits the data.
    ModelError
        If no settings fit a metric, or two have one name.
    """
    names = [settings.name for settings in plan.settings]
    check_whole("folds", plan.folds, 2, LARGEST, DataError)
    check_whole("seeds", plan.seeds, 1, LARGEST, DataError)
    check_wholes("sizes", list(plan.sizes), 1, 2**63 - 1, DataError)
    for name in names:
        if names.count(name) > 1:
            raise ModelError(f"two settings are named {name!r}; change the name in one of the files")
    for name in plan.further:
        if name not in names:
            raise ModelError(f"runs are asked of settings {name!r}; choose among {', '.join(names)}")
    for runs in (plan.runs, *plan.further.values()):
        if any(run not in RUNS for run in runs) or not runs:
            raise DataError(f"runs are {', '.join(runs) or 'none'}; choose among {', '.join(RUNS)}")
    parts = {run: _parts(dataset, split, plan, run) for run in {*plan.runs, *chain(*plan.further.values())}}
    cells = [
        Cell(replace(settings, seed=settings.seed + seed), metric, run, part, train, test)
        for metric in _metrics(dataset, plan)
        for settings in plan.settings
        if metric in settings.metrics and settings.metrics[metric].recipe is not None
        for run in plan.runs_of(settings.name)
        for part, seed, train, test in parts[run]
    ]
    if not cells:
        raise ModelError(
            f"settings {', '.join(names)} fit no metric of the data; choose others, or name metrics with --maximise "
            "and --minimise"
        )
    return cells


def _metrics(dataset: Dataset, plan: Plan) -> list[str]:
    """Return the metrics in the order of the settings that name them first."""
    fitted = {
        metric: None
        for settings in plan.settings
        for metric, of_metric in settings.metrics.items()
        if of_metric.recipe is not None
    }
    if plan.metrics is None:
        return [metric for metric in fitted if metric in dataset.measurable]
    for metric in plan.metrics:
        dataset.values(metric)
        if metric not in fitted:
            raise ModelError(f"no settings fit {metric}; they fit {', '.join(fitted)}, others are exact")
    return list(plan.metrics)


def _parts(dataset: Dataset, split: Split, plan: Plan, run: str) -> list[tuple[str, int, Ids, Ids]]:
    """Name of each part of a run, what its seed adds to the settings', and the ids to fit on and to predict."""
    pool = np.sort(np.concatenate([split.train, split.val]))
    if run == "official":
        return [("ensemble", 0, pool, split.test)]
    if run == "cross-validation":
        folds = enumerate(k_fold(dataset, plan.folds), start=1)
        return [(f"fold {i} of {plan.folds}", 0, fold.train, fold.test) for i, fold in folds]
    sizes = [size for size in plan.sizes if size <= len(pool)]
    if not sizes:
        raise DataError(f"train and val have {len(pool)} rows; learning curves need at least {min(plan.sizes)}")
    drawn = [np.random.default_rng(seed).permutation(pool) for seed in range(plan.seeds)]
    return [
        (f"{size} rows, seed {seed}", seed, np.sort(rows[:size]), split.test)
        for size in sizes
        for seed, rows in enumerate(drawn)
    ]


def run_cells(
    dataset: Dataset,
    cells: Sequence[Cell],
    cache: Cache,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[Predictions]:
    """Fit the cells that the cache doesn't hold, and give the predictions of all, in order.

    Parameters
    ----------
    threads
        Cells fitted at the same time, each in a process of its own; None means all cores. No result depends on it.
    progress
        Called with the number of cells that are finished.

    Raises
    ------
    DataError, ModelError
        As `accelnas.fitting.ensemble.fit_ensemble`; what was finished stays in the cache.
    """
    check_threads(threads)
    tell = progress or (lambda *_: None)
    keys = [cell.key(dataset.sha256) for cell in cells]
    missing = {key: cell for key, cell in zip(keys, cells, strict=True) if key not in cache}
    done = len(cells) - len(missing)
    tell(done)
    jobs = min(threads or _core.processors(), max(len(missing), 1))
    fits = (delayed(_keyed_fit)(dataset, key, cell) for key, cell in missing.items())
    for key, predictions in Parallel(n_jobs=jobs, return_as="generator_unordered")(fits):
        cache.put(key, missing[key], predictions)
        done += 1
        tell(done)
    return [cache.get(key) for key in keys]


def _keyed_fit(dataset: Dataset, key: str, cell: Cell) -> tuple[str, Predictions]:
    return key, fit_cell(dataset, cell)
