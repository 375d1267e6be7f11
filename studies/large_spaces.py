"""Surrogates of a space of 10^10 architectures from few of them: ours, chosen from data, and plain peers.

``python -m studies.large_spaces`` shows R², Kendall's tau and mean absolute error on 20,000 other architectures. The
space has two cells of NAS-Bench-201, whose accuracies on CIFAR-100 are multiplied, and two more choices without an
order that scale the product: the best architectures have no single cause.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

import accelnas
from accelnas.fitting.automatic import fit_automatically
from accelnas.fitting.dataset import from_table
from accelnas.fitting.encoding import Encoding
from accelnas.fitting.evaluate import evaluate
from accelnas.fitting.metric import MetricSpec
from accelnas.space.definition import defined
from studies.other_spaces import averaged, peers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accelnas import Space

__all__ = ["compared", "measured", "two_cells"]

OTHERS = 20_000  # architectures that figures are of
PEERS = ("XGBoost", "LightGBM")
ACTIVATIONS = {"relu": 0.97, "hswish": 1.0, "gelu": 0.99, "tanh": 0.9, "sigmoid": 0.8, "elu": 0.96}
NORMALISATIONS = {"batch": 1.0, "layer": 0.93, "group": 0.98, "instance": 0.88, "none": 0.7, "weight": 0.95}
COLUMNS = ("R²", "tau", "MAE", "seconds")


def two_cells() -> Space:
    """Give the space: two cells, an activation and a normalisation."""
    cell = accelnas.load("nasbench201").space
    letters = "abcdef"  # of an edge, in an architecture's string
    own = {
        variable.name: {"choices": list(variable.choices), "symbol": letter, "labels": list("01234")}
        for variable, letter in zip(cell.variables, letters, strict=True)
    }
    blocks = {
        f"cell{number}_{block.name}": [{"name": f"cell{number}_{name}", **own[name]} for name in block.variables]
        for number in (1, 2)
        for block in cell.blocks
    }
    blocks["layers"] = [
        {"name": "activation", "choices": list(ACTIVATIONS)},
        {"name": "normalisation", "choices": list(NORMALISATIONS)},
    ]
    return defined("two cells", blocks)


def measured(rows: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Accuracy in percent, float64 (n,), of architectures of `two_cells`, uint8 (n, 14)."""
    table = accelnas.load("nasbench201")
    cells = np.concatenate([rows[:, :6], rows[:, 6:12]])
    first, second = np.split(np.asarray(table.predict(cells, "cifar100", dtype="float64")), 2)
    gains = [np.array(list(gain.values())) for gain in (ACTIVATIONS, NORMALISATIONS)]
    return np.asarray(np.sqrt(first * second) * gains[0][rows[:, 12]] * gains[1][rows[:, 13]])


def compared(count: int, draw: int, budget: float) -> dict[str, list[float]]:
    """Fit all to so many random architectures; give their figures on others."""
    space = two_cells()
    rows = space.sample(count + OTHERS, seed=draw)
    values = measured(rows)
    found: dict[str, list[float]] = {}

    def judged(name: str, predicted: NDArray[np.float64], start: float) -> None:
        figures = evaluate(values[count:], predicted)
        found[name] = [figures.r2, figures.tau, figures.mae, time.perf_counter() - start]

    start = time.perf_counter()
    frame = pl.DataFrame(space.decode(rows[:count])).with_columns(accuracy=values[:count])
    with tempfile.TemporaryDirectory() as folder:
        data = from_table(frame, space)
        fit_automatically(data, [MetricSpec("accuracy", "%")], folder, budget=budget, threads=1)
        bench = accelnas.load(folder)
        judged("accelnas fit", np.asarray(bench.predict(rows[count:], "accuracy", dtype="float64")), start)
    inputs = Encoding.one_hot(space).transform(rows, np.float64)
    for name in PEERS:
        start = time.perf_counter()
        peer = peers()[name]
        model = peer.make(**peer.usual).fit(inputs[:count], values[:count])
        judged(name, model.predict(inputs[count:]), start)
    return found


def main() -> None:
    """Compare for numbers of measured architectures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[500, 1500])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--budget", type=float, default=120.0)
    given = parser.parse_args()
    print("| rows | model |", " | ".join(COLUMNS), "|")
    print("|---" * (2 + len(COLUMNS)) + "|")
    for count in given.rows:
        runs = [compared(count, draw, given.budget) for draw in range(given.draws)]
        for name, shown, numbers in averaged(runs):
            print(f"| {count:,} | {name} |", " | ".join([*shown[:3], f"{numbers[:, 3].mean():.0f}"]), "|", flush=True)


if __name__ == "__main__":
    main()
