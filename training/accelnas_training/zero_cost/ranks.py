"""How proxies rank architectures, beside what was measured, and beside another run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from accelnas.errors import DataError
from accelnas_training.ranks import Interval, interval_over_models, tau
from accelnas_training.zero_cost.proxies import PROXIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

    from accelnas.build.dataset import Dataset

__all__ = ["Rank", "agreements", "choose_measured", "proxies_of", "ranks"]


def choose_measured(dataset: Dataset, metric: str, number: int, seed: int) -> tuple[NDArray[np.uint8], Floats]:
    """Draw distinct architectures of which a metric was measured.

    Parameters
    ----------
    dataset
        Measured architectures.
    metric
        What was measured; repeats of an architecture are averaged.
    number
        How many to draw. More with the same seed are these and others.
    seed
        Of the drawing.

    Returns
    -------
    archs, values : uint8 (n, variables), float64 (n,)
        Architectures, and what was measured of them.

    Raises
    ------
    DataError
        If the metric is unknown, or was measured on fewer architectures.
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
    """How a proxy ranks architectures.

    Attributes
    ----------
    proxy : str
        Its name.
    tau, spearman : float
        Rank correlations with the metric.
    interval : Interval
        Of tau, 95 %, by bootstrap over architectures.
    seconds : float
        Mean time of one score.
    """

    proxy: str
    tau: float
    interval: Interval
    spearman: float
    seconds: float


def proxies_of(table: pl.DataFrame) -> list[str]:
    """Give the names of the proxies that a table has scores of."""
    return [name for name in PROXIES if name in table.columns]


def ranks(table: pl.DataFrame, metric: str, seed: int = 0) -> list[Rank]:
    """Compare each proxy with a metric.

    Parameters
    ----------
    table
        A row an architecture: columns `metric`, and for each proxy ``PROXY`` and ``PROXY_seconds``.
    metric
        What was measured.
    seed
        Of the bootstrap.

    Returns
    -------
    list of Rank
        Highest tau first.

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
        interval = interval_over_models(scores, measured, seed=seed)
        spearman = float(table.select(pl.corr(name, metric, method="spearman")).item())
        seconds = float(np.mean(table[f"{name}_seconds"].to_numpy()))
        found.append(Rank(name, tau(scores, measured), interval, spearman, seconds))
    return sorted(found, key=lambda rank: -rank.tau if rank.tau == rank.tau else np.inf)


def agreements(
    first: pl.DataFrame, second: pl.DataFrame, variables: Sequence[str]
) -> list[tuple[str, float, Interval]]:
    """Compare two runs' scores of the architectures that both have: other seeds, resolutions, batches, images.

    Parameters
    ----------
    first, second
        As written by ``zero-cost evaluate``: a row an architecture.
    variables
        Names of the space's variables.

    Returns
    -------
    list of tuple
        Each proxy's name, Kendall's tau between its scores, and its 95 % interval over architectures.

    Raises
    ------
    DataError
        If a variable is missing, or the runs share fewer than two architectures.
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
