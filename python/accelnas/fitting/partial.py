"""What surrogates that are fitted to a part of a table say of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accelnas.arguments import check_number, check_seed
from accelnas.errors import DataError
from accelnas.fitting.automatic import fit_automatically
from accelnas.fitting.completion import dataset_of
from accelnas.fitting.joined import tabulated_space
from accelnas.fitting.splits import random_split
from accelnas.fitting.tabulate import averaged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from accelnas.fitting.automatic.fit import AutomaticResult
    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.metric import MetricSpec

__all__ = ["fit_table"]

_LEAST, _JUDGES = 4, 2  # architectures that are fitted, and judged by


def fit_table(
    dataset: Dataset,
    metrics: Sequence[MetricSpec],
    out: Path,
    fraction: float,
    *,
    budget: float = 120.0,
    seed: int = 0,
    threads: int | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> list[AutomaticResult]:
    """Write a benchmark of models chosen from a part of a table, and ``fit.json`` of how well they say the rest.

    Parameters
    ----------
    dataset, metrics, out
        As for `accelnas.fitting.tabulate.tabulate`; the table need not be complete.
    fraction : float
        Share of the measured architectures that is fitted, above 0 and below 1.
    seed : int
        Of the split.
    budget, threads, progress
        As for `accelnas.fitting.automatic.fit_automatically`.

    Returns
    -------
    list of AutomaticResult
        One a metric, with figures on the architectures that were not fitted.

    Raises
    ------
    DataError
        If either part is too small.
    """
    fraction, seed = check_number("fraction", fraction, 0.0, 1.0), check_seed(seed)
    space = tabulated_space(dataset.space)
    means = [averaged(dataset, metric) for metric in metrics]
    specs = [spec for spec, *_ in means]
    known = np.flatnonzero(~np.all([np.isnan(values) for _, values, *_ in means], axis=0))
    table = dataset_of(space, known, {spec.name: values[known] for spec, values, *_ in means})
    split = random_split(table, (fraction, 0.0, 1.0 - fraction), seed)
    if len(split.train) < _LEAST or len(split.test) < _JUDGES:
        raise DataError(
            f"{fraction:g} of {len(table):,} measured architectures are {len(split.train):,} to fit and "
            f"{len(split.test):,} to judge by; choose a share with at least {_LEAST} and {_JUDGES}"
        )
    return fit_automatically(table, specs, out, split=split, budget=budget, threads=threads, progress=progress)
