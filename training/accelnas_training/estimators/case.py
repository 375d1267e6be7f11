"""What estimators are built from and tested on: the measured times of one device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelnas.build.ensemble import LINKS
from accelnas.errors import DataError
from accelnas_training.transfer.sources import link_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accelnas.build.dataset import Dataset
    from accelnas.build.splits import Split

    Floats = NDArray[np.float64]
    Rows = NDArray[np.intp]

__all__ = ["Case", "Estimate"]


@dataclass(frozen=True, eq=False)
class Case:
    """One metric of a data set, as times: a throughput is its reciprocal.

    Attributes
    ----------
    dataset, split
        Measurements, and their parts.
    metric, link
        Name, and ``"identity"`` or ``"reciprocal"``.
    times
        float64 (n,): NaN where not measured.
    fitted, test
        intp: measured rows of the training and validation part, and of the test part.
    """

    dataset: Dataset
    split: Split
    metric: str
    link: str
    times: Floats
    fitted: Rows
    test: Rows

    @classmethod
    def of(cls, dataset: Dataset, split: Split, metric: str) -> Case:
        """Take one metric.

        Raises
        ------
        DataError
            If there is no such metric, a value is not above 0, or a part has fewer than 2 rows.
        """
        values, link = dataset.values(metric), link_of(metric)
        if (values <= 0).any():  # NaN compares false
            wrong = int(np.argmax(values <= 0))
            raise DataError(f"id {dataset.ids[wrong]}: {metric} is {values[wrong]}; times and speeds are above 0")
        parts = [dataset.rows(np.concatenate([split.train, split.val])), dataset.rows(split.test)]
        fitted, test = (part[~np.isnan(values[part])] for part in parts)
        if min(len(fitted), len(test)) < 2:
            raise DataError(f"{metric} has {len(fitted)} rows to fit and {len(test)} to test; 2 of each are needed")
        return cls(dataset, split, metric, link, np.asarray(LINKS[link].apply(values)), fitted, test)

    def few(self, count: int, seed: int) -> Rows:
        """Draw some of the rows to fit, all if there are no more."""
        return np.asarray(np.random.default_rng(seed).permutation(self.fitted)[:count])


@dataclass(frozen=True, eq=False)
class Estimate:
    """What one estimator says of a case.

    Attributes
    ----------
    name, kind
        Of the estimator; the kinds are those of `accelnas_training.estimators.comparison.KINDS`.
    predicted
        float64 (test rows,): times.
    measurements
        How many measurements it was built from.
    seconds
        Time to compute it, measurements not counted; NaN where it was computed before.
    """

    name: str
    kind: str
    predicted: Floats
    measurements: int
    seconds: float
