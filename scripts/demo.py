"""Show EfficientNet-B0's metrics, then score ten million random architectures.

Usage: python scripts/demo.py [COUNT]
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import numpy as np

import accelnas
from accelnas import _core
from accelnas.cli.info import new_table, prediction_table
from accelnas.cli.shared import console

if TYPE_CHECKING:
    import numpy.typing as npt

EFFICIENTNET_B0 = "e1_k3_l1_se1-e6_k3_l2_se1-e6_k5_l2_se1-e6_k3_l3_se1-e6_k5_l3_se1-e6_k5_l4_se1-e6_k3_l1_se1"
METRICS = ["accuracy", "throughput_a100"]
MOST_SHOWN = 12


def non_dominated(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> list[int]:
    """Return the rows that no other row beats in both values, best `first` value first.

    Examples
    --------
    >>> import numpy as np
    >>> non_dominated(np.float32([3, 2, 1, 1]), np.float32([1, 2, 2, 3]))
    [0, 1, 3]
    """
    # the winner of a weighted sum drops most rows before the sort
    rows = np.arange(len(first))
    for weight in (0.5, 0.3, 0.7, 0.1, 0.9):
        score = weight / np.ptp(first) * first[rows] + (1 - weight) / np.ptp(second) * second[rows]
        winner = rows[score.argmax()]
        rows = rows[(first[rows] >= first[winner]) | (second[rows] >= second[winner])]
    order = rows[np.lexsort((-second[rows], -first[rows]))]
    best = np.maximum.accumulate(second[order])
    new = np.concatenate(([True], best[1:] > best[:-1]))
    return [int(row) for row in order[new]]


def main(count: int = 10_000_000) -> None:
    """Run the demonstration."""
    screen = console()
    bench = accelnas.load()
    screen.print("[bold]EfficientNet-B0[/bold], as predicted (± standard deviation of a measurement)")
    screen.print(prediction_table(bench, bench.space.encode([EFFICIENTNET_B0])))

    bench.predict(bench.space.sample(1), METRICS)  # read and expand the tables first
    started = time.perf_counter()
    archs = bench.space.sample(count, seed=0)
    sampled = time.perf_counter()
    values = bench.predict(archs, METRICS)
    scored = time.perf_counter()

    seconds = {"sampled": sampled - started, "scored": scored - sampled}
    for done, taken in seconds.items():
        screen.print(f"{count:,} architectures {done} in [bold]{taken:.2f} s[/bold] ({count / taken / 1e6:.1f} M/s)")
    screen.print(f"({' and '.join(METRICS)}, {_core.processors()} cores)\n")

    accuracy, throughput = (values[name] for name in METRICS)
    front = non_dominated(accuracy, throughput)
    shown = np.unique(np.linspace(0, len(front) - 1, MOST_SHOWN).round().astype(int))
    screen.print(f"best trade-offs found ({len(shown)} of {len(front)}):")
    numbers = ("accuracy %", "A100 images/s")
    table = new_table(*numbers, "architecture", numbers=numbers)
    rows = [front[i] for i in shown]
    for row, text in zip(rows, bench.space.format(archs[rows]), strict=True):
        table.add_row(f"{accuracy[row]:.2f}", f"{throughput[row]:,.0f}", text)
    screen.print(table)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
