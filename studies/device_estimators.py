"""Estimators of a device's time: how they rank networks, and what a search finds that believes them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import polars as pl
from scipy.stats import spearmanr

import accelnas
from accelnas import _core
from accelnas.circumstances import machine, versions
from accelnas.errors import DataError, MetricError
from accelnas.networks import network_layers
from studies.base import Figure, Reproduction, Table
from studies.fig3 import kendall
from studies.fig4 import METRICS
from studies.in_memory import with_metrics
from studies.lines import Lines, Mean, draw_panels, mean_of
from studies.lstm import LIBRARIES, Done

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from accelnas.benchmark import Benchmark
    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.splits import Split
    from accelnas.space import Rows

    Floats = NDArray[np.float64]

__all__ = ["Outcome", "outcomes", "study_estimator"]

ACCURACY, ESTIMATE = "accuracy", "estimated_time"
FEW, MANY, SEEDS, CANDIDATES = (10, 50, 200), 50, 3, 1000
QUANTILES, SAMPLES = (0.05, 0.25, 0.5), 20_000  # budgets: so many random architectures are as fast or faster
SURROGATE, COSTS = "surrogate", {"parameters": "params", "MACs": "macs"}
RULE = (
    "An estimator takes the surrogate's place in a search for the most accurate network within a time. The search is "
    "exact: it has the whole front of accuracy and estimate. *Lost, checked*: of that front the most accurate network "
    "whose time, by the surrogate, is truly within the budget, against the proven optimum. *Over budget*: by how much "
    "the network exceeds it that the estimator itself holds for the best within the budget, if it does."
)


@dataclass(frozen=True)
class Outcome:
    """What a search finds under one budget that believes an estimator.

    Attributes
    ----------
    lost
        Accuracy lost at the truly feasible networks of the estimator's front, in points; NaN where none is.
    trusted
        Accuracy lost, in points, by the network that the estimator holds for the best; negative beyond the budget.
    over
        By how much that network exceeds the budget, in per cent; 0 within it.
    """

    lost: float
    trusted: float
    over: float


def outcomes(accuracy: Floats, estimated: Floats, true: Floats, budgets: Mapping[float, float]) -> list[Outcome]:
    """Judge the front that an estimator gives: accuracies, estimated and true times of its points, (n,).

    Budgets are times, and the best accuracy that is possible within each.

    Examples
    --------
    >>> import numpy as np
    >>> front = np.array([60.0, 61.0, 62.0]), np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.2, 2.9])
    >>> outcomes(*front, {2.0: 61.5})
    [Outcome(lost=1.5, trusted=0.5, over=10.000000000000009)]
    """
    found = []
    for budget, best in budgets.items():
        feasible, believed = accuracy[true <= budget], np.flatnonzero(estimated <= budget)
        lost = float(best - feasible.max()) if len(feasible) else np.nan
        if not len(believed):
            found.append(Outcome(lost, np.nan, np.nan))
            continue
        chosen = believed[int(np.argmax(accuracy[believed]))]
        over = max(float(true[chosen] / budget - 1), 0.0)
        found.append(Outcome(lost, float(best - accuracy[chosen]), 100 * over))
    return found


@dataclass(frozen=True)
class _Device:
    """A metric, as times: what was measured of it, and its surrogate's."""

    metric: str
    bench: Benchmark
    choices: Rows
    times: Floats
    fitted: NDArray[np.intp]
    tested: NDArray[np.intp]

    @classmethod
    def of(cls, bench: Benchmark, dataset: Dataset, split: Split, metric: str) -> _Device:
        """Take a metric of the benchmark and the data."""
        if metric not in bench.metrics or metric not in dataset.metrics:
            raise MetricError(f"{metric!r} is no metric of both benchmark and data; choose from {', '.join(METRICS)}")
        values = dataset.values(metric)
        times = values if metric.startswith("latency") else 1 / values
        parts = [dataset.rows(np.concatenate([split.train, split.val])), dataset.rows(split.test)]
        fitted, tested = (part[~np.isnan(times[part])] for part in parts)
        if len(fitted) < max(FEW) or len(tested) < 2:
            raise DataError(f"{metric} has {len(fitted)} rows to fit and {len(tested)} to test; give 200 and 2 or more")
        return cls(metric, bench, dataset.choices, times, fitted, tested)

    def true(self, rows: Rows) -> Floats:
        """Give times by the surrogate, float64 (n,)."""
        values = np.asarray(self.bench.predict(rows, self.metric, dtype="float64"))
        return values if self.metric.startswith("latency") else 1 / values

    def some(self, count: int, seed: int) -> NDArray[np.intp]:
        """Draw rows to fit."""
        return np.asarray(np.random.default_rng(seed).permutation(self.fitted)[:count])


