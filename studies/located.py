"""Where single networks lie in the whole space: beside the exact front, and how many architectures dominate them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelnas.benchmark import Benchmark
    from accelnas.exact import FrontResult
    from accelnas.space import Rows

__all__ = ["Location", "locate"]


@dataclass(frozen=True)
class Location:
    """A network beside the exact front of two metrics.

    Attributes
    ----------
    values
        Predicted, of both metrics.
    dominating
        Architectures of the space that are at least as good in both and better in one.
    shortfalls
        By how much the best architecture that is at least as good in the other metric is better, of each metric, in
        its unit.
    distance
        IGD+ of the network to the front's nearest point: how far that is ahead, every metric scaled to its range on
        the front. 0 on the front.
    """

    values: tuple[float, float]
    dominating: int
    shortfalls: tuple[float, float]
    distance: float


def locate(bench: Benchmark, arch: Rows, front: FrontResult, threads: int | None = None) -> Location:
    """Set one architecture, uint8 (variables,), beside a front of two metrics."""
    metrics = [objective.metric for objective in front.objectives]
    signs = np.array([1.0 if objective.direction == "maximise" else -1.0 for objective in front.objectives])
    predicted = bench.predict(arch[None], metrics, dtype="float64", threads=threads)
    values = [float(predicted[metric][0]) for metric in metrics]
    gains = (front.values - np.array(values)) * signs
    shortfalls = [float(gains[gains[:, 1 - i] >= 0, i].max(initial=0.0)) for i in range(2)]
    extent = np.ptp(front.values, axis=0)
    ahead = np.maximum(gains / np.where(extent > 0, extent, 1.0), 0.0)
    return Location(
        (values[0], values[1]),
        _dominating(bench, dict(zip(metrics, values, strict=True)), signs.tolist(), threads),
        (shortfalls[0], shortfalls[1]),
        float(np.sqrt((ahead**2).sum(axis=1)).min()),
    )


def _dominating(bench: Benchmark, values: Mapping[str, float], signs: Sequence[float], threads: int | None) -> int:
    """Count what is at least as good in all, less what is equal in all."""
    at_least: dict[str, tuple[float | None, float | None]] = {
        metric: (value, None) if sign > 0 else (None, value)
        for (metric, value), sign in zip(values.items(), signs, strict=True)
    }
    equal = {metric: (value, value) for metric, value in values.items()}
    return int(bench.count(at_least, threads=threads)) - int(bench.count(equal, threads=threads))
