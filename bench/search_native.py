"""Our searches as they are measured: many runs at once, one run by itself, and asked and told from Python."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from bench.search_peers import BOTH

if TYPE_CHECKING:
    from collections.abc import Mapping

    import accelnas

BATCH = 100  # architectures that are asked for at once from Python


@dataclass(frozen=True)
class Native:
    """A search of ours: ``way`` is how it is called, ``aim`` is in evaluations a second with the most threads."""

    title: str
    algorithm: str
    metrics: tuple[str, ...] = ("accuracy",)
    settings: Mapping[str, Any] = field(default_factory=dict)
    way: Literal["farm", "workers", "alone", "ask"] = "farm"
    runs: int = 1
    budget: int = 600
    threads: tuple[int, ...] = (1, 2)
    aim: float | None = None
    benchmark: str = "accel-nasbench"
    task: Mapping[str, Any] = field(default_factory=dict)  # what else `simulate` is told

    def run(self, bench: accelnas.Benchmark, threads: int, seed: int, part: float = 1) -> int:
        """Search, or only a part of it to warm up; give the number of evaluations."""
        from accelnas.search.algorithms import ALGORITHMS

        algorithm = ALGORITHMS[self.algorithm](**self.settings)
        objective: Any = self.metrics[0] if len(self.metrics) == 1 else list(self.metrics)
        runs = max(1, int(part * self.runs))
        budget = max(2, int(part * self.budget)) if self.runs == 1 else self.budget
        if self.way in {"farm", "workers"}:
            bench.simulate(algorithm, objective, runs=runs, budget=budget, seed=seed, threads=threads, **self.task)
        elif self.way == "alone":
            bench.search(algorithm, objective, budget=budget, seed=seed)
        else:
            optimizer = bench.optimizer(algorithm, objective, budget=budget, seed=seed)
            for _ in range(budget // BATCH):
                archs = optimizer.ask(BATCH)
                optimizer.tell(archs, bench.predict(archs, objective, threads=1))
        return runs * budget


_RE20 = {"population": 20, "sample": 10}
_RE100 = {"population": 100, "sample": 25}
_EVOLUTION = "regularized_evolution"
_A100 = ("accuracy", "throughput_a100")
_PAPER, _REAL = "regularised evolution, 20 and 10", "regularised evolution, 100 and 25"
_TRAININGS = {"clock": "train_time", "workers": 64}
# accuracies on another data set that is quickly learned, in the place of those after few epochs
_EPOCHS = {"fidelities": {10: "cifar10", 200: "cifar100"}, "clock": "epochs", "workers": 64}
# what the aims are about; runs are as many as take about a second
NATIVE: dict[str, Native] = {
    "re20": Native(_PAPER, _EVOLUTION, settings=_RE20, runs=10_000, aim=15e6),
    "re20 a100": Native(_PAPER, _EVOLUTION, ("throughput_a100",), _RE20, runs=10_000, aim=15e6),
    "re20 latency": Native(_PAPER, _EVOLUTION, ("latency_zcu102",), _RE20, runs=10_000, aim=15e6),
    "re100": Native(_REAL, _EVOLUTION, settings=_RE100, runs=10_000, aim=15e6),
    "re100 a100": Native(_REAL, _EVOLUTION, ("throughput_a100",), _RE100, runs=10_000, aim=15e6),
    "re100 latency": Native(_REAL, _EVOLUTION, ("latency_zcu102",), _RE100, runs=10_000, aim=15e6),
    "nsga2 latency": Native("NSGA-II, 100", "nsga2", BOTH, runs=200, budget=10_000, aim=5e6),
    "nsga2 a100": Native("NSGA-II, 100", "nsga2", _A100, runs=200, budget=10_000, aim=5e6),
    "random": Native("random search", "random_search", runs=10_000),
    "local": Native("local search", "local_search", runs=10_000, threads=(2,)),
    "annealing": Native("simulated annealing", "simulated_annealing", runs=10_000, threads=(2,)),
    "moead": Native("MOEA/D, 100", "moead", BOTH, runs=100, budget=6000, threads=(2,)),
    "reinforce": Native("REINFORCE", "reinforce", runs=2000, threads=(2,)),
    "gradient": Native("gradient ascent", "gradient_ascent", runs=2, budget=20, threads=(2,)),
    "random workers": Native(
        "random search, 64 workers", "random_search", way="workers", runs=2000, aim=1e6, task=_TRAININGS
    ),
    "re20 workers": Native(
        f"{_PAPER}, 64 workers", _EVOLUTION, settings=_RE20, way="workers", runs=2000, aim=1e6, task=_TRAININGS
    ),
    "local workers": Native(
        "local search, 64 workers", "local_search", way="workers", runs=2000, aim=1e6, task=_TRAININGS
    ),
    "reinforce workers": Native(
        "REINFORCE, 64 workers", "reinforce", way="workers", runs=1000, aim=1e6, task=_TRAININGS
    ),
    "nsga2 workers": Native(
        "NSGA-II, 100, 64 workers", "nsga2", BOTH, way="workers", runs=100, budget=6000, aim=1e6, task=_TRAININGS
    ),
    "re20 workers waiting": Native(
        f"{_PAPER}, 64 workers that wait for each other",
        _EVOLUTION,
        settings=_RE20,
        way="workers",
        runs=2000,
        aim=1e6,
        task=_TRAININGS | {"synchronous": True},
    ),
    "asha workers": Native(
        "ASHA, 64 workers, NAS-Bench-201",
        "asha",
        ("cifar100",),
        way="workers",
        runs=1000,
        aim=1e6,
        benchmark="nasbench201",
        task=_EPOCHS,
    ),
    "hyperband workers": Native(
        "Hyperband, 64 workers, NAS-Bench-201",
        "hyperband",
        ("cifar100",),
        way="workers",
        runs=1000,
        aim=1e6,
        benchmark="nasbench201",
        task=_EPOCHS,
    ),
    "re20 alone": Native(_PAPER, _EVOLUTION, settings=_RE20, way="alone", budget=1_000_000, threads=(1,)),
    "re100 alone": Native(_REAL, _EVOLUTION, settings=_RE100, way="alone", budget=1_000_000, threads=(1,)),
    "nsga2 alone": Native("NSGA-II, 100", "nsga2", BOTH, way="alone", budget=500_000, threads=(1,)),
    "random alone": Native("random search", "random_search", way="alone", budget=1_000_000, threads=(1,)),
    "re20 asked": Native(_PAPER, _EVOLUTION, settings=_RE20, way="ask", budget=1_000_000, threads=(1,), aim=500_000),
    "random asked": Native("random search", "random_search", way="ask", budget=1_000_000, threads=(1,), aim=500_000),
    "nsga2 asked": Native("NSGA-II, 100", "nsga2", BOTH, way="ask", budget=1_000_000, threads=(1,), aim=500_000),
}