Estimator: TypeAlias = "tuple[str, int, int | None, Callable[[Rows], Floats] | None]"
"""Name, measurements, seed, and what gives times of architectures as a sum over blocks; None is the surrogate."""


def study_estimator(
    dataset: Dataset,
    split: Split,
    bench: Benchmark | None = None,
    *,
    metrics: Sequence[str] | None = None,
    seeds: int = SEEDS,
    seed: int = 0,
    threads: int | None = None,
    progress: Callable[[float], object] | None = None,
) -> Reproduction:
    """Rank measured networks by estimators of time, and search with each in the surrogate's place.

    Parameters
    ----------
    dataset, split
        Measurements of Accel-NASBench: estimators are fitted to rows of the training and validation part, and rank
        those of the test part.
    bench
        The bundled benchmark by default.
    metrics
        Some of `studies.fig4.METRICS`; all by default.
    seeds, seed
        Draws of the rows that estimators are fitted to, and the first of them.
    threads
        Nothing found depends on it.
    progress
        Called with the number of fronts that are done.

    Raises
    ------
    MetricError
        If a metric is not in both the benchmark and the data.
    DataError
        If too little is measured.
    """
    bench, done = bench or accelnas.load(), Done(progress)
    chosen = list(METRICS if metrics is None else metrics)
    sample, lines = bench.space.sample(SAMPLES, seed=seed), []
    # a line keeps the order, so that the front is that of the cost itself
    fronts = {name: _front_of(bench, cost, threads) for name, cost in COSTS.items()}
    for device in [_Device.of(bench, dataset, split, metric) for metric in chosen]:
        budgets: dict[float, float] = {}
        for name, count, draw, times in _estimators(device, seeds, seed):
            rows, accuracy = fronts[name] if name in fronts else _front(device, times, threads)
            true = device.true(rows)
            estimated = true if times is None else times(rows)
            if not budgets:  # the surrogate comes first, whose front is the exact one
                limits = np.quantile(device.true(sample), QUANTILES)
                budgets = {float(limit): float(accuracy[true <= limit].max()) for limit in limits}
            test = device.choices[device.tested]
            ranked = device.true(test) if times is None else times(test)
            measured = device.times[device.tested]
            head = {"metric": device.metric, "estimator": name, "measurements": count, "seed": draw}
            ranks = {"tau": kendall(measured, ranked), "spearman": float(spearmanr(measured, ranked).statistic)}
            for quantile, found in zip(QUANTILES, outcomes(accuracy, estimated, true, budgets), strict=True):
                lines.append({**head, **ranks, "quantile": quantile, **vars(found)})
            done.end(1)
    only = f" --metrics {','.join(chosen)}" if metrics is not None else ""
    frame = pl.DataFrame(lines, infer_schema_length=None)
    return Reproduction(
        name="estimator",
        title="Estimators of a device's time, and what searches find",
        source="",
        rule=RULE,
        comparisons=[],
        command=f"accelnas study estimator DATA{only} --seeds {seeds} --seed {seed} --output DIRECTORY",
        machine=machine(),
        versions=versions(LIBRARIES),
        tables=[_overall(frame, seeds), _by_device(frame), Table("runs", "All searches", frame, shown=False)],
        figures=[
            Figure(
                "estimator",
                "By estimator, and the number of measurements it is fitted to: means over devices, budgets and draws, "
                "with 95 % bootstrap intervals over devices.",
                lambda path: draw_panels(path, _panels(frame), [f"{count:g}" for count in FEW], "measurements"),
            )
        ],
        remarks=REMARKS,
    )


def _front(device: _Device, times: Callable[[Rows], Floats] | None, threads: int | None) -> tuple[Rows, Floats]:
    """Give the exact front of accuracy and a time."""
    if times is None:
        return _front_of(device.bench, device.metric, threads)
    estimate = {ESTIMATE: (_additive(device, times), "minimise")}
    return _front_of(with_metrics(device.bench, estimate), ESTIMATE, threads)


