"""Bayesian linear regression whose groups of weights have a scale each, and figures of merit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.stats import kendalltau
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnas_training.arrays import Floats


@dataclass(frozen=True)
class Figures:
    """How well predictions agree with measurements."""

    # coefficient of determination and Kendall's tau-b
    r2: float
    tau: float
    rmse: float  # root mean square error, in the values' unit
    mape: float  # mean absolute error as a percentage of the measurement


def figures_of(measured: Floats, predicted: Floats) -> Figures:
    """Compare predictions with measurements, float64 (n,), n at least 2, measured values above 0.

    Examples
    --------
    >>> figures_of(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 5.0])).mape.__round__(2)
    8.33
    """
    error = predicted - measured
    spread = float(np.square(measured - measured.mean()).sum())
    return Figures(
        r2=1.0 - float(error @ error) / spread if spread else np.nan,
        tau=float(kendalltau(measured, predicted).statistic),
        rmse=float(np.sqrt(np.square(error).mean())),
        mape=100.0 * float(np.abs(error / measured).mean()),
    )


_CONSTANT = 100.0  # prior variance of the constant, in variances of the values

_LEAST, _LARGEST = -20.0, 8.0  # of a log variance

_NUGGET = 1e-11  # keeps matrices positive definite


@dataclass(frozen=True)
class Scales:
    """Prior variances, in units of the values' variance."""

    groups: Floats  # float64 (groups,): of a group's part of the value
    noise: float  # of a measurement, for an architecture of mean time; the noise is proportional to the time

    def covariance(self, groups: Sequence[Floats], others: Sequence[Floats] | None = None) -> Floats:
        """Prior covariance of values without noise, float64 (n, m)."""
        pairs = zip(self.groups, groups, others or groups, strict=True)
        return np.asarray(_CONSTANT + sum(scale * (a @ b.T) for scale, a, b in pairs))


PRIOR = Scales(np.exp([0.0, -1.0, -4.0, -6.0]), float(np.exp(-8.0)))

"""Before anything is measured: roughly what known devices need to explain one another."""


@dataclass(frozen=True)
class Regression:
    """Posterior means of weights, in the values' unit."""

    constant: float
    weights: list[Floats]  # one float64 array a group
    scales: Scales
    left_out: Floats  # float64 (n,): each value as the other rows predict it, with the scales learned on all

    def predict(self, groups: Sequence[Floats]) -> Floats:
        """Predict values of rows, float64 (n,)."""
        parts = zip(groups, self.weights, strict=True)
        return np.asarray(self.constant + sum(group @ weight for group, weight in parts))


def regress(groups: Sequence[Floats], values: Floats) -> Regression:
    """Fit weights; scales maximise the marginal likelihood (Rasmussen & Williams 2006, Eq. 5.8).

    Of groups of features, float64 (n, ·) each, and values, float64 (n,): positive; the noise's standard deviation is
    proportional to them.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> known, other = random.standard_normal((30, 2)), random.standard_normal((30, 50))
    >>> fit = regress([known, other, other, other], 9 + known @ [1.0, -0.5])
    >>> fit.weights[0].round(3).tolist()
    [1.0, -0.5]
    """
    with threadpool_limits(1):  # sums in one order; and threads only slow matrices of this size down
        return _regress(groups, values)


def _regress(groups: Sequence[Floats], values: Floats) -> Regression:
    centre, unit = float(values.mean()), float(values.std()) or 1.0
    targets = (values - centre) / unit
    noise = np.square(values / centre)
    grams = [group @ group.T for group in groups]
    scales = _learned(grams, noise, targets)
    factor = cho_factor(_covariance(scales, grams, noise), lower=True)
    alpha = cho_solve(factor, targets)
    inverse = cho_solve(factor, np.eye(len(targets)))
    weights = [unit * scale * (group.T @ alpha) for scale, group in zip(scales.groups, groups, strict=True)]
    constant = centre + unit * _CONSTANT * float(alpha.sum())
    left_out = centre + unit * (targets - alpha / np.diag(inverse))
    return Regression(constant, weights, scales, left_out)


def _covariance(scales: Scales, grams: Sequence[Floats], noise: Floats) -> Floats:
    matrix = sum(scale * gram for scale, gram in zip(scales.groups, grams, strict=True))
    return np.asarray(_CONSTANT + matrix + np.diag(scales.noise * noise + _NUGGET))


def _learned(grams: Sequence[Floats], noise: Floats, targets: Floats) -> Scales:
    start = np.log([*PRIOR.groups, PRIOR.noise])
    parts = [*grams, np.diag(noise)]

    def loss(logs: Floats) -> tuple[float, Floats]:
        """Negative log marginal likelihood and its gradient by the logarithms."""
        variances = np.exp(logs)
        factor = cho_factor(_covariance(Scales(variances[:-1], variances[-1]), grams, noise), lower=True)
        alpha = cho_solve(factor, targets)
        pull = cho_solve(factor, np.eye(len(targets))) - np.outer(alpha, alpha)
        gradient = [0.5 * v * float(np.vdot(pull, part)) for v, part in zip(variances, parts, strict=True)]
        return 0.5 * float(targets @ alpha) + float(np.log(np.diag(factor[0])).sum()), np.array(gradient)

    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(_LEAST, _LARGEST)] * len(start))
    variances = np.exp(found.x)
    return Scales(variances[:-1], float(variances[-1]))
