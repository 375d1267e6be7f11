"""Surrogates from few rows of a table, with known metrics and without, judged on all other rows.

``python -m studies.few_rows`` fits NAS-Bench-201 with CIFAR-10 known, and NAS-Bench-Macro with its networks' sizes;
``--data ARCHIVE`` adds the devices of Accel-NASBench, each with all other bundled ones known. It shows Kendall's tau,
mean absolute error and the share of intervals that hold the value; figures are in docs/concepts/surrogates.md.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

import accelnas
from accelnas.fitting.automatic import fit_automatically
from accelnas.fitting.dataset import from_table, read_dataset
from accelnas.fitting.encoding import Encoding
from accelnas.fitting.evaluate import evaluate
from accelnas.fitting.metric import MetricSpec
from studies.other_spaces import averaged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Case", "cases", "compared"]

LEVELS = (0.8, 0.95)
TABLES = {
    "nasbench201 cifar100": ["cifar10"],
    "nasbench201 imagenet16_120": ["cifar10"],
    "nasbench-macro accuracy": ["params", "macs"],
}
DEVICES = ("latency_vck190", "throughput_3090")


@dataclass(frozen=True)
class Case:
    """A metric of measured architectures, and what is known of them."""

    name: str
    bench: accelnas.Benchmark
    known: Sequence[str]
    choices: NDArray[np.uint8]
    values: Floats


def cases(data: Path | None) -> list[Case]:
    """Give the complete tables, and the devices of a data set."""
    found = []
    for name, known in TABLES.items():
        table, metric = name.split()
        bench = accelnas.load(table)
        choices = bench.space.range(0, bench.space.size)
        values = np.asarray(bench.predict(choices, metric, dtype="float64"))
        found.append(Case(name, bench, known, choices, values))
    if data is not None:
        dataset, bench = read_dataset(data), accelnas.load()
        for device in DEVICES:
            values = dataset.values(device)
            measured = ~np.isnan(values)
            others = [
                metric
                for metric in bench.metrics
                if metric.startswith(("latency", "throughput")) and metric.split("_")[1] != device.split("_")[1]
            ]
            found.append(Case(f"anb {device}", bench, others, dataset.choices[measured], values[measured]))
    return found


def compared(case: Case, rows: int, draw: int, budget: float) -> dict[str, list[float]]:
    """Fit to some rows, drawn by the draw's number; give tau, MAE and coverage on the others, by model."""
    from sklearn.linear_model import RidgeCV
    from sklearn.preprocessing import StandardScaler
    from xgboost import XGBRegressor

    space = case.bench.space
    order = np.random.default_rng(draw).permutation(len(case.values))
    some, others = np.sort(order[:rows]), order[rows:]
    columns = {v.name: [v.states[c] for c in case.choices[some, i]] for i, v in enumerate(space.variables)}
    data = from_table(pl.DataFrame(columns | {"y": case.values[some]}), space)
    found = {}
    for name, known in (("accelnas fit, known metrics", [case.bench]), ("accelnas fit", [])):
        with tempfile.TemporaryDirectory() as folder:
            fit_automatically(
                data, [MetricSpec("y")], folder, budget=budget, threads=1,
                known=known, known_metrics=case.known if known else None,
            )  # fmt: skip
            fitted = accelnas.load(folder)
            predicted = np.asarray(fitted.predict(case.choices[others], "y", dtype="float64"))
            figures = evaluate(case.values[others], predicted)
            intervals = (fitted.predict_interval(case.choices[others], "y", level=level) for level in LEVELS)
            held = [np.mean((low <= case.values[others]) & (case.values[others] <= high)) for low, high in intervals]
        found[name] = [figures.tau, figures.mae, *held]
    of_known = case.bench.predict(case.choices, case.known, dtype="float64")
    features = np.stack([of_known[name] for name in case.known], axis=1)
    inputs = np.concatenate([features, Encoding.one_hot(space).transform(case.choices, np.float64)], axis=1)
    scaled = StandardScaler().fit_transform(features)
    for name, model, seen in (
        ("linear regression of known metrics", RidgeCV(np.geomspace(1e-3, 1e3, 13)), scaled),
        ("XGBoost, known metrics", XGBRegressor(n_estimators=400, learning_rate=0.05, n_jobs=1), inputs),
    ):
        predicted = model.fit(seen[some], case.values[some]).predict(seen[others])
        figures = evaluate(case.values[others], predicted)
        found[name] = [figures.tau, figures.mae]
    return found


def main() -> None:
    """Compare in every case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[50, 100, 200, 500])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--budget", type=float, default=120.0)
    parser.add_argument("--data", type=Path, help="archive or folder of Accel-NASBench")
    parser.add_argument("--only", help="cases whose name holds this text")
    given = parser.parse_args()
    print("| table | rows | model | tau | MAE | 80 % | 95 % |\n|---|---|---|---|---|---|---|")
    for case in cases(given.data):
        if given.only and given.only not in case.name:
            continue
        for rows in given.rows:
            runs = [compared(case, rows, draw, given.budget) for draw in range(given.draws)]
            for name, shown, _ in averaged(runs):
                print(
                    f"| {case.name} | {rows} | {name} |", " | ".join(shown + [""] * (4 - len(shown))), "|", flush=True
                )


if __name__ == "__main__":
    main()
