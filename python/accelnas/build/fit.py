"""Fit every metric of a benchmark: members by fold and seed, then compile and write."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.build.evaluate import Figures, evaluate
from accelnas.build.families import FAMILIES, Sample
from accelnas.build.splits import fold_parts
from accelnas.errors import DataError, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from accelnas import Space
    from accelnas.build.dataset import Dataset
    from accelnas.build.settings import MetricSettings, Recipe, Settings
    from accelnas.build.splits import Split

__all__ = ["Ensemble", "Member", "MetricResult", "fit_benchmark", "fit_ensemble", "fit_member", "write_formula"]

# link → (to the model's space, back to the metric)
LINKS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "identity": (lambda y: y, lambda z: z),
    "reciprocal": (lambda y: 1.0 / y, lambda z: 1.0 / z),
    "log": (np.log, np.exp),
}


@dataclass(frozen=True)
class Member:
    """One fitted model; its prediction in link space is ``bias + scale * model``."""

    model: Any
    scale: float
    bias: float
    trees: int


@dataclass(frozen=True)
class Ensemble:
    """The fitted members of one metric."""

    metric: MetricSettings
    members: tuple[Member, ...]

    def predict(self, choices: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Predict the metric, float64 (n,): the link's inverse of the members' mean."""
        family = FAMILIES[_recipe(self.metric).family]
        inputs = choices.astype(np.float32)
        links = [m.bias + m.scale * family.predict(m.model, inputs) for m in self.members]
        back = LINKS[self.metric.link][1]
        return np.asarray(back(np.mean(links, axis=0)))


@dataclass(frozen=True)
class MetricResult:
    """What `fit_benchmark` did for one metric.

    Attributes
    ----------
    name
        The metric.
    figures
        Agreement with the test part; None where it is empty, and for a formula.
    members, trees
        Number of models and of trees in all of them (no trees for an exact metric).
    noise
        Standard deviation of one measurement, from the repeats; None without repeats.
    seconds
        Time of the fit and of compiling and verifying.
    """

    name: str
    figures: Figures | None
    members: int
    trees: int
    noise: float | None
    seconds: float


def fit_benchmark(
    dataset: Dataset,
    split: Split,
    settings: Settings,
    out: str | Path,
    *,
    metrics: Iterable[str] | None = None,
    threads: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    verified_rows: int = 100_000,
) -> list[MetricResult]:
    """Fit, compile and write a benchmark directory.

    Members are trained on train and validation part together, each leaving out one fold for early
    stopping; the test part is for the figures only. The result depends on data, split, settings
    and library versions, not on `threads`.

    Parameters
    ----------
    dataset, split, settings
        What to fit, on which rows, and how.
    out
        The benchmark directory, created or updated metric by metric.
    metrics
        Names to fit; None means all of the settings.
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
    """
    names = list(settings.metrics) if metrics is None else list(metrics)
    for name in names:
        if name not in settings.metrics:
            known = ", ".join(settings.metrics)
            raise ModelError(f"settings {settings.name} have no metric {name!r}; they have {known}")
        if not settings.metrics[name].formula:
            dataset.values(name)  # complains early
    tell = progress or (lambda *_: None)
    results = []
    for name in names:
        metric = settings.metrics[name]
        start = time.perf_counter()
        if metric.formula:
            tell(name, 0, 1)
            write_formula(dataset.space, settings, metric, out)
            tell(name, 1, 1)
            results.append(MetricResult(name, None, 1, 0, 0.0, time.perf_counter() - start))
            continue
        if metric.recipe is None:
            predicted, members, trees = _write_exact(dataset, split, settings, metric, out, tell)
        else:
            ensemble = fit_ensemble(dataset, split, metric, settings, threads, tell)
            _write_ensemble(dataset, split, settings, ensemble, out, threads, verified_rows)
            predicted = ensemble.predict(dataset.choices)
            members, trees = len(ensemble.members), sum(m.trees for m in ensemble.members)
        test = usable_rows(dataset, metric, split.test)
        figures = evaluate(dataset.values(name)[test], predicted[test]) if test.size > 1 else None
        seconds = time.perf_counter() - start
        noise = dataset.report.noise.get(name)
        results.append(MetricResult(name, figures, members, trees, noise, seconds))
    return results


def usable_rows(dataset: Dataset, metric: MetricSettings, ids: NDArray[np.int64]) -> NDArray[np.intp]:
    """Rows of `ids` that were measured, without outliers if the metric drops them."""
    rows = dataset.rows(ids)
    usable = ~np.isnan(dataset.values(metric.name)[rows])
    if metric.drop_outliers:
        usable &= ~np.isin(ids, dataset.report.outliers.get(metric.name, ()))
    return rows[usable]


