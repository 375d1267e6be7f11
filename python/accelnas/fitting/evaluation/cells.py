"""Cells of an evaluation: one fit of one metric, its predictions of rows that it did not see, and their cache."""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from accelnas.databases import check_database, translated
from accelnas.errors import FileError, ModelError
from accelnas.fitting.ensemble import bias_and_scale, fit_ensemble, link_of, to_link, usable_rows
from accelnas.fitting.families import FAMILIES, Sample
from accelnas.fitting.families.anova import AnovaProcess
from accelnas.fitting.uncertainty import estimate_uncertainty, of_rows, total_deviation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.settings import MetricSettings, Settings

    Floats = NDArray[np.float64]
    Ids = NDArray[np.int64]

__all__ = ["INTERVALS", "Cache", "Cell", "Predictions", "fit_cell"]

VERSION = 1  # of what cells hold; raise it when fits change, too: stored cells are then fitted again
INTERVALS = tuple(round(0.05 * i, 2) for i in range(1, 20))  # levels, 50, 80 and 95 % among them
SCHEMA = """
CREATE TABLE IF NOT EXISTS cells (
    key TEXT PRIMARY KEY,
    settings TEXT NOT NULL,
    metric TEXT NOT NULL,
    run TEXT NOT NULL,
    part TEXT NOT NULL,
    seconds REAL NOT NULL,
    predictions BLOB NOT NULL
)
"""
LIBRARIES = ("lightgbm", "numpy", "scikit-learn", "scipy", "xgboost")


@dataclass(frozen=True, eq=False)
class Cell:
    """A fit to make."""

    # settings, metric: what to fit, and how
    settings: Settings
    metric: str
    # run, part: "official", "cross-validation" or "learning-curve", and the part of it
    run: str
    part: str
    # train, test: int64: ids to fit on and to predict
    train: Ids
    test: Ids
    stop: Ids | None = None  # int64: ids to stop a single model on; None fits the ensemble on `train` alone

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
        shared = {name: getattr(self.settings, name) for name in ("members", "folds", "seed", "standardise", "tails")}
        ids = [None if ids is None else ids.tolist() for ids in (self.train, self.stop, self.test)]
        libraries = [version(name) for name in LIBRARIES]
        content = [VERSION, data_sha256, fit, shared, self.calibrates, ids, libraries]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a cell predicts."""

    ids: Ids  # int64 (n,): the measured rows of the cell's test part
    predicted: Floats  # float64 (n,), in the metric's unit
    scores: Floats  # float64 (n,): sizes of the errors on the link's scale in total standard deviations, or none
    quantiles: Floats  # float64 (levels,): sizes that conformal intervals of the levels `INTERVALS` allow, or none
    # train_rows, members, size: number of rows fitted on, of models, and of trees, support vectors or table cells in
    # them
    train_rows: int
    members: int
    size: int
    seconds: float  # time of the fit


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
                scores, quantiles = _calibration(dataset, ensemble, test, cell.settings.tails)
    seconds = time.perf_counter() - start
    return Predictions(dataset.ids[test], predicted, scores, quantiles, train_rows, members, size, seconds)


def _members_of_mean(cell: Cell) -> int | None:
    """Return the fewest members whose mean is the ensemble's; None where it takes them all.

    Cross-validation and learning curves fit one Gaussian process: what averaging several adds is small, and
    left out of the figures.
    """
    recipe = cell.of_metric.recipe
    if recipe is None or recipe.family != AnovaProcess.name:
        return None
    if cell.run != "official":
        return 1
    processes = int({**AnovaProcess.defaults, **recipe.parameters}["processes"])  # one draw each: its mean
    return min(cell.of_metric.members or cell.settings.members, processes)


def _fit_single(dataset: Dataset, cell: Cell, stop: Ids, test: NDArray[np.intp]) -> tuple[Floats, int, int]:
    """Fit one member on the training part, stopped on the validation part, as the paper's tables."""
    metric, link = cell.of_metric, link_of(cell.of_metric)
    if metric.recipe is None:
        raise ModelError(f"{metric.name} is exact; it has no recipe to fit")
    rows = [usable_rows(dataset, metric, ids) for ids in (cell.train, stop)]
    values = dataset.values(metric.name)
    targets = [to_link(values[some], metric, dataset.ids[some]) for some in rows]
    bias, scale = bias_and_scale(targets[0], cell.settings.standardise)
    train, val = (Sample(dataset.choices[some], (own - bias) / scale) for some, own in zip(rows, targets, strict=True))
    family = FAMILIES[metric.recipe.family](metric.recipe, dataset.space)
    models = family.gather([family.fit(train, val, cell.settings.seed)])
    linked = bias + scale * models.predict(dataset.choices[test])[0]
    return np.asarray(link.inverse(linked)), models.size, len(rows[0])


def _calibration(dataset: Dataset, ensemble: Any, test: NDArray[np.intp], tails: str) -> tuple[Floats, Floats]:
    """Sizes of test errors in total standard deviations, and those that conformal intervals allow."""
    uncertainty = estimate_uncertainty(dataset, ensemble, tails=tails)
    metric, choices = ensemble.metric, dataset.choices[test]
    linked = ensemble.predict_members(choices)
    factors = of_rows(uncertainty.factors, choices, dataset.space)
    total = total_deviation(linked.std(axis=0), uncertainty.residual * factors)
    measured = to_link(dataset.values(metric.name)[test], metric, dataset.ids[test])
    scores = np.abs(measured - np.maximum(linked.mean(axis=0), link_of(metric).least)) / total
    rank = np.ceil((len(uncertainty.scores) + 1) * np.array(INTERVALS)).astype(int)
    held_out = np.append(uncertainty.scores.astype(np.float64), np.inf)  # too few rows for a level: no bound
    return scores, held_out[np.minimum(rank, len(held_out)) - 1]


class Cache:
    """Predictions by the key of their cell, in a file made if needed; readers may look at it while it grows.

    Raises
    ------
    FileError
        If it can't be opened, or is no cache.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"{self._path.parent}: {error.strerror}; name another file") from error
        check_database(path)
        with self._connection() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(SCHEMA)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with translated(self._path, "cache of an evaluation", FileError):
            connection = sqlite3.connect(self._path, timeout=60)
            try:
                with connection:  # commits
                    yield connection
            finally:
                connection.close()

    def __contains__(self, key: str) -> bool:
        with self._connection() as connection:
            return connection.execute("SELECT 1 FROM cells WHERE key = ?", (key,)).fetchone() is not None

    def get(self, key: str) -> Predictions:
        """Return what was stored.

        Raises
        ------
        KeyError
            If nothing was.
        """
        with self._connection() as connection:
            found = connection.execute("SELECT predictions FROM cells WHERE key = ?", (key,)).fetchone()
        if found is None:
            raise KeyError(key)
        with np.load(io.BytesIO(found[0]), allow_pickle=False) as arrays:
            return Predictions(**{name: array if array.ndim else array.item() for name, array in arrays.items()})

    def put(self, key: str, cell: Cell, predictions: Predictions) -> None:
        """Store a finished cell."""
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {f.name: np.asarray(getattr(predictions, f.name)) for f in fields(predictions)}
        np.savez(buffer, **arrays)
        row = (key, cell.settings.name, cell.metric, cell.run, cell.part, predictions.seconds, buffer.getvalue())
        with self._connection() as connection:
            connection.execute("INSERT OR REPLACE INTO cells VALUES (?, ?, ?, ?, ?, ?, ?)", row)
