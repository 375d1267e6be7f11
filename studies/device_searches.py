"""Searches for accuracy and one metric of a device, beside the exact front of the two."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas import _core
from accelnas.exact import DistributionQuestion, WeightedProduct
from accelnas.search.objective import parse_sought
from accelnas.search.problem import Setting
from accelnas.search.runs.logs import Logs
from accelnas.search.runs.plan import Plan, resolved
from accelnas.search.runs.result import Runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from accelnas.benchmark import Benchmark
    from accelnas.exact import FrontResult
    from accelnas.space import Rows

    Floats = NDArray[np.float64]

__all__ = ["DeviceSearches", "Rewarded", "non_dominated", "paper_reward", "rewarded_runs"]

WEIGHT = 0.07
SAMPLES, SAMPLES_SEED = 1_000_000, 0
ACCURACY = "accuracy"


@dataclass(frozen=True)
class Rewarded:
    """Runs of a search for a reward, judged as searches for both of its metrics.

    Attributes
    ----------
    runs
        The non-dominated architectures of each run; what they say at the end of the budget alone is right.
    rewards
        Best reward of each run, float64 (runs,).
    """

    runs: Runs
    rewards: Floats


@dataclass
class DeviceSearches:
    """All searches for one metric of a device.

    Attributes
    ----------
    metric
        Beside accuracy.
    front
        Exact, of accuracy and the metric.
    reward
        What REINFORCE maximises.
    runs
        By algorithm.
    rewards
        Best reward of each run, by algorithm of those that maximise it.
    """

    metric: str
    front: FrontResult
    reward: WeightedProduct
    runs: dict[str, Runs] = field(default_factory=dict)
    rewards: dict[str, Floats] = field(default_factory=dict)

    @property
    def best_reward(self) -> tuple[float, Floats]:
        """Largest reward of the whole space, and both metrics there; as either helps, it is on the front."""
        scores = self.reward.score(self.front.metric_values, {})
        best = int(np.argmax(scores))
        return float(scores[best]), self.front.values[best]

    def pooled(self, label: str, few: int) -> Floats:
        """Give the points that the first runs of an algorithm found together and none of them dominates, (n, 2)."""
        runs = self.runs[label]
        last = int(runs.logs.starts[min(few, len(runs))])
        points = runs.true_scores[:last]
        return points[non_dominated(points, runs.plan.setting.sought.signs)]


def paper_reward(bench: Benchmark, metric: str, threads: int | None = None) -> WeightedProduct:
    """Make the paper's reward, with the median of random architectures to three digits as target."""
    median = bench.estimate(DistributionQuestion(metric), samples=SAMPLES, seed=SAMPLES_SEED, threads=threads)
    target = float(f"{median.quantile(0.5).value:.3g}")
    weight = WEIGHT if bench.metrics[metric].direction == "maximise" else -WEIGHT
    return WeightedProduct({ACCURACY: 1, metric: weight}, {metric: target})


def rewarded_runs(
    bench: Benchmark,
    label: str,
    algorithm: Any,
    reward: WeightedProduct,
    *,
    runs: int,
    budget: int,
    seed: int,
    threads: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> Rewarded:
    """Search for a reward with seeds of their own, and keep each run's front of the reward's metrics."""
    metrics = list(reward.exponents)
    setting = Setting.of(*parse_sought(bench, metrics), None, False, None)
    parts, rewards = [], np.empty(runs)
    for run in range(runs):
        history = bench.search(algorithm, reward, budget=budget, seed=seed + run, threads=threads)
        rewards[run] = history.best_values[-1]
        points = np.stack([history.values[metric] for metric in metrics], axis=1)
        parts.append(_front_of(history.architectures, points, setting.sought.signs))
        if progress is not None:
            progress((run + 1) * budget)
    plan = Plan(label, resolved(algorithm), setting, runs, budget, seed)
    return Rewarded(Runs(plan, Logs.joined(parts)), rewards)


def _front_of(rows: Rows, points: Floats, signs: Floats) -> Logs:
    """Keep what a run's end makes of it: architectures that none of the run dominates, each once."""
    kept = non_dominated(points, signs)
    count = np.array([len(kept)], np.int64)
    scores = np.ascontiguousarray(points[kept] * signs)
    return Logs(count, (kept + 1).astype(np.int64), rows[kept], scores, np.empty(0), np.zeros(1), np.array([len(rows)]))


def non_dominated(points: Floats, signs: Floats) -> NDArray[np.int64]:
    """Give positions of the points that no other one dominates, ascending, the first of equal ones.

    Examples
    --------
    >>> import numpy as np
    >>> points = np.array([[1.0, 5.0], [2.0, 3.0], [2.0, 3.0], [0.0, 6.0]])
    >>> non_dominated(points, np.array([1.0, 1.0])).tolist(), non_dominated(points, np.array([1.0, -1.0])).tolist()
    ([0, 1, 3], [1])
    """
    _, first = np.unique(points, axis=0, return_index=True)
    first = np.sort(first)
    ranks = _core.non_dominated_ranks(np.ascontiguousarray(points[first] * signs))
    kept: NDArray[np.int64] = first[ranks == 0].astype(np.int64)
    return kept
