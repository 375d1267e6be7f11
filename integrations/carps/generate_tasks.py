"""Writes the tasks in carps/configs/task/Accelnas, as the generators of CARP-S do; needs carps and accelnas."""

from __future__ import annotations

import math
import sys
from itertools import chain
from pathlib import Path

import yaml

from carps.objective_functions.accelnas import AccelnasObjectiveFunction
from carps.utils.generate_tasks import (
    get_dict_input_space,
    get_dict_metadata,
    get_dict_opt_resources,
    get_dict_output_space,
)
from carps.utils.task import InputSpace, OptimizationResources, OutputSpace, TaskMetadata, get_search_space_info

BENCHMARK_ID = "Accelnas"
# benchmark, what it is to CARP-S, metric of virtual time, sets of objectives
BENCHMARKS = [
    (
        "accel-nasbench",
        "surrogate",
        "train_time",
        [
            ["accuracy"],
            ["latency_zcu102"],
            ["accuracy", "latency_zcu102"],
            ["accuracy", "throughput_a100"],
            ["accuracy", "latency_vck190", "params"],
        ],
    ),
    ("nasbench201", "tabular", None, [["cifar10"], ["cifar100"], ["imagenet16_120"], ["cifar100", "macs"]]),
    ("nasbench-macro", "tabular", None, [["accuracy"], ["accuracy", "params"]]),
]


def task(benchmark: str, kind: str, clock: str | None, metrics: list[str], *, noise: bool) -> dict[str, object]:
    """Give a task as its file holds it."""
    options = {"metric": metrics, "benchmark": benchmark, "clock": clock, "noise": noise}
    configspace = AccelnasObjectiveFunction(**options).configspace
    search_space = get_search_space_info(configspace)
    name = "/".join(["accelnas", benchmark, "+".join(metrics), *(["noisy"] if noise else [])])
    n_trials = math.ceil(20 + 40 * math.sqrt(search_space["dimensions"]))  # as for other benchmarks of CARP-S
    return {
        "benchmark_id": BENCHMARK_ID,
        "task_id": "${task.name}",
        "task": {
            "_target_": "carps.utils.task.Task",
            "name": name,
            "seed": "${seed}",
            "objective_function": {
                "_target_": "carps.objective_functions.accelnas.AccelnasObjectiveFunction",
                **options,
                "seed": "${seed}",
            },
            "input_space": get_dict_input_space(InputSpace(configspace)),
            "output_space": get_dict_output_space(OutputSpace(len(metrics), metrics)),
            "optimization_resources": get_dict_opt_resources(OptimizationResources(n_trials=n_trials)),
            "metadata": get_dict_metadata(
                TaskMetadata(
                    has_constraints=False,
                    domain="NAS",
                    objective_function_approximation=kind,
                    has_virtual_time=clock is not None,
                    deterministic=not noise,
                    **search_space,
                )
            ),
        },
    }


def plain(value: object) -> object:
    """Turn tuples and NumPy's numbers into what YAML knows."""
    if isinstance(value, dict):
        return {str(key): plain(own) for key, own in value.items()}
    if isinstance(value, list | tuple):
        return [plain(own) for own in value]
    return value.item() if hasattr(value, "item") else value


def main(folder: Path) -> None:
    """Write all tasks."""
    for benchmark, kind, clock, sets in BENCHMARKS:
        for metrics, noise in chain(((own, False) for own in sets), ((own, True) for own in sets[:1])):
            name = "_".join(["cfg", benchmark.replace("-", "_"), *metrics, *(["noisy"] if noise else [])])
            path = folder / ("SO" if len(metrics) == 1 else "MO") / f"{name}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            content = plain(task(benchmark, kind, clock, metrics, noise=noise))
            path.write_text("# @package _global_\n" + yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "carps/configs/task") / BENCHMARK_ID)
