"""Fig. 4 of the paper: searches for accuracy and a metric of a device, and the networks picked from them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

import accelnas
from accelnas.circumstances import machine
from accelnas.errors import MetricError
from accelnas.plots.runs import Panel, plot_fronts
from accelnas.search import Nsga2, RandomSearch, Reinforce
from accelnas.search.objective import parse_sought
from accelnas.search.problem import Setting
from accelnas.search.proven import exact_front
from studies.base import Comparison, Figure, Reproduction
from studies.device_searches import ACCURACY, DeviceSearches, paper_reward, rewarded_runs
from studies.fig4_tables import SEEDS, all_tables, order_of_top1, standing
from studies.lstm import LSTM, Done, libraries_of, lstm_controller, lstm_runs
from studies.networks import NETWORKS, SOURCE, encoded, locate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from accelnas.benchmark import Benchmark
    from studies.networks import Location, SearchedNetwork

    Floats = NDArray[np.float64]
    Located = Mapping[tuple[SearchedNetwork, str], Location]

__all__ = ["BUDGET", "METRICS", "RUNS", "TOLERANCE", "reproduce_fig4"]

METRICS = (
    "throughput_a100",
    "throughput_3090",
    "throughput_tpuv2",
    "throughput_tpuv3",
    "throughput_zcu102",
    "throughput_vck190",
    "latency_zcu102",
    "latency_vck190",
)
RUNS, BUDGET, TOLERANCE, DRAWN = 1000, 1500, 0.05, 15
RANDOM, REINFORCE, NSGA2 = "random search", "REINFORCE, factorised", "NSGA-II"
RULE = (
    "Compared are the speeds of the networks that the authors picked: measured by them, and predicted by the bundled "
    f"benchmark. A speed is reproduced if they differ by {100 * TOLERANCE:.0f} % at most, a choice. The fronts of the "
    "figure are drawn in the paper without numbers; what is reproduced of them are the settings: REINFORCE with the "
    "reward accuracy · (metric / target)^w, w = 0.07 for throughput and −0.07 for latency, 250 steps of 6 "
    "architectures, 5 seeds, and random search with as many."
)
REMARKS = (
    "The trained top-1 is of full training (scheme r), the benchmark's of the cheap scheme p*: they do not compare.",
    "The target scales this reward by a constant, so that the order of architectures under it does not depend on it.",
    "Targets here are medians of a million random architectures, to three digits: Adam ignores the reward's scale.",
    "A reward has one optimum, around which REINFORCE collects its points; NSGA-II is made to find fronts.",
    "The network 3090-b of the authors is a100-b. There is none for TPUv2.",
)


def reproduce_fig4(
    bench: Benchmark | None = None,
    *,
    metrics: Sequence[str] | None = None,
    seed: int = 0,
    runs: int = RUNS,
    budget: int = BUDGET,
    lstm: int | None = None,
    threads: int | None = None,
    progress: Callable[[float], object] | None = None,
) -> Reproduction:
    """Search for accuracy and each metric with the paper's algorithms, and set the authors' networks beside the front.

    Parameters
    ----------
    bench
        The bundled benchmark by default.
    metrics
        Some of `METRICS`; all by default.
    seed, runs, budget
        Of every algorithm; the paper has 5 runs, which are the first of these here, and 1,500 evaluations.
    lstm
        Runs of the paper's LSTM controller, 5 seconds each. By default 5, or none without accelnas-training.
    threads
        Nothing found depends on it.
    progress
        Called with the number of finished evaluations.

    Raises
    ------
    MetricError
        If a metric is none of the figure's.
    SearchError
        If there are fewer than 2 runs.
    MissingExtraError
        If the LSTM controller is asked for and not installed.
    """
    chosen = list(METRICS if metrics is None else metrics)
    unknown = [metric for metric in chosen if metric not in METRICS]
    if unknown or not chosen:
        raise MetricError(f"metrics of fig4 are {', '.join(chosen)}; choose from {', '.join(METRICS)}")
    of_lstm, done = lstm_runs(lstm, SEEDS, runs), Done(progress)
    bench = bench or accelnas.load()
    searches = [_searched(bench, metric, runs, budget, seed, of_lstm, threads, done) for metric in chosen]
    rows = encoded(bench.space)
    located = {
        (network, device.metric): locate(bench, arch, device.front, threads)
        for device in searches
        for network, arch in zip(NETWORKS, rows, strict=True)
        if network.is_of(device.metric)
    }
    tables = all_tables(bench, searches, located)
    only = f" --metrics {','.join(chosen)}" if metrics is not None else ""
    return Reproduction(
        name="fig4",
        title="Fig. 4: searches for accuracy and speed on eight metrics of devices",
        source=f"{SOURCE}: the networks; Fig. 4: a plot without numbers",
        rule=RULE,
        comparisons=_compare(bench, located),
        command=f"accelnas reproduce fig4{only} --seed {seed} --runs {runs} --lstm {of_lstm} --output DIRECTORY",
        machine=machine(),
        versions=libraries_of(of_lstm),
        tables=tables,
        figures=[
            Figure(
                "fig4",
                f"The exact front of each pair, what {min(SEEDS, runs)} seeds of every search found together, and the "
                "authors' networks by their letters, as predicted. "
                f"At most {DRAWN} points of each front found are drawn.",
                lambda path: _draw(path, bench, searches, located),
            )
        ],
        remarks=[*standing(tables[1].frame), *order_of_top1(tables[0].frame), *REMARKS],
    )


def _searched(
    bench: Benchmark, metric: str, runs: int, budget: int, seed: int, of_lstm: int, threads: int | None, done: Done
) -> DeviceSearches:
    pair = [ACCURACY, metric]
    front = exact_front(Setting.of(*parse_sought(bench, pair), None, False, None))
    found = DeviceSearches(metric, front, paper_reward(bench, metric, threads))
    rewarded = {REINFORCE: (Reinforce(), runs), **({LSTM: (lstm_controller(), of_lstm)} if of_lstm else {})}
    both: dict[str, RandomSearch | Nsga2] = {RANDOM: RandomSearch(), NSGA2: Nsga2()}
    for label, algorithm in both.items():
        found.runs[label] = bench.simulate(
            algorithm, pair, runs=runs, budget=budget, seed=seed, threads=threads, progress=done.within
        )
        done.end(runs * budget)
    for label, (learner, count) in rewarded.items():
        one = rewarded_runs(
            bench,
            label,
            learner,
            found.reward,
            runs=count,
            budget=budget,
            seed=seed,
            threads=threads,
            progress=done.within,
        )
        found.runs[label], found.rewards[label] = one.runs, one.rewards
        done.end(count * budget)
    return found


def _compare(bench: Benchmark, located: Located) -> list[Comparison]:
    """Set measured speeds of networks beside predictions."""
    return [
        Comparison(
            f"{network.name}: {metric}",
            network.throughput,
            location.values[1],
            TOLERANCE * network.throughput,
            bench.metrics[metric].unit,
        )
        for (network, metric), location in located.items()
        if metric == network.metric
    ]


def _draw(path: Path, bench: Benchmark, searches: Sequence[DeviceSearches], located: Located) -> None:
    plot_fronts(path, [_panel(bench, device, located) for device in searches])
    # thousands of points with six decimals of a pixel, each on a line of its own, fill a repository
    text = re.sub(r"(\d+\.\d)\d+", r"\1", path.read_text(encoding="utf-8"))
    path.write_text(re.sub(r"\s*\n\s*", "\n", text), encoding="utf-8")


def _panel(bench: Benchmark, device: DeviceSearches, located: Located) -> Panel:
    found = {label: _thinned(device.pooled(label, SEEDS), DRAWN) for label in device.runs}
    marked = {
        f"network {network.name[-1]}": (location.values[1], location.values[0])
        for (network, metric), location in located.items()
        if metric == device.metric
    }
    label = f"{device.metric} [{bench.metrics[device.metric].unit}]"
    return Panel(device.metric, label, "top-1 [%]", _thinned(device.front.values, 2 * DRAWN), found, marked)


def _thinned(points: Floats, most: int) -> Floats:
    """Give at most so many points of a front as figures show, speed first, the ends among them."""
    ordered: Floats = points[np.argsort(points[:, 0], kind="stable")][:, ::-1]
    kept = np.unique(np.linspace(0, len(ordered) - 1, min(most, len(ordered))).round().astype(np.int64))
    return ordered[kept]
