"""Surrogates of tables of a small space, which complete one that has gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from accelnas.fitting.automatic.choice import choose
from accelnas.fitting.dataset import Dataset, from_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from accelnas.fitting.evaluate import Figures
    from accelnas.fitting.metric import MetricSpec
    from accelnas.space import Space

    Floats = NDArray[np.float64]

__all__ = ["completed", "dataset_of"]


def completed(
    space: Space,
    metric: MetricSpec,
    values: Floats,
    budget: float,
    threads: int | None,
    tell: Callable[[float], None] | None,
) -> tuple[Floats, Figures]:
    """Give all values, by index, in place of NaN those of models chosen from the others, and their left-out figures.

    Raises
    ------
    DataError
        If fewer than four are known.
    """
    known, empty = np.flatnonzero(~np.isnan(values)), np.flatnonzero(np.isnan(values))
    dataset = dataset_of(space, known, {metric.name: values[known]})
    choice = choose(dataset, dataset.ids, metric, budget, 0, threads, tell or (lambda _: None))
    filled = values.copy()
    filled[empty] = choice.predict(space.at(empty))
    return filled, choice.figures


def dataset_of(space: Space, index: NDArray[np.int64], columns: Mapping[str, Floats]) -> Dataset:
    """Give a data set of the values of some architectures, by index."""
    return from_table(pl.DataFrame({"index": index.astype(np.uint64), **columns}), space)