def fit_ensemble(
    dataset: Dataset,
    split: Split,
    metric: MetricSettings,
    settings: Settings,
    threads: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Ensemble:
    """Fit the members of one metric on train and validation part; see `fit_benchmark`."""
    tell = progress or (lambda *_: None)
    both = np.sort(np.concatenate([split.train, split.val]))
    folds = fold_parts(dataset, both, settings.folds, settings.seed)

    def one(number: int) -> Member:
        val = folds[number % len(folds)]
        train = np.setdiff1d(both, val, assume_unique=True)
        return fit_member(dataset, train, val, metric, settings, settings.seed + number)

    members = []
    tell(metric.name, 0, settings.members)
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        for member in pool.map(one, range(settings.members)):
            members.append(member)
            tell(metric.name, len(members), settings.members)
    return Ensemble(metric, tuple(members))


def fit_member(
    dataset: Dataset,
    train_ids: NDArray[np.int64],
    val_ids: NDArray[np.int64],
    metric: MetricSettings,
    settings: Settings,
    seed: int,
) -> Member:
    """Fit one model on `train_ids`, stopped early on `val_ids`."""
    recipe = _recipe(metric)
    train, val = (usable_rows(dataset, metric, ids) for ids in (train_ids, val_ids))
    if not train.size or not val.size:
        raise DataError(f"{metric.name} has {train.size} training and {val.size} validation rows; it needs both")
    targets = _to_link(dataset.values(metric.name), metric, dataset.ids)
    bias, scale = 0.0, 1.0
    if settings.standardise:
        bias = float(targets[train].mean())
        scale = float(targets[train].std()) or 1.0  # a constant metric
    inputs = dataset.choices.astype(np.float32)
    family = FAMILIES[recipe.family]
    samples = [Sample(inputs[rows], (targets[rows] - bias) / scale) for rows in (train, val)]
    try:
        model = family.fit(samples[0], samples[1], recipe, dataset.space, seed)
    except (TypeError, ValueError) as error:  # what the libraries raise for wrong parameters
        raise ModelError(f"{recipe.family} refuses recipe {recipe.name}: {error}") from error
    return Member(model, scale, bias, family.size(model))


def _recipe(metric: MetricSettings) -> Recipe:
    if metric.recipe is None:
        raise ModelError(f"{metric.name} is exact; it has no recipe to fit")
    return metric.recipe


def _to_link(values: NDArray[np.float64], metric: MetricSettings, ids: NDArray[np.int64]) -> NDArray[np.float64]:
    if metric.link != "identity" and (values <= 0).any():  # NaN compares false
        row = int(np.argmax(values <= 0))
        raise DataError(f"id {ids[row]}: {metric.name} is {values[row]}; link {metric.link} needs values above 0")
    return np.asarray(LINKS[metric.link][0](values))


def _provenance(dataset: Dataset, split: Split, settings: Settings) -> dict[str, str]:
    return {
        "data_sha256": dataset.sha256,
        "split": split.name,
        "split_sha256": split.sha256,
        "settings": settings.name,
        "settings_sha256": settings.sha256,
        "seed": str(settings.seed),
    }


def _write_ensemble(
    dataset: Dataset,
    split: Split,
    settings: Settings,
    ensemble: Ensemble,
    out: str | Path,
    threads: int | None,
    verified_rows: int,
) -> None:
    from accelnas.build.compile import MetricSpec, compile_metric

    metric = ensemble.metric
    compile_metric(
        [member.model for member in ensemble.members],
        space=dataset.space,
        metric=MetricSpec(
            name=metric.name,
            unit=metric.unit,
            direction=metric.direction,
            link=metric.link,
            noise=dataset.report.noise.get(metric.name),
            description=metric.description,
        ),
        directory=out,
        scale=[member.scale for member in ensemble.members],
        bias=[member.bias for member in ensemble.members],
        architectures=dataset.choices,
        provenance={**_provenance(dataset, split, settings), "recipe": _recipe(metric).name},
        random_rows=verified_rows,
        threads=threads,
    )


def write_formula(space: Space, settings: Settings, metric: MetricSettings, out: str | Path) -> None:
    """Write a metric that follows from the architecture alone.

    Raises
    ------
    ModelError
        If the formula does not know the space.
    """
    from accelnas import _core
    from accelnas.build.mnasnet import FORMULAS

    _core.write_metric(
        str(out),
        metric.name,
        FORMULAS[metric.name](space),
        unit=metric.unit,
        direction=metric.direction,
        link=metric.link,
        noise=0.0,
        description=metric.description,
        provenance={"recipe": "formula", "settings": settings.name, "settings_sha256": settings.sha256},
    )


def _write_exact(
    dataset: Dataset,
    split: Split,
    settings: Settings,
    metric: MetricSettings,
    out: str | Path,
    tell: Callable[[str, int, int], None],
) -> tuple[NDArray[np.float64], int, int]:
    from accelnas import _core
    from accelnas.build.costs import block_costs

    tell(metric.name, 0, 1)
    costs = block_costs(dataset, metric.name, np.concatenate([split.train, split.val]))
    constant, values = costs.scaled()
    _core.write_metric(
        str(out),
        metric.name,
        _core.Surrogate.additive(dataset.space._core, constant, [v.tolist() for v in values]),
        unit=metric.unit,
        direction=metric.direction,
        link=metric.link,
        noise=0.0,
        description=metric.description,
        provenance={**_provenance(dataset, split, settings), "recipe": "exact"},
    )
    tell(metric.name, 1, 1)
    predicted = costs.predict(dataset.space.block_states(dataset.choices)) / 10**costs.decimals
    return np.asarray(predicted), 1, 0
