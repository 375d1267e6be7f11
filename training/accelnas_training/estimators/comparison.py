"""All estimators on all metrics: errors beside what each costs to build, and their report."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from accelnas.errors import ModelError
from accelnas.fitting.ensemble import LINKS, fit_ensemble
from accelnas.fitting.metric import MetricSpec
from accelnas.fitting.settings import MetricSettings, read_settings
from accelnas.fitting.uncertainty import repeat_noise
from accelnas.networks import network_layers
from accelnas.plots.style import colours, drawing, grid, save
from accelnas.reports import joined, markdown, number
from accelnas_training.estimators.analytical import built_counts, fit_roofline, layer_counts
from accelnas_training.reports import made_by
from accelnas_training.transfer.design import Features, choose
from accelnas_training.transfer.evaluation import Case, speeds
from accelnas_training.transfer.regression import regress
from accelnas_training.transfer.sources import Sources, board, default_sources, fit_blocks, link_of, machine, without

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from accelnas import Benchmark
    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.splits import Split
    from accelnas_training.arrays import Floats, Rows
    from accelnas_training.estimators.analytical import LayerCounts
    from accelnas_training.estimators.profile import Profile
    from accelnas_training.networks.family import NetworkFamily


@dataclass(frozen=True, eq=False)
class Estimate:
    """What one estimator says of a case."""

    # of the estimator; the kinds are those of `accelnas_training.estimators.comparison.KINDS`
    name: str
    kind: str
    predicted: Floats  # float64 (test rows,): times
    measurements: int  # how many measurements it was built from
    seconds: float  # time to compute it, measurements not counted; NaN where it was computed before


KINDS = ("measurement", "analytical", "table", "transfer", "learned")

_LIKE = "latency_zcu102"  # whose recipe metrics without settings of their own have


@dataclass(frozen=True)
class ComparisonPlan:
    """What to compare."""

    metrics: Sequence[str] | None = None  # names; None means all throughputs and latencies of the data set
    few: int = 50  # measurements for the estimators that need few
    seed: int = 0  # of their draw, and of the noise of repeated measurements
    # measured blocks of the devices that have them, by metric
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    # what was measured, and pixels a side (the family's by default); None: the networks that formulas know of the space
    family: NetworkFamily | None = None
    resolution: int | None = None


def compare(
    dataset: Dataset,
    split: Split,
    bench: Benchmark,
    plan: ComparisonPlan,
    progress: Callable[[float], None] | None = None,
) -> pl.DataFrame:
    """Build every estimator of every metric, and compare it with the test part.

    The benchmark tells what transfer knows of other devices; what the metric's own machine runs is not used. `progress`
    is told the share of metrics that are done. Gives a row an estimator and metric: ``metric``, ``estimator``,
    ``kind``, ``rmse`` (in the unit of times: that of a latency, seconds for a throughput), ``mape`` in %, ``tau``,
    ``r2``, ``measurements``, ``seconds``. Analytical estimators need layers: of formulas, else of the family's
    networks, which are built; without both they are left out. Raises DataError if there is no such metric, or too
    little is measured, NetworkError if a network can't be built.
    """
    cases = [Case.of(dataset, split, metric) for metric in plan.metrics or speeds(dataset)]
    layers = _layers(dataset, plan)
    rows = []
    for done, case in enumerate(cases):
        if progress is not None:
            progress(done / len(cases))
        for estimate in _estimates(case, bench, plan, layers):
            figures = case.figures(estimate.predicted)
            about = {"metric": case.metric, "estimator": estimate.name, "kind": estimate.kind}
            cost = {"measurements": estimate.measurements, "seconds": estimate.seconds}
            rows.append({**about, **{name: figures[name] for name in ("rmse", "mape", "tau", "r2")}, **cost})
    return pl.DataFrame(rows)


def _layers(dataset: Dataset, plan: ComparisonPlan) -> LayerCounts | None:
    """Count the layers of all rows."""
    if plan.family is None:
        try:
            known = network_layers(dataset.space)
        except ModelError:
            return None
    else:
        formulas = plan.family.layers(plan.resolution)
        if formulas is None:
            return built_counts(plan.family, dataset.choices, plan.resolution)
        known = formulas
    return layer_counts(known, dataset.space.block_states(dataset.choices))


def _estimates(case: Case, bench: Benchmark, plan: ComparisonPlan, layers: LayerCounts | None) -> Iterator[Estimate]:
    yield from _measured_again(case, plan)
    if layers is not None:
        yield from _analytical(case, plan, layers)
    if case.metric in plan.profiles:
        yield from _profiled(case, plan.profiles[case.metric], plan)
    yield _timed("fitted block table", "table", case, lambda: _block_table(case), len(case.fitted))
    if case.dataset.space == bench.space:
        few = min(plan.few, len(case.fitted))
        yield _timed(f"transfer, {few} chosen", "transfer", case, lambda: _transfer(case, bench, few), few)
    yield _learned(case, bench)


def _timed(name: str, kind: str, case: Case, build: Callable[[], Floats], measurements: int) -> Estimate:
    """Build an estimator that predicts all rows."""
    started = time.perf_counter()
    predicted = build()
    return Estimate(name, kind, predicted[case.test], measurements, time.perf_counter() - started)


def _measured_again(case: Case, plan: ComparisonPlan) -> Iterator[Estimate]:
    """Simulate a second measurement from the relative noise of repeats: both have it."""
    noise = repeat_noise(case.dataset, MetricSpec(case.metric, link="log"))
    if noise is not None:
        draws = np.random.default_rng(plan.seed).standard_normal(len(case.test))
        again = case.times[case.test] * np.exp(np.sqrt(2) * noise * draws)
        yield Estimate("measured again", "measurement", again, len(case.test), 0.0)


def _analytical(case: Case, plan: ComparisonPlan, layers: LayerCounts) -> Iterator[Estimate]:
    rows = case.few(plan.few, plan.seed)
    times = case.times[rows]
    formulas: dict[str, Callable[[], Floats]] = {
        "parameters": partial(_line, layers.sums(layers.params), rows, times),
        "MACs": partial(_line, layers.sums(layers.macs), rows, times),
        "roofline": lambda: fit_roofline(layers[rows], times).predict(layers),
    }
    for name, build in formulas.items():
        yield _timed(name, "analytical", case, build, len(rows))


def _line(known: Floats, rows: Rows, times: Floats) -> Floats:
    """Predict all by a line through a few, by least squares."""
    design = np.vander(known / (np.abs(known).max() or 1.0), 2)
    return np.asarray(design @ np.linalg.lstsq(design[rows], times, rcond=None)[0])


def _profiled(case: Case, profile: Profile, plan: ComparisonPlan) -> Iterator[Estimate]:
    """Give the sum of measured blocks as it is, and with a line through a few measurements of networks."""
    sums = profile.times(case.dataset.space.block_states(case.dataset.choices), case.link)
    blocks = profile.measurements
    yield Estimate("profiled block table", "table", sums[case.test], blocks, profile.seconds)
    rows = case.few(plan.few, plan.seed)
    scaled = _line(sums, rows, case.times[rows])
    name = "profiled block table, scaled"
    yield Estimate(name, "table", scaled[case.test], blocks + len(rows), profile.seconds)


def _block_table(case: Case) -> Floats:
    """Fit one number a block state: what profiling would measure, from whole networks."""
    states = case.dataset.space.block_states(case.dataset.choices)
    sizes = [block.size for block in case.dataset.space.blocks]
    constant, tables = fit_blocks(states[case.fitted], sizes, case.times[case.fitted, None])
    return np.asarray(constant[0] + np.sum([table[states[:, b], 0] for b, table in enumerate(tables)], axis=0))


def _transfer(case: Case, bench: Benchmark, few: int) -> Floats:
    """Know all devices but the metric's own machine."""
    known = default_sources(bench)
    own = [board(name) for name in known if machine(name) == machine(case.metric)]
    features = Features(Sources(bench, without(known, own)))
    groups = features.groups(case.dataset.choices)
    candidates = case.few(1000, 0)
    rows = candidates[choose([group[candidates] for group in groups], few)]
    return regress([group[rows] for group in groups], case.times[rows]).predict(groups)


