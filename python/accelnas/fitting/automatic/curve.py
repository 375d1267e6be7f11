"""How the error falls with the number of rows: what twice as many measurements would give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Rows = NDArray[np.intp]

__all__ = ["LEAST_ROWS", "PARTS", "LearningCurve", "learning_curve"]

PARTS = (4, 2)  # models are fitted to each quarter of the rows, and to each half
LEAST_ROWS = 80  # a quarter of fewer says nothing


@dataclass(frozen=True)
class LearningCurve:
    """Errors of the chosen models by the number of rows that they are fitted to.

    Attributes
    ----------
    rows
        Rows of a fit: a quarter, a half, and all but a fold.
    mae
        Mean absolute error on the rows that were not fitted, in the metric's unit; of quarters and halves the mean over
        all of them.
    exponent
        That of the power law through them: twice the rows divide the error by ``2 ** exponent``; 0 where it does not
        fall.
    doubled
        The error that this law says of twice as many rows as there are.
    """

    rows: tuple[int, ...]
    mae: tuple[float, ...]
    exponent: float
    doubled: float


def learning_curve(
    measured: Floats, parts: Sequence[Sequence[Rows]], predict: Callable[[Rows, Rows], Floats], last: tuple[int, float]
) -> LearningCurve:
    """Fit to each part, judge on all other rows, and extend the errors by a power law.

    Parameters
    ----------
    measured
        Values of the rows, float64 (n,).
    parts
        Partitions of the rows, by their numbers.
    predict
        Fits to some rows, and predicts others.
    last
        Rows and error of the models themselves.

    Examples
    --------
    >>> values = np.arange(8.0)
    >>> halves = [np.arange(4), np.arange(4, 8)]
    >>> curve = learning_curve(values, [halves], lambda fitted, others: values[others] + 2.0, (8, 1.0))
    >>> curve.rows, curve.mae, curve.exponent, round(curve.doubled, 12)
    ((4, 8), (2.0, 1.0), 1.0, 0.5)
    """
    everything = np.arange(len(measured))
    rows, errors = [], []
    for partition in parts:
        found = []
        for part in partition:
            others = np.setdiff1d(everything, part, assume_unique=True)
            found.append(float(np.abs(predict(part, others) - measured[others]).mean()))
        rows.append(len(measured) // len(partition))
        errors.append(float(np.mean(found)))
    rows.append(last[0])
    errors.append(last[1])
    sizes = np.log(rows)
    logarithms = np.log(np.maximum(errors, np.finfo(float).tiny))
    centred = sizes - sizes.mean()
    exponent = max(0.0, -float(centred @ logarithms / (centred @ centred)))
    doubled = errors[-1] * (2 * len(measured) / rows[-1]) ** -exponent
    return LearningCurve(tuple(rows), tuple(errors), round(exponent, 12), doubled)
