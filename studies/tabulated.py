"""The complete tables that come with the package, made from the files that their authors publish.

``python -m studies.tabulated nasbench201 nasbench201.parquet`` and ``python -m studies.tabulated nasbench-macro
nas-bench-macro_cifar10.json`` write them into the package.
"""

from __future__ import annotations

import argparse
import json
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

import accelnas
from accelnas.fitting.dataset import from_table
from accelnas.fitting.settings import MetricSpec
from accelnas.fitting.table import read_table
from accelnas.fitting.tabulate import TabulatedMetric, tabulate
from accelnas.space.definition import defined

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelnas import Space

__all__ = ["TABLES", "make"]

_COSTS = {"params": "Parameters", "macs": "Multiply-accumulate operations"}
_OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
_SHORT = ("none", "skip", "c1", "c3", "pool")
_EDGES = {"node1+2": ("edge_0_1", "edge_0_2", "edge_1_2"), "node3": ("edge_0_3", "edge_1_3", "edge_2_3")}
# Of the network for CIFAR-10 (32 pixels, 10 classes), counted in integers: (parameters, multiply-accumulates). All that
# an edge costs are its convolutions, in 5 cells at each of 16, 32 and 64 channels on 32², 16² and 8² pixels. k×k is
# 5 (k² (16² + 32² + 64²) + 2 (16 + 32 + 64)) parameters, the last ones of batch normalisation, and 5 k² · 3 · 2¹⁸ MACs.
_EDGE_COSTS = {"nor_conv_1x1": (28_000, 3_932_160), "nor_conv_3x3": (243_040, 35_389_440)}
# Stem 464, residual blocks 14,464 and 57,600, last normalisation 128, classifier 650; stem 432 · 32², residual blocks
# (9 · 16 · 32 + 9 · 32² + 16 · 32) · 16² and four times that on 8², classifier 640.
_FIXED_COSTS = (73_306, 7_783_040)
_LAYERS = ("identity", "mb3_k3", "mb6_k5")  # inverted bottlenecks: expansion, kernel size


def nasbench201(path: Path) -> tuple[pl.DataFrame, Space, list[MetricSpec]]:
    """Read NAS-Bench-201 (Dong and Yang 2020): a column an edge, and one a data set and seed; costs are computed."""
    operations = {"choices": _OPERATIONS, "labels": _SHORT, "symbol": ""}
    blocks = {node: [{"name": edge, **operations} for edge in edges] for node, edges in _EDGES.items()}
    images = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "imagenet16_120": "ImageNet16-120"}
    metrics = [
        MetricSpec(
            name, "%", "maximise", description=f"Validation accuracy on {shown} after 200 epochs, mean of seeds."
        )
        for name, shown in images.items()
    ]
    table = read_table(path)
    for i, (name, description) in enumerate(_COSTS.items()):
        of_edge = {operation: costs[i] for operation, costs in _EDGE_COSTS.items()}
        edges = [pl.col(edge).replace_strict(of_edge, default=0) for edge in chain(*_EDGES.values())]
        total = table.select(pl.sum_horizontal(edges) + _FIXED_COSTS[i]).to_series().to_numpy()
        table = table.with_columns(pl.Series(name, total / 1e6))  # Polars' own division doesn't round to the nearest
        metrics.append(
            MetricSpec(name, "M", "minimise", noise=0.0, description=f"{description} of the network for CIFAR-10.")
        )
    return table, defined("nasbench201", blocks), metrics


def macro(path: Path) -> tuple[pl.DataFrame, Space, list[MetricSpec]]:
    """Read NAS-Bench-Macro (Su et al. 2021): a key of eight digits, one a layer."""
    content = json.loads(path.read_text())
    layers = {"choices": list(_LAYERS), "labels": ["0", "1", "2"], "symbol": ""}
    blocks = {f"layers{b}": [{"name": f"layer{b + i}", **layers} for i in range(4)] for b in (0, 4)}
    columns: dict[str, list[object]] = {f"layer{i}": [_LAYERS[int(key[i])] for key in content] for i in range(8)}
    for seed in range(3):
        columns[f"accuracy_seed{seed}"] = [row["test_acc"][seed] for row in content.values()]
    columns["params"] = [row["params"] / 1e6 for row in content.values()]
    columns["macs"] = [row["flops"] / 1e6 for row in content.values()]
    metrics = [
        MetricSpec("accuracy", "%", "maximise", description="Test accuracy on CIFAR-10, mean of three seeds."),
        *(MetricSpec(name, "M", "minimise", noise=0.0, description=f"{shown}.") for name, shown in _COSTS.items()),
    ]
    return pl.DataFrame(columns), defined("nasbench-macro", blocks), metrics


TABLES: dict[str, Callable[[Path], tuple[pl.DataFrame, Space, list[MetricSpec]]]] = {
    "nasbench201": nasbench201,
    "nasbench-macro": macro,
}


def make(name: str, path: Path, out: Path) -> list[TabulatedMetric]:
    """Write one of the benchmarks to a directory."""
    table, space, metrics = TABLES[name](path)
    return tabulate(from_table(table, space), metrics, out)


def main() -> None:
    """Make one into the package."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=TABLES)
    parser.add_argument("path", type=Path)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    out = given.out or Path(accelnas.__file__).parent / "data" / given.name
    for metric in make(given.name, given.path, out):
        print(metric)


if __name__ == "__main__":
    main()