def _front_of(bench: Benchmark, metric: str, threads: int | None) -> tuple[Rows, Floats]:
    found = bench.pareto_front([ACCURACY, metric], threads=threads)
    return found.architectures, found.values[:, 0]


def _additive(device: _Device, times: Callable[[Rows], Floats]) -> _core.Surrogate:
    """Make tables of what is a sum over blocks, one number a block state."""
    space = device.bench.space
    sizes = [block.size for block in space.blocks]
    states = np.zeros((1 + sum(sizes), len(sizes)), np.uint16)  # every block in state 0, then one of them in each
    for block, (first, size) in enumerate(zip(np.cumsum([1, *sizes]), sizes, strict=False)):
        states[first : first + size, block] = np.arange(size)
    values = times(space._core.from_block_states(states))
    tables = np.split(values[1:] - values[0], np.cumsum(sizes)[:-1])
    return _core.Surrogate.additive(space._core, float(values[0]), [table.tolist() for table in tables])


def _estimators(device: _Device, seeds: int, first: int) -> Iterator[Estimator]:
    """Give the surrogate, then all others."""
    yield SURROGATE, len(device.fitted), None, None
    yield "block table", len(device.fitted), None, _block_table(device, device.fitted)
    sources = _training("transfer.sources")
    known = sources.default_sources(device.bench)
    own = [sources.board(name) for name in known if sources.machine(name) == sources.machine(device.metric)]
    features = _training("transfer.design").Features(sources.Sources(device.bench, sources.without(known, own)))
    for seed in range(first, first + seeds):
        for count in FEW:
            some = device.some(count, seed)
            for name, cost in COSTS.items():
                yield name, count, seed, _line(device, cost, some)
            yield "roofline", count, seed, _roofline(device, some)
            yield "block table", count, seed, _block_table(device, some)
            yield "transfer", count, seed, _transfer(device, features, count, seed)


def _training(module: str) -> Any:
    """Import a part of accelnas-training that needs no PyTorch."""
    if find_spec("accelnas_training") is None:  # not installed, but part of every clone
        sys.path.append(str(Path(__file__).parents[1] / "training"))
    return import_module(f"accelnas_training.{module}")


def _line(device: _Device, cost: str, some: NDArray[np.intp]) -> Callable[[Rows], Floats]:
    """Fit a line through a known cost that may not fall."""
    known = np.asarray(device.bench.predict(device.choices[some], cost, dtype="float64"))
    slope, constant = np.polyfit(known, device.times[some], 1)
    if slope <= 0:  # few measurements may say so; the order is that of the cost all the same
        slope, constant = device.times[some].mean() / known.mean(), 0.0
    return lambda rows: np.asarray(constant + slope * np.asarray(device.bench.predict(rows, cost, dtype="float64")))


def _roofline(device: _Device, some: NDArray[np.intp]) -> Callable[[Rows], Floats]:
    space, analytical = device.bench.space, _training("estimators.analytical")
    count = partial(analytical.layer_counts, network_layers(space))
    fitted = analytical.fit_roofline(count(space.block_states(device.choices[some])), device.times[some])
    return lambda rows: np.asarray(fitted.predict(count(space.block_states(rows))))


def _block_table(device: _Device, some: NDArray[np.intp]) -> Callable[[Rows], Floats]:
    """Fit one number a block state and one a choice, shrunk as leave-one-out errors say."""
    from sklearn.linear_model import RidgeCV

    def features(rows: Rows) -> Floats:
        states, space = device.bench.space.block_states(rows), device.bench.space
        blocks = [np.eye(block.size)[states[:, i]] for i, block in enumerate(space.blocks)]
        choices = [np.eye(len(v.states))[rows[:, i]] for i, v in enumerate(space.variables)]
        return np.concatenate([*blocks, *choices], axis=1)

    scale = float(device.times[some].mean())
    fitted = RidgeCV(np.geomspace(1e-4, 1e2, 13)).fit(features(device.choices[some]), device.times[some] / scale)
    return lambda rows: np.asarray(scale * fitted.predict(features(rows)))


