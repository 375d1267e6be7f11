"""What designing networks and accelerators together gains over designing one of both, or one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas import hardware
from accelnas.exact.constraints import parse_constraints
from accelnas.search import RandomSearch, RegularizedEvolution, Reinforce
from studies.search_noise import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from accelnas.benchmark import Benchmark
    from accelnas.hardware import Accelerator
    from accelnas.space import Rows
    from studies.search_noise import Judged

    Floats = NDArray[np.float64]

__all__ = [
    "ALGORITHMS",
    "APPROACHES",
    "BUDGETS",
    "KNOWN",
    "METRIC",
    "SAMPLES",
    "Gains",
    "Known",
    "Task",
    "gains",
    "joined",
    "limits_of",
    "searched",
]

METRIC, SAMPLES = "accuracy", 20_000
BUDGETS = {"tight": 0.1, "medium": 0.25, "loose": 0.5}
PENALTY = 100.0  # points of top-1 for a relative violation of 1: REINFORCE takes no constraints as such
ALGORITHMS: Mapping[str, Any] = {
    "random search": RandomSearch(),
    "regularized evolution": RegularizedEvolution(population=20, sample=10),
    "REINFORCE": Reinforce(),
}
APPROACHES = (
    "two stages",
    "alternating, best",
    "alternating, median",
    "drawn accelerator, median",
    "published accelerator",
    "EfficientNet-B0",
)


@dataclass(frozen=True)
class Known:
    """An accelerator of the package: its metric of area, and the configuration that is published."""

    area: str
    published: Mapping[str, Any]


KNOWN = {
    "dpu": Known("dsp_slices", {"size": 4096, "cores": 1, "alu": 4, "bandwidth": 19.2, "clock": 300}),
    "eyeriss": Known(
        "area",
        {
            "rows": 12, "cols": 14, "dataflow": "row", "weight_buffer": 8, "input_buffer": 64, "output_buffer": 36,
            "bandwidth": 1, "clock": 200,
        },
    ),
    "tpu": Known(
        "area",
        {
            "rows": 256, "cols": 256, "dataflow": "weight", "weight_buffer": 256, "input_buffer": 24576,
            "bandwidth": 34, "clock": 700, "bits": 8,
        },
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Task:
    """The most accurate network, on an accelerator of a family, within limits of latency, energy and area.

    Attributes
    ----------
    pairs
        Of networks and configurations, with the metrics that limits are of.
    networks
        The benchmark of the networks alone.
    accelerator
        The family.
    area
        Its metric of area.
    limits
        By metric.
    threads
        Nothing found depends on it.
    """

    pairs: Benchmark
    networks: Benchmark
    accelerator: Accelerator
    area: str
    limits: Mapping[str, float]
    threads: int | None = None

    @property
    def bounds(self) -> list[str]:
        """The limits as constraints."""
        return [f"{metric} <= {limit!r}" for metric, limit in self.limits.items()]

    @cached_property
    def configurations(self) -> Rows:
        """All configurations, as rows of the accelerator's space."""
        return self.accelerator.space.range(0, self.accelerator.space.size)

    @cached_property
    def areas(self) -> Floats:
        """Of all configurations."""
        return np.asarray(self._values(self.networks.space.sample(1, seed=0), self.area)[0])

    def row_of(self, published: Mapping[str, Any]) -> int:
        """Give the number of a configuration."""
        wanted = [v.states.index(published[v.name]) for v in self.accelerator.space.variables]
        return int(np.flatnonzero((self.configurations == wanted).all(axis=1))[0])

    def best(self, configuration: int | None = None) -> tuple[float, Rows | None]:
        """Give the best accuracy and its pair, proven; NaN and None where no pair keeps the limits.

        With a configuration the best network on it, whether or not its area is within the limit.
        """
        if configuration is None:
            found = self.pairs.best(METRIC, subject_to=self.bounds, threads=self.threads)
        else:
            variables = self.accelerator.space.variables
            chosen = zip(variables, self.configurations[configuration], strict=True)
            within = {variable.name: variable.states[choice] for variable, choice in chosen}
            costs = [bound for bound in self.bounds if not bound.startswith(self.area)]
            found = self.pairs.best(METRIC, subject_to=costs, within=within, threads=self.threads)
        return (float(found.values[0]), found.architectures[:1]) if len(found.architectures) else (np.nan, None)

    def kept(self, networks: Rows) -> NDArray[np.bool_]:
        """Say which configurations keep all limits with which networks, (networks, configurations)."""
        kept = np.ones((len(networks), len(self.configurations)), bool)
        for bound in parse_constraints(self.pairs.metrics, self.bounds):
            kept &= self._values(networks, bound.metric) <= bound.upper
        return kept

    def quickest(self, network: Rows) -> int:
        """Give the configuration of least latency times energy within the area limit; the smallest of equal ones."""
        product = self._values(network, "latency")[0] * self._values(network, "energy")[0]
        product[self.areas > self.limits[self.area]] = np.inf
        return int(np.lexsort((self.areas, product))[0])

    def _values(self, networks: Rows, metric: str) -> Floats:
        """Predict a metric for networks on all configurations, (networks, configurations)."""
        count = len(self.configurations)
        rows = np.hstack([np.repeat(networks, count, axis=0), np.tile(self.configurations, (len(networks), 1))])
        values = self.pairs.predict(rows, metric, dtype="float64", threads=self.threads)
        return np.array(values, np.float64).reshape(len(networks), count)


