"""Surrogates of tables of a small space, which complete one that has gaps."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from accelnas.fitting.dataset import Dataset, from_table
from accelnas.fitting.ensemble import fit_ensemble
from accelnas.fitting.evaluate import evaluate
from accelnas.fitting.families import Recipe, Stage
from accelnas.fitting.settings import MetricSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from accelnas.fitting.evaluate import Figures
    from accelnas.fitting.metric import MetricSpec
    from accelnas.space import Space

__all__ = ["completed", "dataset_of", "settings_of"]

# boosted trees of any interactions: in a space that fits a table, they compile to one
_TREES = {"base_score": 0.0, "max_depth": 6, "learning_rate": 0.1, "min_child_weight": 2, "subsample": 0.8,
          "colsample_bynode": 0.7}  # fmt: skip
_RECIPE = Recipe("trees of a table", "xgboost", (Stage(_TREES, rounds=1000, stop=30),))
_MEMBERS, _FOLDS = 5, 10


def completed(space: Space, metric: MetricSpec, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], Figures]:
    """Give all values, by index, in place of NaN those of a surrogate of the others, and its left-out figures.

    Raises
    ------
    DataError
        If fewer than four are known.
    """
    known, empty = np.flatnonzero(~np.isnan(values)), np.flatnonzero(np.isnan(values))
    dataset = dataset_of(space, known, {metric.name: values[known]})
    settings = settings_of([metric], len(known))
    ensemble = fit_ensemble(dataset, dataset.ids, settings.metrics[metric.name], settings)
    filled = values.copy()
    filled[empty] = ensemble.predict(space.at(empty))
    return filled, evaluate(ensemble.targets, ensemble.left_out[0], metric.direction)


def dataset_of(space: Space, index: NDArray[np.int64], columns: Mapping[str, NDArray[np.float64]]) -> Dataset:
    """Give a data set of the values of some architectures, by index."""
    return from_table(pl.DataFrame({"index": index.astype(np.uint64), **columns}), space)


def settings_of(metrics: Sequence[MetricSpec], rows: int) -> Settings:
    """Give the settings of boosted trees for so many rows."""
    folds = max(2, min(_FOLDS, rows // 2))
    recipe = json.dumps({"recipe": asdict(_RECIPE), "members": _MEMBERS, "folds": folds}, sort_keys=True)
    own = {metric.name: MetricSettings(**vars(metric), recipe=_RECIPE) for metric in metrics}
    return Settings("tabulate", _MEMBERS, folds, 0, True, own, hashlib.sha256(recipe.encode()).hexdigest())