def _transfer(device: _Device, features: Any, count: int, seed: int) -> Callable[[Rows], Floats]:
    """Know what blocks cost on all other boards; measure what these leave uncertain."""
    candidates = device.some(CANDIDATES, seed)
    groups = features.groups(device.choices[candidates])
    picked = _training("transfer.design").choose(groups, count)
    fitted = _training("transfer.regression").regress(
        [group[picked] for group in groups], device.times[candidates[picked]]
    )
    return lambda rows: np.asarray(fitted.predict(features.groups(rows)))


REMARKS = [
    line.strip()
    for line in """
    The truth is the surrogate, whose own τ on measured networks is in its row: losses below its error say little.
    *Parameters* and *MACs* are a line through them; only the line depends on the measurements, their order does not.
    *Roofline*: layers take max(MACs / peak, bytes / bandwidth) + overhead, three constants fitted to the measurements.
    *Block table*: one number a block state and one a choice by ridge regression, the penalty by leave-one-out errors.
    *Transfer*: the block costs of all other boards beside few chosen measurements; nothing of the own board is known.
    All of these are sums over blocks, so they are tables, and their fronts are as exact as the surrogate's.
    A *checked* search measures all of its front, tens to hundreds of networks; one that trusts measures none.
    """.strip().splitlines()
]


def _overall(frame: pl.DataFrame, seeds: int) -> Table:
    keys = ["estimator", "measurements"]
    of_all = frame.with_columns(measurements=pl.when(pl.col("seed").is_null()).then(None).otherwise("measurements"))
    table = of_all.group_by(keys, maintain_order=True).agg(
        pl.col("tau").mean().alias("τ"),
        pl.col("spearman").mean().alias("Spearman"),
        pl.col("lost").fill_nan(None).mean().alias("lost, checked [points]"),
        pl.col("lost").fill_nan(None).max().alias("worst"),
        pl.col("trusted").fill_nan(None).mean().alias("lost, trusted [points]"),
        pl.col("over").fill_nan(None).mean().alias("over budget [%]"),
        pl.col("over").fill_nan(None).max().alias("worst over [%]"),
        (100 * (pl.col("over") > 0).mean()).alias("violated [%]"),
        (100 * pl.col("over").is_nan().mean()).alias("nothing found [%]"),
    )
    shown = table.with_columns(measurements=pl.col("measurements").cast(pl.String).fill_null("all"))
    text = (
        f"Means over {frame['metric'].n_unique()} metrics of devices, budgets (the times that "
        f"{', '.join(f'{100 * q:g}' for q in QUANTILES)} % of random architectures keep) and {seeds} draws of the "
        "measurements. Ranks are of the measured networks of the test part. *Nothing found*: the estimator holds no "
        "network for fast enough."
    )
    return Table("overall", "All devices", shown, text)


def _by_device(frame: pl.DataFrame) -> Table:
    kept = frame.filter((pl.col("measurements") == MANY) | pl.col("seed").is_null())
    table = kept.group_by(["metric", "estimator", "measurements"], maintain_order=True).agg(
        pl.col("tau").mean().alias("τ"),
        pl.col("lost").fill_nan(None).mean().alias("lost, checked [points]"),
        pl.col("over").fill_nan(None).mean().alias("over budget [%]"),
    )
    return Table(
        "devices",
        "By device",
        table.with_columns(pl.col("measurements").cast(pl.String)),
        f"Estimators of {MANY} measurements, or of all.",
    )


def _panels(frame: pl.DataFrame) -> list[Lines]:
    few = frame.filter(pl.col("seed").is_not_null())
    names = few["estimator"].unique(maintain_order=True).to_list()

    def mean(name: str, count: int, column: str) -> Mean:
        own = few.filter(estimator=name, measurements=count).group_by("metric", maintain_order=True)
        return mean_of(
            own.agg(pl.col(column).fill_nan(None).mean())[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
        )

    return [
        Lines(title, ylabel, {name: [mean(name, count, column) for count in FEW] for name in names}, linear=linear)
        for column, title, ylabel, linear in (
            ("tau", "ranks of measured networks", "Kendall's τ", None),
            ("lost", "searches, checked", "accuracy lost [points]", 0.1),
            ("over", "searches that trust the estimate", "over budget [%]", 1.0),
        )
    ]
