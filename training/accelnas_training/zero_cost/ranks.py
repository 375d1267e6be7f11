"""How proxies rank architectures, and what they add to surrogates with few measurements."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from accelnas.errors import DataError
from accelnas_training.ranks import Interval, interval_over_models, tau
from accelnas_training.zero_cost.proxies import PROXIES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from accelnas.fitting.dataset import Dataset
    from accelnas_training.arrays import Archs, Floats


def choose_measured(dataset: Dataset, metric: str, number: int, seed: int) -> tuple[Archs, Floats]:
    """Draw distinct architectures, uint8 (n, variables), of which a metric was measured, and its values, float64 (n,).

    Repeats of an architecture are averaged. More with the same seed are these and others. Raises DataError if the
    metric is unknown, or was measured on fewer architectures.
    """
    values = dataset.values(metric)
    measured = ~np.isnan(values)
    archs, groups = np.unique(dataset.choices[measured], axis=0, return_inverse=True)
    if len(archs) < number:
        raise DataError(f"{metric} was measured on {len(archs)} architectures, not {number}; choose fewer")
    groups = groups.reshape(-1)
    means = np.bincount(groups, values[measured]) / np.bincount(groups)
    drawn = np.random.default_rng(seed).permutation(len(archs))[:number]
    return archs[drawn], means[drawn]


class Rank(NamedTuple):
    """How a proxy ranks architectures."""

    proxy: str
    # rank correlations with the metric
    tau: float
    interval: Interval  # of tau, 95 %, by bootstrap over architectures
    spearman: float
    seconds: float  # mean time of one score


def proxies_of(table: pl.DataFrame) -> list[str]:
    """Give the names of the proxies that a table has scores of."""
    return [name for name in PROXIES if name in table.columns]


def ranks(table: pl.DataFrame, metric: str) -> list[Rank]:
    """Compare each proxy with a metric, the highest tau first.

    The table has a row an architecture: the metric, and for each proxy ``PROXY`` and ``PROXY_seconds``.

    Examples
    --------
    >>> import polars as pl
    >>> table = pl.DataFrame({"accuracy": [1.0, 2.0, 3.0], "zen": [5.0, 7.0, 6.0], "zen_seconds": [0.1, 0.2, 0.3]})
    >>> (rank,) = ranks(table, "accuracy")
    >>> rank.proxy, round(rank.tau, 2), round(rank.spearman, 2), round(rank.seconds, 2)
    ('zen', 0.33, 0.5, 0.2)
    """
    measured = table[metric].to_numpy()
    found = []
    for name in proxies_of(table):
        scores = table[name].to_numpy()
        interval = interval_over_models(scores, measured)
        spearman = float(table.select(pl.corr(name, metric, method="spearman")).item())
        seconds = float(np.mean(table[f"{name}_seconds"].to_numpy()))
        found.append(Rank(name, tau(scores, measured), interval, spearman, seconds))
    return sorted(found, key=lambda rank: -rank.tau if rank.tau == rank.tau else np.inf)


def agreements(
    first: pl.DataFrame, second: pl.DataFrame, variables: Sequence[str]
) -> list[tuple[str, float, Interval]]:
    """Compare two runs' scores of the architectures that both have: other seeds, resolutions, batches, images.

    The tables are as ``zero-cost evaluate`` writes them: a row an architecture, which the `variables` name. Gives each
    proxy's name, Kendall's tau between its scores, and its 95 % interval over architectures; raises DataError if a
    variable is missing, or the runs share fewer than two architectures.
    """
    for table in (first, second):
        missing = [name for name in variables if name not in table.columns]
        if missing:
            raise DataError(f"a table has no column {missing[0]}; give scores.parquet of two evaluations of one space")
    both = first.join(second, on=list(variables), how="inner", suffix="_second")
    if both.height < 2:
        raise DataError(f"the tables share {both.height} architectures; evaluate the same --seed and --metric")
    shared = [name for name in proxies_of(first) if name in second.columns]
    pairs = [(name, both[name].to_numpy(), both[f"{name}_second"].to_numpy()) for name in shared]
    return [(name, tau(one, other), interval_over_models(one, other)) for name, one, other in pairs]


SIZES = (25, 50, 100, 200, 400)

REPEATS = 10

HELD_OUT = 100

_SIZE_PROXIES = ("params", "macs")  # free, so that the others have to add something to them


def feature_sets(archs: Archs, table: pl.DataFrame) -> dict[str, Floats]:
    """Give what surrogates see of architectures, uint8 (n, variables), and their scores: float64 (n, features) each.

    ``architecture``: choice indices; ``+ params, macs`` and ``+ all proxies``: scores besides, as ``sign(x) log(1 +
    |x|)``, for they are spread over orders of magnitude.

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
) -> pl.DataFrame:
    """Fit surrogates on few architectures and compare their predictions of others with the measurements.

    Each repeat draws `HELD_OUT` architectures, or a third if there are fewer than three times as many, and trains on
    the first k of the others; all feature sets, float64 (n, features) by name, and surrogates get the same. Sizes that
    are not left are skipped; if all are, that is a DataError. Gives ``surrogate``, ``features``, ``size``, ``repeat``,
    ``tau``, ``r2`` on the held-out architectures.
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