@dataclass(frozen=True)
class Gains:
    """The best accuracies within limits.

    Attributes
    ----------
    joint
        Proven; NaN where no pair keeps the limits.
    pair
        What reaches it, as text.
    published_fits
        Whether the published configuration is within the area limit.
    found
        By each of `APPROACHES`; NaN where it finds nothing within the limits. The published configuration counts as if
        it were within the area limit.
    failed
        Drawn configurations on which no network keeps the limits.
    """

    joint: float
    pair: str
    published_fits: bool
    found: Mapping[str, float]
    failed: int


def limits_of(pairs: Benchmark, area: str, quantile: float, seed: int = 0) -> dict[str, float]:
    """Give limits that so large a part of random pairs keeps each, to three digits."""
    sample = pairs.space.sample(SAMPLES, seed=seed)
    values = {name: pairs.predict(sample, name, dtype="float64") for name in ("latency", "energy", area)}
    return {name: float(f"{np.quantile(np.asarray(v), quantile):.3g}") for name, v in values.items()}


def joined(networks: Benchmark, accelerator: Accelerator) -> Benchmark:
    """Join what the study needs."""
    return hardware.join(networks, accelerator, metrics=[METRIC])


def gains(task: Task, published: Mapping[str, Any], network: Rows, front: Rows, *, starts: int, seed: int = 0) -> Gains:
    """Find the best network and accelerator by every approach.

    Parameters
    ----------
    task
        What is sought.
    published
        A configuration of the accelerator.
    network
        A known network, (1, variables).
    front
        Networks that the first of two stages proposes, without an accelerator.
    starts, seed
        Configurations drawn among those within the area limit: each is taken as it is, and alternated from.
    """
    joint, pair = task.best()
    accuracy = {"EfficientNet-B0": network, "two stages": front}
    found: dict[str, float] = {}
    for name, networks in accuracy.items():
        values = np.asarray(task.networks.predict(networks, METRIC, dtype="float64"))
        values = values[task.kept(networks).any(axis=1)]
        found[name] = float(values.max()) if len(values) else np.nan
    fitting = task.row_of(published)
    known = {fitting: task.best(fitting)}
    inside = np.flatnonzero(task.areas <= task.limits[task.area])
    drawn = np.random.default_rng(seed).permutation(inside)[:starts]
    ends = np.array([alternated(task, int(start), known) for start in drawn])
    alone = np.array([known[int(start)][0] for start in drawn])
    found |= {
        "published accelerator": known[fitting][0],
        "drawn accelerator, median": median(alone),
        "alternating, median": median(ends),
        "alternating, best": float(np.nan_to_num(ends, nan=-np.inf).max()) if not np.isnan(ends).all() else np.nan,
    }
    text = "" if pair is None else task.pairs.space.format(pair)[0]
    fits = bool(task.areas[fitting] <= task.limits[task.area])
    return Gains(joint, text, fits, {name: found[name] for name in APPROACHES}, int(np.isnan(alone).sum()))


def alternated(task: Task, start: int, known: dict[int, tuple[float, Rows | None]]) -> float:
    """Take the best network on a configuration, the quickest configuration for it, and so on until one comes again.

    Gives the best accuracy of all rounds; `known` keeps the best network by configuration.
    """
    seen: list[float] = []
    passed: set[int] = set()
    while start not in passed:
        passed.add(start)
        if start not in known:
            known[start] = task.best(start)
        accuracy, pair = known[start]
        if pair is None:
            break
        seen.append(accuracy)
        start = task.quickest(pair[:, : len(task.networks.space.variables)])
    return max(seen, default=np.nan)


def median(values: Floats) -> float:
    """Give the lower median, where NaN is below everything.

    Examples
    --------
    >>> import numpy as np
    >>> median(np.array([np.nan, 3.0, 2.0])), median(np.array([np.nan, np.nan, 3.0]))
    (2.0, nan)
    """
    middle = float(np.sort(np.nan_to_num(values, nan=-np.inf))[(len(values) - 1) // 2])
    return middle if np.isfinite(middle) else np.nan


def searched(
    task: Task, best: float, *, runs: int, budget: int, seed: int = 0, done: Callable[..., object] | None = None
) -> dict[str, Judged]:
    """Search among all pairs by three algorithms, and judge what runs find against the proven optimum."""
    found: dict[str, Judged] = {}
    for name, algorithm in ALGORITHMS.items():
        simulated = task.pairs.simulate(
            algorithm, METRIC, subject_to=task.bounds, runs=runs, budget=budget, seed=seed, threads=task.threads,
            penalty=PENALTY if name == "REINFORCE" else None, progress=done,
        )  # fmt: skip
        found[name] = judge(task.pairs, simulated, best)
    return found
