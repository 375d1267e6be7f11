"""Cells of an evaluation: one fit of one metric, and its predictions of rows that it did not see."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from accelnas.errors import ModelError
from accelnas.fitting.ensemble import LINKS, fit_ensemble, usable_rows
from accelnas.fitting.families import FAMILIES, Sample
from accelnas.fitting.families.anova import DEFAULTS
from accelnas.fitting.uncertainty import estimate_uncertainty

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.settings import MetricSettings, Settings

    Floats = NDArray[np.float64]
    Ids = NDArray[np.int64]

__all__ = ["INTERVALS", "Cell", "Predictions", "fit_cell"]

VERSION = 1  # of what cells hold; raise it when fits change, too: stored cells are then fitted again
INTERVALS = tuple(round(0.05 * i, 2) for i in range(1, 20))  # levels, 50, 80 and 95 % among them
LIBRARIES = ("lightgbm", "numpy", "scikit-learn", "scipy", "xgboost")


@dataclass(frozen=True, eq=False)
class Cell:
    """A fit to make.

    Attributes
    ----------
    settings, metric
        What to fit, and how.
    run, part
        ``"official"``, ``"cross-validation"`` or ``"learning-curve"``, and the part of it.
    train, test
        int64: ids to fit on and to predict.
    stop
        int64: ids to stop a single model on; None fits the ensemble on `train` alone.
    """

    settings: Settings
    metric: str
    run: str
    part: str
    train: Ids
    test: Ids
    stop: Ids | None = None

    @property
    def of_metric(self) -> MetricSettings:
        """Settings of the metric."""
        return self.settings.metrics[self.metric]

    @property
    def calibrates(self) -> bool:
        """Whether intervals are wanted, which need all members."""
        return self.run == "official" and self.stop is None

    def key(self, data_sha256: str) -> str:
        """Digest of all that the predictions depend on, but not of the settings' other metrics."""
        fit = asdict(self.of_metric)
        for unused in ("unit", "direction", "description", "noise"):
            del fit[unused]
        shared = {name: getattr(self.settings, name) for name in ("members", "folds", "seed", "standardise")}
        ids = [None if ids is None else ids.tolist() for ids in (self.train, self.stop, self.test)]
        libraries = [version(name) for name in LIBRARIES]
        content = [VERSION, data_sha256, fit, shared, self.calibrates, ids, libraries]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a cell predicts.

    Attributes
    ----------
    ids
        int64 (n,): the measured rows of the cell's test part.
    predicted
        float64 (n,), in the metric's unit.
    scores
        float64 (n,): sizes of the errors on the link's scale in total standard deviations, or none.
    quantiles
        float64 (levels,): sizes that conformal intervals of the levels `INTERVALS` allow, or none.
    train_rows, members, size
        Number of rows fitted on, of models, and of trees, support vectors or table cells in them.
    seconds
        Time of the fit.
    """

    ids: Ids
    predicted: Floats
    scores: Floats
    quantiles: Floats
    train_rows: int
    members: int
    size: int
    seconds: float


def fit_cell(dataset: Dataset, cell: Cell) -> Predictions:
    """Fit in one thread and predict; the same on every call.

    Raises
    ------
    DataError, ModelError
        As `accelnas.fitting.ensemble.fit_ensemble`.
    """
    start = time.perf_counter()
    test = usable_rows(dataset, cell.of_metric, cell.test)
    nothing = np.empty(0)
    scores, quantiles = nothing, nothing
    with threadpool_limits(1):  # sums in one order
        if cell.stop is not None:
            predicted, size, train_rows = _fit_single(dataset, cell, cell.stop, test)
            members = 1
        else:
            count = None if cell.calibrates else _members_of_mean(cell)
            ensemble = fit_ensemble(dataset, cell.train, cell.of_metric, cell.settings, 1, members=count)
            predicted = ensemble.predict(dataset.choices[test])
            members, size, train_rows = ensemble.fit.models.count, ensemble.fit.models.size, len(ensemble.rows)
            if cell.calibrates:
                scores, quantiles = _calibration(dataset, ensemble, test)
    seconds = time.perf_counter() - start
    return Predictions(dataset.ids[test], predicted, scores, quantiles, train_rows, members, size, seconds)


def _members_of_mean(cell: Cell) -> int | None:
    """Return the fewest members whose mean is the ensemble's; None where it takes them all.

    Cross-validation and learning curves fit one Gaussian process: what averaging several adds is small, and
    left out of the figures.
    """
    recipe = cell.of_metric.recipe
    if recipe is None or recipe.family != "anova_process":
        return None
    if cell.run != "official":
        return 1
    members = cell.of_metric.members or cell.settings.members
    return min(members, int(recipe.parameters.get("processes", DEFAULTS["processes"])))  # one draw each: its mean


def _fit_single(dataset: Dataset, cell: Cell, stop: Ids, test: NDArray[np.intp]) -> tuple[Floats, int, int]:
    """Fit one member on the training part, stopped on the validation part, as the paper's tables."""
    metric, link = cell.of_metric, LINKS[cell.of_metric.link]
    if metric.recipe is None:
        raise ModelError(f"{metric.name} is exact; it has no recipe to fit")
    rows = [usable_rows(dataset, metric, ids) for ids in (cell.train, stop)]
    values = dataset.values(metric.name)
    bias, scale = 0.0, 1.0
    if cell.settings.standardise:
        targets = link.apply(values[rows[0]])
        bias, scale = float(targets.mean()), float(targets.std()) or 1.0
    train, val = (Sample(dataset.choices[some], (link.apply(values[some]) - bias) / scale) for some in rows)
    family = FAMILIES[metric.recipe.family](metric.recipe, dataset.space)
    models = family.gather([family.fit(train, val, cell.settings.seed)])
    linked = bias + scale * models.predict(dataset.choices[test])[0]
    return np.asarray(link.inverse(linked)), models.size, len(rows[0])


def _calibration(dataset: Dataset, ensemble: Any, test: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Sizes of test errors in total standard deviations, and those that conformal intervals allow."""
    uncertainty = estimate_uncertainty(dataset, ensemble)
    metric, choices = ensemble.metric, dataset.choices[test]
    linked = ensemble.predict_members(choices)
    cards = [len(variable.choices) for variable in dataset.space.variables]
    starts = np.cumsum([0, *cards[:-1]])
    residual = uncertainty.residual * uncertainty.factors[starts + choices].prod(axis=1)
    total = np.maximum(np.hypot(linked.std(axis=0), residual), np.finfo(np.float64).tiny)
    measured = LINKS[metric.link].apply(dataset.values(metric.name)[test])
    scores = np.abs(measured - linked.mean(axis=0)) / total
    rank = np.ceil((len(uncertainty.scores) + 1) * np.array(INTERVALS)).astype(int)
    held_out = np.append(uncertainty.scores.astype(np.float64), np.inf)  # too few rows for a level: no bound
    return scores, held_out[np.minimum(rank, len(held_out)) - 1]
