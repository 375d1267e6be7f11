"""Surrogates of complete tables from some of their rows, judged on all others: ours, chosen from data, and plain peers.

``python -m studies.other_spaces --rows 0.1 --splits 5`` shows R², Kendall's tau, mean absolute error and the true rank
of the architecture that a surrogate takes for the best, of NAS-Bench-201 and NAS-Bench-Macro; figures are in
docs/surrogates.md.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from typing import TYPE_CHECKING, Any

import numpy as np

import accelnas
from accelnas.fitting.automatic import fit_automatically
from accelnas.fitting.completion import dataset_of
from accelnas.fitting.encoding import Encoding
from accelnas.fitting.evaluate import evaluate
from accelnas.fitting.metric import MetricSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from accelnas import Space

    Floats = NDArray[np.float64]

__all__ = ["TABLES", "compared"]

TABLES = {
    "nasbench-macro": ["accuracy"],
    "nasbench201": ["cifar10", "cifar100", "imagenet16_120"],
}
COLUMNS = ("R²", "tau", "MAE", "true rank of its best", "seconds")


def automatic(space: Space, index: NDArray[np.int64], measured: Floats, budget: float) -> Floats:
    """Predict all architectures by what `accelnas fit` chooses."""
    data = dataset_of(space, index, {"y": measured})
    with tempfile.TemporaryDirectory() as folder:
        fit_automatically(data, [MetricSpec("y")], folder, budget=budget)
        bench = accelnas.load(folder)
        return np.asarray(bench.predict(range(space.size), "y", dtype="float64"))


def peers() -> dict[str, Callable[[], Any]]:
    """Give estimators of scikit-learn's form, as a user would take them."""
    from lightgbm import LGBMRegressor
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
    from xgboost import XGBRegressor

    kernel = ConstantKernel() * RBF(1.0) + WhiteKernel(0.01)
    return {
        "XGBoost": lambda: XGBRegressor(n_estimators=400, learning_rate=0.05, n_jobs=1),
        "LightGBM": lambda: LGBMRegressor(n_estimators=400, learning_rate=0.05, n_jobs=1, verbose=-1),
        "random forest": lambda: RandomForestRegressor(300, random_state=0, n_jobs=1),
        "scikit-learn GP": lambda: GaussianProcessRegressor(kernel, normalize_y=True),
    }


def compared(table: str, metric: str, share: float, split: int, budget: float) -> dict[str, list[float]]:
    """Fit all to a share of a table, drawn by the split's number; give their figures on the other rows."""
    bench = accelnas.load(table)
    space = bench.space
    choices = space.range(0, space.size)
    values = np.asarray(bench.predict(choices, metric, dtype="float64"))
    order = np.random.default_rng(split).permutation(space.size)
    known, others = np.split(order, [int(share * space.size)])
    known.sort()
    inputs = Encoding.one_hot(space).transform(choices, np.float64)
    found = {}

    def judged(name: str, predict: Callable[[], Floats]) -> None:
        start = time.perf_counter()
        predicted = predict()
        seconds = time.perf_counter() - start
        figures = evaluate(values[others], predicted[others])
        rank = 1 + np.count_nonzero(values > values[np.argmax(predicted)])
        found[name] = [figures.r2, figures.tau, figures.mae, float(rank), seconds]

    judged("accelnas fit", lambda: automatic(space, known, values[known], budget))
    for name, make in peers().items():
        model = make()
        judged(name, lambda model=model: model.fit(inputs[known], values[known]).predict(inputs))  # type: ignore[misc]
    return found


def main() -> None:
    """Compare on every table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=float, nargs="+", default=[0.01, 0.05, 0.1])
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--budget", type=float, default=120.0)
    given = parser.parse_args()
    print("| table | rows | model |", " | ".join(COLUMNS), "|")
    print("|---" * (3 + len(COLUMNS)) + "|")
    for share in given.rows:
        for table, metrics in TABLES.items():
            for metric in metrics:
                runs = [compared(table, metric, share, split, given.budget) for split in range(given.splits)]
                for name in runs[0]:
                    numbers = np.array([run[name] for run in runs])
                    shown = [f"{m:.3f} ± {s:.3f}" for m, s in zip(numbers.mean(0), numbers.std(0), strict=True)]
                    ranks = ", ".join(f"{rank:.0f}" for rank in numbers[:, 3])
                    shown[3:] = [ranks, f"{numbers[:, 4].mean():.0f}"]
                    print(f"| {table} {metric} | {share:.0%} | {name} |", " | ".join(shown), "|", flush=True)


if __name__ == "__main__":
    main()
