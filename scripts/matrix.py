"""Try an installed wheel with the versions at hand: the bundled benchmark, and models of boosted trees.

Usage: python matrix.py [--build] (with what the extra `build` installs: compile an XGBoost and a LightGBM model)
"""

from __future__ import annotations

import platform
import sys
import tempfile
from importlib.metadata import version

import numpy as np

import accelnas

ROWS = 600


def check(passed: bool, complaint: str) -> None:
    """Stop with a complaint unless a check has passed."""
    if not passed:
        sys.exit(f"failed: {complaint}")


def query() -> None:
    """Predictions, an exact answer and a search with NumPy alone."""
    bench = accelnas.load()
    rows = bench.space.sample(1000, seed=1)
    mean, std = bench.predict(rows, "accuracy", return_std=True)
    check(bool(np.isfinite(mean).all() and (std > 0).all()), "predictions are not finite, with positive deviations")
    found = bench.best("accuracy")
    check(found.values[0] >= mean.max(), "the best is not the best")
    check(found.certificate.verify(bench).passed, "the best's certificate fails")
    history = bench.search("local_search", "accuracy", budget=200, seed=1)
    check(history.best_values[-1] <= found.values[0], "a search beats the optimum")


def build() -> None:
    """Models of both libraries are compiled, and predict what the libraries say."""
    import lightgbm
    import xgboost

    from accelnas.fitting.compile import MetricSpec, compile_metric

    space = accelnas.mnasnet_space()
    rows = space.sample(ROWS, seed=2)
    target = rows.sum(axis=1) + rows[:, 0] * rows[:, 5] * 1.0
    names = [variable.name for variable in space.variables]
    data = xgboost.DMatrix(rows.astype(np.float32), target, feature_names=names)
    boosted = xgboost.train({"max_depth": 3}, data, 20)
    light = lightgbm.train(
        {"num_leaves": 8, "verbose": -1, "min_data_in_leaf": 5},
        lightgbm.Dataset(rows.astype(float), target, feature_name=names),
        20,
    )
    expected = {"xgboost": boosted.predict(data), "lightgbm": light.predict(rows.astype(float))}
    with tempfile.TemporaryDirectory() as folder:
        for name, model in (("xgboost", boosted), ("lightgbm", light)):
            spec = MetricSpec(name, unit="", direction="maximise")
            compile_metric([model], space=space, metric=spec, directory=folder, architectures=rows, random_rows=1000)
            predicted = accelnas.load(folder).predict(rows, name, dtype="float64")
            np.testing.assert_allclose(predicted, expected[name], rtol=1e-5)


if __name__ == "__main__":
    libraries = ["numpy"]
    query()
    if "--build" in sys.argv[1:]:
        build()
        libraries += ["xgboost", "lightgbm", "treelite", "scikit-learn", "scipy", "polars"]
    versions = ", ".join(f"{name} {version(name)}" for name in libraries)
    print(f"passed: Python {platform.python_version()}, {versions}")
