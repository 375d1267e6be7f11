"""How far a measurement may lie from a prediction, estimated from rows that the models did not see."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from accelnas.fitting.checks import pooled_noise
from accelnas.fitting.ensemble import beyond, link_of
from accelnas.fitting.tails import central_size, heavy_tails

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from accelnas import Space
    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.ensemble import Ensemble
    from accelnas.fitting.metric import MetricSpec

    Floats = NDArray[np.float64]

__all__ = [
    "LEVELS",
    "Uncertainty",
    "calibrated_level",
    "coverage",
    "estimate_uncertainty",
    "of_rows",
    "repeat_noise",
    "total_deviation",
]

LEVELS = (0.5, 0.8, 0.95)
"""Central intervals whose coverage is calibrated and reported."""
PENALTY = 5.0  # on the logarithm of a choice's factor, in rows
SMALLEST_MISS = 1e-2  # in typical ones: a row that is met by chance says little
OUTLYING = 15.0  # medians: where the root mean square is more, outliers make it
LEAST_TYPICAL = 1e-4  # of the root mean square
LEVELS_TRIED = 0.05, 2.0, 400  # least and greatest level, in typical errors, and their number


@dataclass(frozen=True)
class Uncertainty:
    """What a benchmark knows of a metric's errors, on the scale of the link."""

    noise: float | None  # standard deviation of one measurement among repeats; None without repeats
    residual: float  # standard deviation of a measurement around the prediction that the members' spread leaves over
    factors: Floats  # float64 (choices of all variables,): by how much each choice multiplies the residual
    # float32 (n,): sorted sizes of left-out errors in total standard deviations, for conformal intervals
    scores: NDArray[np.float32]
    training: NDArray[np.uint8]  # uint8 (n, variables): the architectures that were fitted
    # above 2: of the Student's t that errors have, with the standard deviations above; None for normal ones
    degrees_of_freedom: float | None = None


def estimate_uncertainty(
    dataset: Dataset,
    ensemble: Ensemble,
    folds: Sequence[NDArray[np.intp]] | None = None,
    tails: str = "likelihood",
) -> Uncertainty:
    """Estimate a metric's uncertainty from the rows that each fold leaves out.

    The residual is heteroscedastic: the logarithm of an error's size is fitted by ridge regression on
    the choices of all variables (Harvey 1976), which gives each choice a factor. Where the likelihood says clearly that
    errors have heavier tails than normal ones, they have a Student's t, unless `tails` is ``"normal"``. The residual's
    level is the one with which central intervals of 50, 80 and 95 % cover left-out measurements best.
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
    levels = _levels(error)
    freedom = None
    if tails != "normal":
        freedom = heavy_tails(error, lambda level: total_deviation(spread, level * of_row), (levels[0], levels[-1]))
    residual = calibrated_level(error, spread, of_row, freedom)
    scores = np.sort(error / total_deviation(spread, residual * of_row)).astype(np.float32)
    noise = ensemble.metric.noise
    if noise is not None:  # stated in the metric's unit
        values = dataset.values(ensemble.metric.name)[ensemble.rows]
        noise /= float(link_of(ensemble.metric).slope(np.median(values)))
    else:
        noise = repeat_noise(dataset, ensemble.metric)
    return Uncertainty(noise, residual, factors, scores, np.unique(choices, axis=0), freedom)


def calibrated_level(error: Floats, spread: Floats, of_row: Floats, freedom: float | None) -> float:
    """Give the level of the residual with which central intervals cover errors best.

    Parameters
    ----------
    error, spread, of_row : float64 array (n,)
        Sizes of errors of rows left out, the members' standard deviations there, and the products of their factors.
    freedom : float or None
        Degrees of freedom of Student's t; None for the normal distribution.
    """
    levels = _levels(error)
    found = np.array([coverage(error / total_deviation(spread, level * of_row), freedom) for level in levels])
    return float(levels[int(np.argmin(np.abs(found - LEVELS).max(axis=1)))])


def coverage(scores: Floats, freedom: float | None) -> list[float]:
    """Shares of errors, in standard deviations, inside the central intervals of `LEVELS`; `freedom` as above."""
    return [float(np.mean(scores <= central_size(level, freedom))) for level in LEVELS]


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
    size = np.log(np.maximum(error / _typical(error)[1], SMALLEST_MISS))
    one_hot = np.concatenate([np.eye(card)[choices[:, v]] for v, card in enumerate(cards)], axis=1)
    gram = one_hot.T @ one_hot + PENALTY * np.eye(one_hot.shape[1])
    with threadpool_limits(1, "blas"):  # sums in one order
        logarithms = np.linalg.solve(gram, one_hot.T @ (size - size.mean()))
    for of_variable in np.split(logarithms, np.cumsum(cards)[:-1]):
        of_variable -= of_variable.mean()  # in place
    return np.exp(logarithms)


def _levels(error: Floats) -> Floats:
    """Levels of the residual to choose from, ascending in equal ratios; more of them where errors have outliers."""
    square, typical = _typical(error)
    least, greatest, count = LEVELS_TRIED
    more = (count - 1) * math.log(square / typical) / math.log(greatest / least)
    return np.asarray(typical * np.geomspace(least, greatest * (square / typical), count + math.ceil(more)))


def _typical(error: Floats) -> tuple[float, float]:
    """Root mean square of errors, and the same without what gross outliers add; never 0."""
    square, median = float(np.sqrt(np.mean(np.square(error)))), float(np.median(error))
    if not median:  # nothing is typical where most rows are met exactly
        return square or 1.0, square or 1.0
    return square, min(square, max(OUTLYING * median, LEAST_TYPICAL * square))
