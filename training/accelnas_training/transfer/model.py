"""A new device's metric from a few measured architectures and the known devices."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from accelnas.caching import cached_property
from accelnas.errors import DataError, ModelError
from accelnas.fitting.ensemble import LINKS, Ensemble
from accelnas.fitting.entry import write_metric
from accelnas.fitting.families.base import Fit, Models
from accelnas.fitting.fit import unit_noise
from accelnas.fitting.settings import MetricSettings
from accelnas.fitting.uncertainty import estimate_uncertainty
from accelnas_training.transfer.design import Features
from accelnas_training.transfer.regression import Figures, Regression, figures_of, regress

if TYPE_CHECKING:
    from pathlib import Path

    from accelnas import _core
    from accelnas.fitting.dataset import Dataset
    from accelnas_training.arrays import Archs, Floats, Rows
    from accelnas_training.transfer.sources import Sources


_LEAST_ROWS = 5
_DIRECTIONS = {"reciprocal": "maximise", "identity": "minimise"}
_CHECKED_ROWS = 1000
_AGREEMENT = 1e-9  # of tables with the regression, relative


@dataclass(frozen=True, eq=False)
class Transfer:
    """A fitted metric: a sum over blocks on the scale of its link."""

    # name, and ``"identity"`` or ``"reciprocal"``
    metric: str
    link: str
    sources: Sources  # the known devices
    dataset: Dataset
    rows: Rows  # intp (k,): the first row of each measured architecture
    times: Floats  # float64 (k,): means of its measurements on the scale of the link
    regression: Regression

    @property
    def left_out(self) -> Figures:
        """How well each architecture is predicted from the others, on the scale of the link."""
        return figures_of(self.times, self.regression.left_out)

    @cached_property
    def surrogate(self) -> _core.Surrogate:
        """The tables: a number a block state, and a constant; ModelError if they differ from the regression."""
        features = Features(self.sources)
        surrogate = features.surrogate(self.regression.constant, self.regression.weights)
        archs = self.sources.space.sample(_CHECKED_ROWS, seed=1)
        expected = self.regression.predict(features.groups(archs))
        error = float(np.abs(surrogate.predict(archs, 1) - expected).max() / np.abs(expected).max())
        if error > _AGREEMENT:
            raise ModelError(f"{self.metric}: the tables are off by {error:.2g} of the largest value; report this")
        return surrogate

    def predict(self, archs: Archs) -> Floats:
        """Predict the metric of architectures (n, variables): float64 (n,), in its unit."""
        return np.asarray(LINKS[self.link].inverse(self.surrogate.predict(archs, 1)))

    def impossible(self, archs: Archs) -> float:
        """Share of architectures whose time is predicted as 0 or less: a sign of too few measurements."""
        return float(np.mean(self.surrogate.predict(archs, 1) <= 0))

    def write(self, directory: str | Path, *, unit: str = "", description: str = "") -> None:
        """Write the metric into a benchmark directory, created or updated.

        Standard deviations and intervals are calibrated on what each measurement is predicted to be from the others.
        Raises FileError or SpaceError if the directory can't be written, or is another space's.
        """
        settings = MetricSettings(self.metric, unit, _DIRECTIONS[self.link], self.link, description=description)
        tables = Models(lambda archs: self.surrogate.predict(archs, 1)[None], 1, self.surrogate.cell_count)
        fit = Fit(tables, self.regression.left_out, np.zeros(len(self.rows)))
        ensemble = Ensemble(settings, fit, 1.0, 0.0, self.rows, self.times)
        uncertainty = estimate_uncertainty(self.dataset, ensemble)
        provenance = {
            "recipe": "transfer",
            "data_sha256": self.dataset.sha256,
            "known": json.dumps(self.sources.names),
            "measured": str(len(self.rows)),
        }
        noise = unit_noise(self.dataset, ensemble, uncertainty)
        write_metric(directory, replace(settings, noise=noise), self.surrogate, provenance, uncertainty)


def fit_transfer(dataset: Dataset, metric: str, sources: Sources, link: str) -> Transfer:
    """Fit a new device's metric.

    Parameters
    ----------
    dataset
        Measured architectures; repeats are averaged.
    metric
        A column of it; rows without a value are left out.
    sources
        Known devices of the same space.
    link
        ``"identity"`` for a time or an energy, ``"reciprocal"`` for a speed.

    Raises
    ------
    DataError
        If there is no such metric, a value is not above 0, or fewer than 5 architectures were measured.

    Examples
    --------
    >>> import accelnas
    >>> import polars as pl
    >>> from accelnas.fitting.dataset import from_table
    >>> from accelnas_training.transfer.sources import Sources
    >>> bench = accelnas.load()
    >>> archs = bench.space.sample(30)
    >>> measured = pl.DataFrame(bench.space.decode(archs)).with_columns(
    ...     latency_mine=3 * bench.predict(archs, "latency_zcu102", dtype="float64")
    ... )
    >>> data = from_table(measured, bench.space)
    >>> transfer = fit_transfer(data, "latency_mine", Sources(bench), "identity")
    >>> ratio = transfer.predict(archs) / bench.predict(archs, "latency_zcu102")
    >>> bool(abs(ratio - 3).max() < 0.02)
    True
    """
    if link not in _DIRECTIONS:
        raise DataError(f"link is {link!r}; choose {' or '.join(_DIRECTIONS)}")
    values = dataset.values(metric)
    rows = np.flatnonzero(~np.isnan(values))
    if (values[rows] <= 0).any():
        wrong = rows[values[rows] <= 0][0]
        raise DataError(f"id {dataset.ids[wrong]}: {metric} is {values[wrong]}; times and speeds are above 0")
    _, first, groups = np.unique(dataset.groups[rows], return_index=True, return_inverse=True)
    if len(first) < _LEAST_ROWS:
        raise DataError(f"{metric} is measured for {len(first)} architectures; measure at least {_LEAST_ROWS}")
    times = LINKS[link].apply(values[rows])
    means = np.bincount(groups, weights=times) / np.bincount(groups)
    found = regress(Features(sources).groups(dataset.choices[rows[first]]), means)
    return Transfer(metric, link, sources, dataset, rows[first], means, found)
