"""Fit every metric of a benchmark, compile it and write it."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from accelnas import _core
from accelnas.arguments import check_threads, check_whole
from accelnas.errors import AccelnasWarning, DataError, ModelError
from accelnas.fitting.compile import MOST_ROWS, compile_metric
from accelnas.fitting.costs import block_costs
from accelnas.fitting.encoding import Encoding
from accelnas.fitting.ensemble import fit_ensemble, link_of, usable_rows
from accelnas.fitting.entry import write_metric
from accelnas.fitting.evaluate import Figures, evaluate
from accelnas.fitting.families import FAMILIES
from accelnas.fitting.provenance import kernels
from accelnas.fitting.settings import LARGEST
from accelnas.fitting.uncertainty import estimate_uncertainty
from accelnas.networks.memory import FORMULAS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.ensemble import Ensemble
    from accelnas.fitting.settings import MetricSettings, Settings
    from accelnas.fitting.splits import Split
    from accelnas.fitting.uncertainty import Uncertainty

__all__ = ["MetricResult", "fit_benchmark", "unit_noise", "write_ensemble"]


@dataclass(frozen=True)
class MetricResult:
    """What `fit_benchmark` did for one metric.

    Attributes
    ----------
    name
        The metric.
    figures
        Agreement with the test part; None where it is empty, and for a formula.
    family
        Model family; "exact" or "formula" where nothing is estimated.
    members, size
        Number of models, and of trees or table cells in all of them (0 for an exact metric).
    noise
        Standard deviation of one measurement, from repeats; None without repeats.
    seconds
        Time of the fit and of compiling and verifying.
    """

    name: str
    figures: Figures | None
    family: str
    members: int
    size: int
    noise: float | None
    seconds: float


def fit_benchmark(
    dataset: Dataset,
    split: Split,
    settings: Settings,
    out: str | Path,
    *,
    metrics: Iterable[str] | None = None,
    members: int | None = None,
    threads: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    verified_rows: int = 100_000,
) -> list[MetricResult]:
    """Fit, compile and write a benchmark directory.

    Models are fitted on train and validation part together; folds of them serve early stopping and the
    estimate of the uncertainty. The test part is for the figures only. The result depends on data,
    split, settings, library versions and on the loops that the linear algebra library and NumPy choose
    for the processor (provenance "kernels"), but not on `threads`. Where other loops run, predictions of
    Gaussian processes are within 0.001 of their standard deviation over the space of what they were.

    Parameters
    ----------
    dataset, split, settings
        What to fit, on which rows, and how.
    out
        The benchmark directory, created or updated metric by metric.
    metrics
        Names to fit; None means all of the settings.
    members
        Ensemble members of every metric; the settings' number by default.
    threads
        Members fitted at the same time; None means all cores.
    progress
        Called with (metric, members fitted, members in all).
    verified_rows
        Random architectures on which compiled and source models are compared, besides the data's.

    Returns
    -------
    list of MetricResult
        One a metric, in the order fitted.

    Raises
    ------
    DataError
        If a metric is not in the data, or its values don't suit its link.
    ModelError
        If a metric is not in the settings, or a model can't be compiled exactly.

    Warns
    -----
    AccelnasWarning
        If the repeats that the noise of a metric comes from can't all be of one kind; and as `compile_metric`.
    """
    names = list(settings.metrics) if metrics is None else list(metrics)
    check_threads(threads)
    members = None if members is None else check_whole("members", members, 1, LARGEST, ModelError)
    verified_rows = check_whole("verified_rows", verified_rows, 1, MOST_ROWS, ModelError)
    if not names:
        raise ModelError(f"settings {settings.name} name no metrics; name some with --maximise or --minimise")
    for name in names:
        _check_metric(dataset, settings, name)
        if name in dataset.report.doubtful and settings.metrics[name].noise is None:
            warnings.warn(f"{name}: {dataset.report.doubtful[name]}", AccelnasWarning, stacklevel=2)
    tell = progress or (lambda *_: None)
    results = []
    for name in names:
        metric = settings.metrics[name]
        start = time.perf_counter()
        noise: float | None
        if metric.recipe is None:
            tell(name, 0, 1)
            family, count, size, noise = "formula" if metric.formula else "exact", 1, 0, 0.0
            predicted = _write_exact(dataset, split, settings, metric, out)
            tell(name, 1, 1)
        else:
            ids = np.concatenate([split.train, split.val])
            ensemble = fit_ensemble(dataset, ids, metric, settings, threads, tell, members)
            uncertainty = estimate_uncertainty(dataset, ensemble, tails=settings.tails)
            noise = unit_noise(dataset, ensemble, uncertainty)
            write_ensemble(dataset, split, settings, ensemble, uncertainty, noise, out, threads, verified_rows)
            predicted = ensemble.predict(dataset.choices)
            family, count, size = metric.recipe.family, ensemble.fit.models.count, ensemble.fit.models.size
        figures = None
        if predicted is not None:
            test = usable_rows(dataset, metric, split.test)
            figures = evaluate(dataset.values(name)[test], predicted[test]) if test.size > 1 else None
        results.append(MetricResult(name, figures, family, count, size, noise, time.perf_counter() - start))
    return results


def _check_metric(dataset: Dataset, settings: Settings, name: str) -> None:
    """Complain before anything is fitted."""
    metric = settings.metric(name)
    known = {*dataset.measurable, *(field.removeprefix("column ") for field in dataset.report.unknown)}
    if not metric.formula and name not in known:
        raise DataError(
            f"the data has no metric {name!r} of settings {settings.name}; it has {', '.join(dataset.measurable)}: "
            "name them with their directions, --maximise and --minimise, or those of the settings with --metrics"
        )
    if not metric.formula:
        dataset.values(name)
    if metric.recipe is not None and not FAMILIES[metric.recipe.family].compiles:
        raise ModelError(
            f"{name}: {metric.recipe.family} does not compile into trees or tables; compare it with "
            "`accelnas evaluate`, and fit a benchmark with another family, or without settings"
        )


def unit_noise(dataset: Dataset, ensemble: Ensemble, uncertainty: Uncertainty) -> float | None:
    """Noise of one measurement in the metric's unit, at the median of the fitted values."""
    if uncertainty.noise is None:
        return None
    values = dataset.values(ensemble.metric.name)[ensemble.rows]
    return uncertainty.noise * float(link_of(ensemble.metric).slope(np.median(values)))


