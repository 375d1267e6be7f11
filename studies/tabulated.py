"""The complete tables that come with the package, made from the files that their authors publish.

``python -m studies.tabulated nasbench201 nasbench201.parquet`` and ``python -m studies.tabulated nasbench-macro
nas-bench-macro_cifar10.json`` write them into the package.
"""

from __future__ import annotations

import argparse
import json
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

_OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
_SHORT = ("none", "skip", "c1", "c3", "pool")
_EDGES = {"node1+2": ("edge_0_1", "edge_0_2", "edge_1_2"), "node3": ("edge_0_3", "edge_1_3", "edge_2_3")}
_LAYERS = ("identity", "mb3_k3", "mb6_k5")  # inverted bottlenecks: expansion, kernel size


def nasbench201(path: Path) -> tuple[pl.DataFrame, Space, list[MetricSpec]]:
    """Read NAS-Bench-201 (Dong and Yang 2020): a column an edge, and one a data set and seed."""
    operations = {"choices": _OPERATIONS, "labels": _SHORT, "symbol": ""}
    blocks = {node: [{"name": edge, **operations} for edge in edges] for node, edges in _EDGES.items()}
    images = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "imagenet16_120": "ImageNet16-120"}
    metrics = [
        MetricSpec(
            name, "%", "maximise", description=f"Validation accuracy on {shown} after 200 epochs, mean of seeds."
        )
        for name, shown in images.items()
    ]
    return read_table(path), defined("nasbench201", blocks), metrics


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
        MetricSpec("params", "M", "minimise", noise=0.0, description="Parameters."),
        MetricSpec("macs", "M", "minimise", noise=0.0, description="Multiply-accumulate operations."),
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
