"""Architectures of a data set that scores are compared on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from accelnas.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accelnas.build.dataset import Dataset

__all__ = ["Measured", "choose_measured"]


class Measured(NamedTuple):
    """Architectures, uint8 (n, variables), and what was measured of them, float64 (n,)."""

    archs: NDArray[np.uint8]
    values: NDArray[np.float64]


def choose_measured(dataset: Dataset, metric: str, number: int, seed: int) -> Measured:
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
    return Measured(archs[drawn], means[drawn])