def write_ensemble(
    dataset: Dataset,
    split: Split,
    settings: Settings,
    ensemble: Ensemble,
    uncertainty: Uncertainty,
    noise: float | None,
    out: str | Path,
    threads: int | None,
    verified_rows: int,
) -> None:
    """Compile an ensemble, verify it and write it into a benchmark directory."""
    metric, models = ensemble.metric, ensemble.fit.models
    tables = models.tables
    if tables is not None:
        # the bias joins the trees, where there are any
        tables = tables.scaled(ensemble.scale, 0.0 if models.trees else ensemble.bias)
    compile_metric(
        models.trees,
        tables=tables,
        space=dataset.space,
        metric=replace(metric, noise=noise),
        directory=out,
        encoding=Encoding.one_hot(dataset.space) if metric.recipe and metric.recipe.one_hot else None,
        missing=math.nan,  # nothing was, in training
        absent="zero",
        scale=ensemble.scale,
        bias=ensemble.bias,
        architectures=dataset.choices,
        uncertainty=uncertainty,
        provenance=_provenance(dataset, split, settings, metric),
        random_rows=verified_rows,
        threads=threads,
    )


def _write_exact(
    dataset: Dataset, split: Split, settings: Settings, metric: MetricSettings, out: str | Path
) -> np.ndarray | None:
    """Write a metric that has a formula, or is an exact sum over blocks; give the sum's values of all rows."""
    predicted = None
    if metric.formula:
        surrogate = FORMULAS[metric.name](dataset.space)
        provenance = {"recipe": "formula", "settings": settings.name, "settings_sha256": settings.sha256}
    else:
        costs = block_costs(dataset, metric.name, np.concatenate([split.train, split.val]))
        unit = 10**costs.decimals
        values = [(of_block / unit).tolist() for of_block in costs.values]
        surrogate = _core.Surrogate.additive(dataset.space._core, costs.constant / unit, values)
        provenance = _provenance(dataset, split, settings, metric)
        predicted = np.asarray(costs.predict(dataset.space.block_states(dataset.choices)) / unit)
    write_metric(out, replace(metric, noise=0.0), surrogate, provenance)
    return predicted


def _provenance(dataset: Dataset, split: Split, settings: Settings, metric: MetricSettings) -> dict[str, str]:
    recipe = metric.recipe
    return {
        "data_sha256": dataset.sha256,
        "split": split.name,
        "split_sha256": split.sha256,
        "settings": settings.name,
        "settings_sha256": settings.sha256,
        "seed": str(settings.seed),
        "recipe": "exact" if recipe is None else recipe.name,
        "family": "exact" if recipe is None else recipe.family,
    } | ({} if recipe is None else {"kernels": kernels()})
