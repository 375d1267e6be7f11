"""How far a measurement may lie from a prediction, estimated from rows that the models did not see."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from accelnas.fitting.checks import pooled_noise
from accelnas.fitting.ensemble import beyond, link_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from accelnas import Space
    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.ensemble import Ensemble
    from accelnas.fitting.metric import MetricSpec

    Floats = NDArray[np.float64]

__all__ = ["LEVELS", "Uncertainty", "coverage", "estimate_uncertainty", "of_rows", "repeat_noise", "total_deviation"]

LEVELS = (0.5, 0.8, 0.95)
"""Central intervals whose coverage is calibrated and reported."""
PENALTY = 5.0  # on the logarithm of a choice's factor, in rows
SMALLEST_MISS = 1e-2  # in typical ones: a row that is met by chance says little


@dataclass(frozen=True)
class Uncertainty:
    """What a benchmark knows of a metric's errors, on the scale of the link."""

    noise: float | None  # standard deviation of one measurement among repeats; None without repeats
    residual: float  # standard deviation of a measurement around the prediction that the members' spread leaves over
    factors: Floats  # float64 (choices of all variables,): by how much each choice multiplies the residual
    # float32 (n,): sorted sizes of left-out errors in total standard deviations, for conformal intervals
    scores: NDArray[np.float32]
    training: NDArray[np.uint8]  # uint8 (n, variables): the architectures that were fitted


def estimate_uncertainty(
    dataset: Dataset, ensemble: Ensemble, folds: Sequence[NDArray[np.intp]] | None = None
) -> Uncertainty:
    """Estimate a metric's uncertainty from the rows that each fold leaves out.

    The residual is heteroscedastic: the logarithm of an error's size is fitted by ridge regression on
    the choices of all variables (Harvey 1976), which gives each choice a factor. The residual's level is the
    one with which central normal intervals of 50, 80 and 95 % cover left-out measurements best.
    With folds, an error is compared with factors that were fitted without its fold: of few rows, those of all of them
    make every error look small.
    """
    mean, spread = ensemble.left_out
    error = np.abs(ensemble.targets - mean)
    choices = dataset.choices[ensemble.rows]
    cards = [len(variable.states) for variable in dataset.space.variables]
    factors = _factors(error, choices, cards)
    of_row = of_rows(factors, choices, dataset.space)
    for fold in folds or ():
        others = np.setdiff1d(np.arange(len(error)), fold, assume_unique=True)
        of_row[fold] = of_rows(_factors(error[others], choices[others], cards), choices[fold], dataset.space)
    unit = float(np.sqrt(np.mean(np.square(error)))) or 1.0
    levels = unit * np.geomspace(0.05, 2.0, 400)
    found = np.array([coverage(error / total_deviation(spread, level * of_row)) for level in levels])
    misses = np.abs(found - LEVELS).max(axis=1)
    residual = float(levels[int(np.argmin(misses))])
    scores = np.sort(error / total_deviation(spread, residual * of_row)).astype(np.float32)
    noise = ensemble.metric.noise
    if noise is not None:  # stated in the metric's unit
        values = dataset.values(ensemble.metric.name)[ensemble.rows]
        noise /= float(link_of(ensemble.metric).slope(np.median(values)))
    else:
        noise = repeat_noise(dataset, ensemble.metric)
    return Uncertainty(noise, residual, factors, scores, np.unique(choices, axis=0))


def coverage(scores: Floats) -> list[float]:
    """Shares of errors, in standard deviations, inside the central normal intervals of `LEVELS`."""
    return [float(np.mean(scores <= NormalDist().inv_cdf(0.5 + level / 2))) for level in LEVELS]


def repeat_noise(dataset: Dataset, metric: MetricSpec) -> float | None:
    """Pool the standard deviation of one measurement on the link's scale over repeated architectures.

    Those that reach the limit of a link, which is found from the rows that are fitted, have no value on its scale.
    """
    link = link_of(metric)
    repeated = [link.apply(values) for values in dataset.repeated(metric.name) if not beyond(metric, values).any()]
    return pooled_noise(repeated) if repeated else None


def total_deviation(spread: Floats, residual: Floats) -> Floats:
    """Give the deviation of measurements around predictions, above 0."""
    return np.maximum(np.hypot(spread, residual), np.finfo(np.float64).tiny)


def of_rows(factors: Floats, choices: NDArray[np.uint8], space: Space) -> Floats:
    """Product of the factors of each architecture's choices, float64 (n,)."""
    starts = np.cumsum([0, *(len(variable.states) for variable in space.variables[:-1])])
    return np.asarray(np.prod(factors[(starts + choices).T], axis=0))


def _factors(error: Floats, choices: NDArray[np.uint8], cards: list[int]) -> Floats:
    """Factor of each choice, with a geometric mean of 1 over the choices of each variable."""
    typical = float(np.sqrt(np.mean(np.square(error)))) or 1.0
    size = np.log(np.maximum(error / typical, SMALLEST_MISS))
    one_hot = np.concatenate([np.eye(card)[choices[:, v]] for v, card in enumerate(cards)], axis=1)
    gram = one_hot.T @ one_hot + PENALTY * np.eye(one_hot.shape[1])
    with threadpool_limits(1, "blas"):  # sums in one order
        logarithms = np.linalg.solve(gram, one_hot.T @ (size - size.mean()))
    for of_variable in np.split(logarithms, np.cumsum(cards)[:-1]):
        of_variable -= of_variable.mean()  # in place
    return np.exp(logarithms)