def _learned(case: Case, bench: Benchmark) -> Estimate:
    """Take the benchmark's own model if it was fitted on the same rows; else fit one as `accelnas fit` does."""
    if case.metric in bench.metrics:
        made_from = bench.provenance(case.metric)
        same = {"data_sha256": case.dataset.sha256, "split_sha256": case.split.sha256}
        if same.items() <= made_from.items():
            values = bench.predict(case.dataset.choices[case.test], case.metric, dtype="float64")
            return Estimate("compiled model", "learned", LINKS[case.link].apply(values), len(case.fitted), np.nan)
    return _timed("Gaussian process", "learned", case, lambda: _process(case), len(case.fitted))


def _process(case: Case) -> Floats:
    """Fit by the settings of the bundled benchmark."""
    settings = read_settings("bundled")
    like = settings.metrics.get(case.metric) or settings.metrics[_LIKE]
    metric: MetricSettings = replace(like, name=case.metric, link=case.link)
    processes = int(metric.recipe.parameters["processes"]) if metric.recipe else 1
    ids = np.concatenate([case.split.train, case.split.val])
    ensemble = fit_ensemble(case.dataset, ids, metric, settings, 1, None, processes)
    return np.asarray(LINKS[case.link].apply(ensemble.predict(case.dataset.choices)))


