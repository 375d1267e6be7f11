"""Tables of the reproduction of Fig. 4: fronts, rewards, the authors' networks, all points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from accelnas.search.runs.summary import summarised
from studies.base import Table
from studies.fig3 import kendall

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from accelnas.benchmark import Benchmark
    from accelnas.search.runs.result import Runs
    from studies.device_searches import DeviceSearches
    from studies.networks import Location, SearchedNetwork

    Floats = NDArray[np.float64]
    Located = Mapping[tuple[SearchedNetwork, str], Location]

__all__ = ["SEEDS", "all_tables", "order_of_top1", "standing"]

SEEDS = 5
LEVEL, PER_CENT, RESAMPLES = 0.95, "95 %", 1000


def all_tables(bench: Benchmark, searches: Sequence[DeviceSearches], located: Located) -> list[Table]:
    """Make all tables of the report."""
    return [
        _networks(located),
        _fronts(searches),
        _rewards(bench, searches),
        _points(bench, searches),
    ]


def _networks(located: Located) -> Table:
    lines = []
    for (network, metric), location in located.items():
        speed = location.values[1]
        measured = network.throughput if metric == network.metric else None
        lines.append(
            {
                "network": network.name,
                "metric": metric,
                "top-1, trained by r [%]": network.top1,
                "top-1, predicted for p* [%]": location.values[0],
                "measured": measured,
                "predicted": speed,
                "error [%]": None if measured is None else 100 * (speed / measured - 1),
                "dominated by": location.dominating,
                "top-1 short [points]": location.shortfalls[0],
                "metric short [%]": 100 * location.shortfalls[1] / speed,
                "distance": location.distance,
            }
        )
    text = (
        "Each network beside the exact front of accuracy and the metric. *Dominated by*: architectures "
        "predicted to be at least as good in both and better in one, counted exactly. *Short*: how much better the "
        "best architecture is in this one that is at least as good in the other. *Distance*: IGD+ to the nearest point "
        "of the front, both metrics scaled to their range on it. Errors of the surrogates are in all of these."
    )
    return Table("networks", "The authors' networks", pl.DataFrame(lines, infer_schema_length=None), text)


def _fronts(searches: Sequence[DeviceSearches]) -> Table:
    lines = []
    for device in searches:
        for label, runs in device.runs.items():
            last = [runs.plan.budget]
            volumes, distances = runs.hypervolume(last), runs.igd_plus(last)
            lines.append(
                {
                    "metric": device.metric,
                    "algorithm": label,
                    "runs": len(runs),
                    f"hypervolume, {SEEDS} seeds": float(volumes[:SEEDS].mean()),
                    **_with_interval("hypervolume", volumes),
                    f"IGD+, {SEEDS} seeds": float(distances[:SEEDS].mean()),
                    **_with_interval("IGD+", distances),
                    "points a run": float(np.mean([len(runs.front(run)[0]) for run in range(min(SEEDS, len(runs)))])),
                }
            )
    text = (
        "Means over runs. The hypervolume is over that of the exact front, from the published reference point (top-1 "
        "30 %, throughput 0, latency 40 ms on ZCU102 and 20 ms on VCK190): more is better, 1 is all. IGD+ is the mean "
        "over the exact front of how far it is ahead of the run: less is better. Low and high are the ends of "
        f"{PER_CENT} bootstrap intervals of the mean of all runs; *points a run* is of the first {SEEDS}."
    )
    return Table("fronts", "Fronts that the searches found", pl.DataFrame(lines), text)


def _with_interval(name: str, values: Floats) -> dict[str, float]:
    found = summarised(values, np.array([1]), LEVEL, RESAMPLES, 0)
    return {name: float(found.mean[0]), f"{name} low": float(found.lower[0]), f"{name} high": float(found.upper[0])}


def _rewards(bench: Benchmark, searches: Sequence[DeviceSearches]) -> Table:
    lines = []
    for device in searches:
        reward, (accuracy, speed) = device.best_reward
        for label, rewards in device.rewards.items():
            lines.append(
                {
                    "metric": device.metric,
                    "algorithm": label,
                    "target": f"{device.reward.targets[device.metric]:g} {bench.metrics[device.metric].unit}",
                    "exact front [points]": len(device.front.values),
                    "best reward": reward,
                    "top-1 there [%]": float(accuracy),
                    "metric there": float(speed),
                    f"reward of {SEEDS} seeds / best": float(rewards[:SEEDS].mean() / reward),
                    "reward of all runs / best": float(rewards.mean() / reward),
                }
            )
    text = "The reward's optimum over all architectures is a point of the exact front; means are of each run's best."
    return Table("rewards", "Rewards", pl.DataFrame(lines), text)


def _points(bench: Benchmark, searches: Sequence[DeviceSearches]) -> Table:
    frames = []
    for device in searches:
        frames.append(_frame(bench, device.metric, "exact", device.front.architectures, device.front.values))
        for label, runs in device.runs.items():
            frames += [_of_run(bench, device.metric, label, runs, run) for run in range(min(SEEDS, len(runs)))]
    return Table(
        "points", "What the figure shows", pl.concat(frames), "Of searches, the front of each run.", shown=False
    )


def _of_run(bench: Benchmark, metric: str, label: str, runs: Runs, run: int) -> pl.DataFrame:
    rows, values = runs.front(run)
    return _frame(bench, metric, f"{label}, run {run}", rows, values)


def _frame(bench: Benchmark, metric: str, label: str, rows: NDArray[np.uint8], values: Floats) -> pl.DataFrame:
    columns = {"architecture": bench.space.format(rows), "accuracy": values[:, 0], "value": values[:, 1]}
    return pl.DataFrame(columns).select(pl.lit(metric).alias("metric"), pl.lit(label).alias("found by"), pl.all())


def standing(fronts: pl.DataFrame) -> list[str]:
    """Say how often each algorithm's mean hypervolume is the largest, and above the first one's, random search's."""
    names = fronts["algorithm"].unique(maintain_order=True).to_list()
    volumes = fronts.pivot("algorithm", index="metric", values="hypervolume").select(names).to_numpy()
    count, first = len(volumes), volumes.argmax(axis=1)
    largest = "; ".join(f"{name} {int((first == i).sum())}" for i, name in enumerate(names) if (first == i).any())
    above = "; ".join(f"{name} {int((volumes[:, i] > volumes[:, 0]).sum())}" for i, name in enumerate(names) if i)
    return [
        f"Mean hypervolumes of {count} metrics: largest are {largest}; larger than those of {names[0]} are {above}."
    ]


def order_of_top1(networks: pl.DataFrame) -> list[str]:
    """Say how far trained and predicted top-1 put the networks in the same order."""
    trained, predicted = (
        networks.unique("network", maintain_order=True)[column].to_numpy()
        for column in ("top-1, trained by r [%]", "top-1, predicted for p* [%]")
    )
    if len(trained) < 3:
        return []
    tau = kendall(trained, predicted)
    return [f"Trained and predicted top-1 of the {len(trained)} networks differ in level; their order has τ {tau:.2f}."]
