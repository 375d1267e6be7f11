"""Whether our searches find as much as those of others with as many evaluations: speed must not be bought."""

from __future__ import annotations

from math import sqrt
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.search_peers import BOTH, PEERS, Costs, plain_evolution

if TYPE_CHECKING:
    import accelnas

EVALUATIONS = 600
RUNS = 200
FRONT_EVALUATIONS = 10_000
FRONT_SEEDS = 10
FRONT_PEERS = ("pymoo nsga2", "pymoo nsga2 uniform", "pygmo nsga2", "deap nsga2")
EVOLUTIONS = ((20, 10), (100, 25))
AGREE = 3.0  # standard errors of the difference


def summary(samples: list[float]) -> dict[str, Any]:
    """Give the mean, its standard error and all samples."""
    return {"mean": mean(samples), "error": stdev(samples) / sqrt(len(samples)), "samples": samples}


def apart(ours: dict[str, Any], theirs: dict[str, Any]) -> float:
    """Give the difference of two means in standard errors of it; positive if ours is larger."""
    return float((ours["mean"] - theirs["mean"]) / sqrt(ours["error"] ** 2 + theirs["error"] ** 2))


def regrets(bench: accelnas.Benchmark) -> dict[str, Any]:
    """Compare final regrets of regularised evolution, ours and in plain Python."""
    from accelnas.search.algorithms import RegularizedEvolution

    best = float(bench.best("accuracy").values[0])
    results: dict[str, Any] = {"optimum": best, "evaluations": EVALUATIONS, "settings": {}}
    for population, sample in EVOLUTIONS:
        algorithm = RegularizedEvolution(population, sample)
        ours = bench.simulate(algorithm, "accuracy", runs=RUNS, budget=EVALUATIONS, seed=1)
        theirs = []
        for seed in range(RUNS):
            costs = Costs(bench, ("accuracy",), keep=True)
            plain_evolution(population, sample, costs, EVALUATIONS, seed)
            theirs.append(best - float(costs.values().max()))
        final = np.asarray(ours.best_values)[:, -1]
        results["settings"][f"{population} and {sample}"] = {
            "accelnas": summary([float(best - value) for value in final]),
            "plain Python": summary(theirs),
        }
    return results


def fronts(bench: accelnas.Benchmark) -> dict[str, Any]:
    """Compare hypervolumes of all that NSGA-IIs evaluated, from the published reference point."""
    from accelnas.exact import REFERENCES, hypervolume

    directions = [bench.metrics[name].direction for name in BOTH]
    reference = [REFERENCES[name] for name in BOTH]

    def volume(values: Any) -> float:
        return float(hypervolume(np.asarray(values)[:FRONT_EVALUATIONS], reference, directions))

    exact = bench.pareto_front(list(BOTH)).hypervolume()
    found: dict[str, Any] = {}
    found["accelnas"] = summary(
        [
            volume(bench.search("nsga2", list(BOTH), budget=FRONT_EVALUATIONS, seed=seed).scores)
            for seed in range(FRONT_SEEDS)
        ]
    )
    for name in FRONT_PEERS:
        volumes = []
        for seed in range(1, FRONT_SEEDS + 1):
            costs = Costs(bench, BOTH, keep=True)
            PEERS[name].run(costs, FRONT_EVALUATIONS, seed)
            volumes.append(volume(costs.values()))
        found[PEERS[name].title] = summary(volumes)
    return {"exact": exact, "evaluations": FRONT_EVALUATIONS, "found": found}