_HOW = """\
Figures are of the test part, on *times*: a throughput counts as time per image. *Cost* is how many measurements an
estimator is built from, and the seconds to compute it afterwards (of a profiled table: to measure its blocks).

- *measured again*: a second measurement of the same network, simulated from the relative noise of the architectures
  that the data has more than once: {repeats}. Both have the noise: a model without any error of its own would err
  1/√2 as much.
- *parameters*, *MACs*: a line through them. *Roofline*: layers take max(MACs / peak, bytes / bandwidth) + overhead,
  three constants of the device. All are fitted to the same few random measurements. Any family of networks will do:
  layers follow from formulas (MnasNet, NAS-Bench-201, NAS-Bench-Macro as their authors train them), else from building
  each network.
- *fitted block table*: one number a block state, by least squares from whole networks. *Profiled block table*: the
  blocks measured one by one on the device (of networks that do not show their blocks: as many whole networks as tell
  them apart) and added up, as they are, or *scaled* by a line through few networks.
- *transfer*: few chosen measurements beside the other boards' known block costs.
- *compiled model*: the benchmark's, where it was fitted on the same rows (its provenance says so); what
  `accelnas fit` took is not counted. Else a *Gaussian process* is fitted as `accelnas fit` does."""


def report_text(results: pl.DataFrame, dataset: Dataset, split: Split, path: Path, command: str) -> str:
    """Give the report of results on a data set and its split, made by a command, to be written to `path`."""
    sections = [
        "# Estimators of cost, side by side",
        made_by(command, dataset, split, path),
        _HOW.format(repeats=len(dataset.report.repeats)),
        f"![errors by cost]({path.stem}.svg)",
    ]
    for metric in results["metric"].unique(maintain_order=True):
        rows = [_row(row, metric) for row in results.filter(metric=metric).iter_rows(named=True)]
        header = ["estimator", "kind", "RMSE", "MAPE, %", "τ", "R²", "measurements", "seconds"]
        unit = "µs an image" if link_of(metric) == "reciprocal" else "the unit"
        sections += [f"## {metric}", f"RMSE in {unit}.", markdown(header, rows, words=2)]
    return joined(*sections)


def _row(row: dict[str, float], metric: str) -> list[str]:
    rmse = row["rmse"] * (1e6 if link_of(metric) == "reciprocal" else 1)
    figures = [number(rmse, 3), number(row["mape"], 3), f"{row['tau']:.3f}", f"{row['r2']:.4f}"]
    return [str(row["estimator"]), str(row["kind"]), *figures, f"{row['measurements']:,}", number(row["seconds"], 2)]


def draw(results: pl.DataFrame, path: Path) -> None:
    """Draw errors on a log scale, a panel a metric, with the number of measurements behind each."""
    from matplotlib.patches import Patch

    colour = colours(KINDS)
    metrics = results["metric"].unique(maintain_order=True).to_list()
    with drawing() as figure_class:
        figure, axes = grid(figure_class, len(metrics), 3, 3.4, 1.8)
        for axis, metric in zip(axes, metrics, strict=True):
            rows = results.filter(metric=metric)
            names = [f"{row['estimator']} ({row['measurements']:,})" for row in rows.iter_rows(named=True)]
            axis.barh(names, rows["mape"], color=[colour[kind] for kind in rows["kind"]], height=0.7)
            axis.set(title=metric, xscale="log", xlim=(0.02, 100))
            axis.invert_yaxis()
            axis.set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
            axis.minorticks_off()
            axis.grid(visible=False, axis="y")
            axis.tick_params(axis="y", length=0, labelsize=7)
        handles = [Patch(color=c, label=name) for name, c in colour.items() if name in results["kind"]]
        figure.legend(handles=handles, loc="outside upper left", ncols=5)
        figure.supxlabel("mean absolute error of times [%]; in brackets: measurements built from", fontsize=8)
        save(figure, path, "svg")
