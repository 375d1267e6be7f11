"""How two values of the same results agree: their order, and their difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from accelnas.errors import DataError
from accelnas_training.ranks import LEAST_MODELS, Interval, interval_of_mean, interval_over_models, tau

if TYPE_CHECKING:
    from accelnas_training.collect.reader import StoreReader


@dataclass(frozen=True)
class Agreement:
    """Two values of some architectures, means over seeds; intervals by bootstrap over architectures."""

    number: int  # architectures
    tau: float  # Kendall's, of the one with the other
    tau_interval: Interval
    difference: float  # mean of the first - the second, in their unit
    difference_interval: Interval


def agreement(store: StoreReader, first: str, second: str, scheme: str | None = None) -> Agreement:
    """Compare two values of a store's results of one scheme: its name or digest, None if there is one alone.

    Raises
    ------
    StoreError
        If there is no such scheme, or more than one.
    DataError
        If a value is of no result, or fewer than 5 architectures have both.
    """
    results = store.results(store.scheme(scheme))
    variables = [variable.name for variable in store.space.variables]
    known = [name for name in results.columns if name not in {"id", "scheme", "seed", *variables}]
    for name in (first, second):
        if name not in known:
            raise DataError(f"{store.path} has no {name}; choose of {', '.join(known) or 'nothing'}")
    both = results.drop_nulls([first, second]).group_by(variables, maintain_order=True)
    means = both.agg(pl.col(name).mean() for name in dict.fromkeys((first, second)))
    if means.height < LEAST_MODELS:
        raise DataError(
            f"{means.height} architectures of {store.path} have {first} and {second}; at least {LEAST_MODELS} are "
            "needed to compare their order"
        )
    one, other = (means[name].to_numpy() for name in (first, second))
    return Agreement(
        means.height,
        tau(one, other),
        interval_over_models(one, other),
        float((one - other).mean()),
        interval_of_mean(one - other),
    )
