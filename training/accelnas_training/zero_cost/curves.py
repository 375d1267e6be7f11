"""Learning curves of surrogates with few measurements, with and without proxies as features."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from accelnas.errors import DataError
from accelnas_training.ranks import tau
from accelnas_training.zero_cost.ranks import proxies_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["SIZES", "feature_sets", "learning_curves"]

SIZES = (25, 50, 100, 200, 400)
REPEATS = 10
HELD_OUT = 100
_SIZE_PROXIES = ("params", "macs")  # free, so that the others have to add something to them


def feature_sets(archs: NDArray[np.uint8], table: pl.DataFrame) -> dict[str, Floats]:
    """Give what surrogates see, float64 (n, features) each.

    Parameters
    ----------
    archs
        uint8 (n, variables): choice indices.
    table
        Scores in the same rows.

    Returns
    -------
    dict
        ``architecture``: choice indices; ``+ params, macs`` and ``+ all proxies``: scores besides, as
        ``sign(x) log(1 + |x|)``, for they are spread over orders of magnitude.

    Examples
    --------
    >>> sets = feature_sets(np.array([[0, 1], [1, 0]], np.uint8), pl.DataFrame({"macs": [1.0, 2.0], "zen": [3.0, 4.0]}))
    >>> {name: features.shape for name, features in sets.items()}
    {'architecture': (2, 2), '+ macs': (2, 3), '+ all proxies': (2, 4)}
    """
    indices = archs.astype(np.float64)
    names = proxies_of(table)
    sizes = [name for name in names if name in _SIZE_PROXIES]

    def beside(chosen: list[str]) -> Floats:
        scores = table.select(chosen).to_numpy()
        return np.hstack([indices, np.sign(scores) * np.log1p(np.abs(scores))])

    sets = {"architecture": indices}
    if sizes:
        sets[f"+ {', '.join(sizes)}"] = beside(sizes)
    if len(names) > len(sizes):
        sets["+ all proxies"] = beside(names)
    return sets


def learning_curves(
    sets: Mapping[str, Floats],
    values: Floats,
    *,
    sizes: Sequence[int] = SIZES,
    repeats: int = REPEATS,
    seed: int = 0,
    report: Callable[[int], None] | None = None,
) -> pl.DataFrame:
    """Fit surrogates on few architectures and compare their predictions of others with the measurements.

    Each repeat draws `HELD_OUT` architectures, or a third if there are fewer than three times as many, and trains on
    the first k of the others; all feature sets and surrogates get the same.

    Parameters
    ----------
    sets
        Feature sets by name, float64 (n, features).
    values
        float64 (n,): what was measured.
    sizes
        Numbers of architectures to train on; those that are not left are skipped.
    repeats, seed
        Of the drawing.
    report
        Called with the number of fits so far.

    Returns
    -------
    polars.DataFrame
        ``surrogate``, ``features``, ``size``, ``repeat``, ``tau``, ``r2`` on the held-out architectures.

    Raises
    ------
    DataError
        If there are not enough architectures for the smallest size.
    """
    count = len(values)
    held_out = min(HELD_OUT, count // 3)
    sizes = [size for size in sizes if size <= count - held_out]
    if not sizes:
        raise DataError(
            f"{count} architectures are too few for a learning curve; score {SIZES[0] * 3 // 2 + 1} or more"
        )
    rows: list[dict[str, Any]] = []
    for repeat in range(repeats):
        order = np.random.default_rng((seed, repeat)).permutation(count)
        test, rest = order[:held_out], order[held_out:]
        for size in sizes:
            train = rest[:size]
            for label, features in sets.items():
                for surrogate, make in _SURROGATES.items():
                    predicted = _fitted(make(repeat), features[train], values[train]).predict(features[test])
                    misses = float(np.square(predicted - values[test]).sum())
                    spread = float(np.square(values[test] - values[test].mean()).sum())
                    found = {"tau": tau(predicted, values[test]), "r2": 1 - misses / spread}
                    key = {"surrogate": surrogate, "features": label, "size": size, "repeat": repeat}
                    rows.append(key | found)
                    if report is not None:
                        report(len(rows))
    return pl.DataFrame(rows)


def _fitted(model: Any, features: Floats, values: Floats) -> Any:
    with threadpool_limits(1), warnings.catch_warnings():  # the matrices are too small for more threads
        warnings.simplefilter("ignore")  # scikit-learn warns of length scales at their bounds
        return model.fit(features, values)


def _process(seed: int) -> Any:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    kernel = ConstantKernel() * RBF(5.0, (0.1, 1e3)) + WhiteKernel(0.1)
    process = GaussianProcessRegressor(kernel, alpha=1e-6, normalize_y=True, random_state=seed)
    return make_pipeline(StandardScaler(), process)


def _boosting(seed: int) -> Any:
    from sklearn.ensemble import GradientBoostingRegressor

    return GradientBoostingRegressor(
        n_estimators=300, learning_rate=0.05, max_depth=3, subsample=0.7, max_features=0.5, random_state=seed
    )


_SURROGATES: dict[str, Callable[[int], Any]] = {"Gaussian process": _process, "gradient boosting": _boosting}
SURROGATES = tuple(_SURROGATES)
