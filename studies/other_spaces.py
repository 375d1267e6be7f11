"""Surrogates of complete tables from some of their rows, judged on all others: ours, chosen from data, and tuned peers.

``python -m studies.other_spaces --rows 0.1 --splits 5`` shows R², Kendall's tau, mean absolute error and the true rank
of the architecture that a surrogate takes for the best, of NAS-Bench-201 and NAS-Bench-Macro; figures are in
docs/concepts/surrogates.md. Each peer is tuned by random search in five folds for the time of our fit. Extra ``bench``.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

import accelnas
from accelnas.fitting.automatic import fit_automatically
from accelnas.fitting.completion import dataset_of
from accelnas.fitting.encoding import Encoding
from accelnas.fitting.evaluate import evaluate
from accelnas.fitting.metric import MetricSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from accelnas import Space

    Floats = NDArray[np.float64]

__all__ = ["TABLES", "averaged", "compared", "peers"]

TABLES = {
    "nasbench-macro": ["accuracy"],
    "nasbench201": ["cifar10", "cifar100", "imagenet16_120"],
}
DRAWS = 40  # settings of a peer at most
COLUMNS = ("R²", "tau", "MAE", "true rank of its best", "seconds")


def automatic(space: Space, index: NDArray[np.int64], measured: Floats, budget: float) -> Floats:
    """Predict all architectures by what `accelnas fit` chooses."""
    data = dataset_of(space, index, {"y": measured})
    with tempfile.TemporaryDirectory() as folder:
        fit_automatically(data, [MetricSpec("y")], folder, budget=budget)
        bench = accelnas.load(folder)
        return np.asarray(bench.predict(range(space.size), "y", dtype="float64"))


@dataclass(frozen=True)
class Peer:
    """A library's model: how to make it, and what tuning draws from, the usual settings first."""

    make: Callable[..., Any]
    draws: dict[str, list[Any]]

    @property
    def usual(self) -> dict[str, Any]:
        """Its usual settings."""
        return {name: values[0] for name, values in self.draws.items()}

    def tuned(self, inputs: Floats, measured: Floats, seconds: float) -> Any:
        """Fit with the settings whose predictions of left-out rows are best, of those that there is time to try."""
        from sklearn.model_selection import KFold, ParameterSampler

        folds = list(KFold(5, shuffle=True, random_state=0).split(inputs))
        count = min(DRAWS, math.prod(map(len, self.draws.values())))
        drawn = [self.usual, *ParameterSampler(self.draws, count, random_state=0)]
        end, found = time.perf_counter() + seconds, []
        for settings in drawn:
            predicted = np.empty(len(measured))
            for some, others in folds:
                predicted[others] = self.make(**settings).fit(inputs[some], measured[some]).predict(inputs[others])
            figures = evaluate(measured, predicted)
            found.append(figures.mae * (1 - figures.tau))
            if time.perf_counter() > end:
                break
        return self.make(**drawn[int(np.argmin(found))]).fit(inputs, measured)


def peers() -> dict[str, Peer]:
    """Give estimators of scikit-learn's form."""
    from catboost import CatBoostRegressor
    from lightgbm import LGBMRegressor
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from xgboost import XGBRegressor

    def process(radial: Any, noise: float) -> Any:
        kernel = ConstantKernel() * radial + WhiteKernel(noise, (1e-7, 1e2))
        return GaussianProcessRegressor(kernel, normalize_y=True)

    def perceptron(**own: Any) -> Any:
        model = make_pipeline(StandardScaler(), MLPRegressor(max_iter=400, random_state=0, **own))
        return TransformedTargetRegressor(model, transformer=StandardScaler())

    rates, rounds = [0.05, 0.02, 0.1, 0.2], [400, 200, 800, 1600]
    return {
        "XGBoost": Peer(
            partial(XGBRegressor, n_jobs=1),
            {"learning_rate": rates, "n_estimators": rounds, "max_depth": [6, 2, 3, 4, 8],
             "min_child_weight": [1, 3, 10], "subsample": [1.0, 0.6, 0.8], "colsample_bynode": [1.0, 0.4, 0.7],
             "reg_lambda": [1.0, 0.1, 10.0]},
        ),
        "LightGBM": Peer(
            partial(LGBMRegressor, n_jobs=1, verbose=-1),
            {"learning_rate": rates, "n_estimators": rounds, "num_leaves": [31, 7, 15, 63],
             "min_child_samples": [20, 2, 5, 10], "subsample": [1.0, 0.6, 0.8], "subsample_freq": [1],
             "colsample_bytree": [1.0, 0.4, 0.7], "reg_lambda": [0.0, 1.0, 10.0]},
        ),
        "CatBoost": Peer(
            partial(CatBoostRegressor, thread_count=1, silent=True, allow_writing_files=False, random_seed=0),
            {"learning_rate": rates, "n_estimators": rounds, "depth": [6, 3, 4, 8], "l2_leaf_reg": [3.0, 1.0, 10.0]},
        ),
        "random forest": Peer(
            partial(RandomForestRegressor, random_state=0, n_jobs=1),
            {"n_estimators": [300], "max_features": [1.0, 0.2, 0.4, 0.7], "min_samples_leaf": [1, 2, 4]},
        ),
        "scikit-learn GP": Peer(
            process, {"radial": [RBF(1.0), RBF(3.0), Matern(1.0, nu=1.5), Matern(2.0, nu=2.5)], "noise": [0.01, 0.1]}
        ),
        "MLP": Peer(
            perceptron,
            {"hidden_layer_sizes": [(100,), (64, 64), (128, 128), (64, 64, 64)], "alpha": [1e-4, 1e-2, 0.1, 1.0],
             "learning_rate_init": [1e-3, 3e-3]},
        ),
    }  # fmt: skip


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
    seconds = found["accelnas fit"][-1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fits that did not converge
        for name, peer in peers().items():
            judged(name, lambda peer=peer: peer.tuned(inputs[known], values[known], seconds).predict(inputs))  # type: ignore[misc]
    return found


def averaged(runs: Sequence[Mapping[str, Sequence[float]]]) -> Iterator[tuple[str, list[str], Floats]]:
    """Give of each model what a table shows, mean ± deviation, and its numbers, float64 (runs, figures)."""
    for name in runs[0]:
        numbers = np.array([run[name] for run in runs])
        shown = [f"{m:.3f} ± {s:.3f}" for m, s in zip(numbers.mean(0), numbers.std(0), strict=True)]
        yield name, shown, numbers


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
                for name, shown, numbers in averaged(runs):
                    ranks = ", ".join(f"{rank:.0f}" for rank in numbers[:, 3])
                    shown[3:] = [ranks, f"{numbers[:, 4].mean():.0f}"]
                    print(f"| {table} {metric} | {share:.0%} | {name} |", " | ".join(shown), "|", flush=True)


if __name__ == "__main__":
    main()
