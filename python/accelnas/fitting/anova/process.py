"""Gaussian processes: learn the kernel's parameters, condition on data, and read off tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy.linalg import cho_solve, cholesky
from scipy.linalg.lapack import dpotri

from accelnas.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Choices = NDArray[np.uint8]
    States = NDArray[Any]

__all__ = ["GaussianProcess", "Kernel", "TermsKernel", "learn", "log_likelihood"]

DECAYS = 0.9, 0.95  # of Adam's moments
LEAST_PARAMETER, LARGEST_PARAMETER = -14.0, 6.0
LEAST_NOISE = np.log(1e-7)
AVERAGED = 0.2  # last part of the steps, whose mean is the result
DIGITS = 3  # of a learned parameter: machines differ in the fourth, so that most round alike


class Kernel(Protocol):
    """Covariances of architectures."""

    learning_rate: float
    """Of Adam."""
    over: str
    """What an axis is: ``"variables"`` or ``"blocks"``."""
    noise: int
    """Where the log of the noise's variance is among the parameters."""
    size: int
    """Number of parameters."""

    def start(self, random: np.random.Generator, /) -> Floats:
        """Parameters to learn from."""

    def states(self, choices: Choices) -> States:
        """Give what the other functions take of architectures."""

    def axes(self, choices: Choices) -> States:
        """States of the axes."""

    def matrix(self, theta: Floats, left: States, right: States) -> Floats:
        """Covariances, without noise."""

    def gram(self, theta: Floats, states: States) -> NDArray[Any]:
        """Covariances of `states`; the upper triangle may be zeros."""

    def gradient(self, theta: Floats, states: States, weights: NDArray[np.float32]) -> Floats:
        """Gradient by theta of ``Σ weights · gram``, weights lower triangular; the noise's entry is 0."""


class TermsKernel(Kernel, Protocol):
    """Covariances of architectures, and of the functions over few axes that they are sums of."""

    def interactions(self) -> Iterator[tuple[tuple[int, int], tuple[int, ...]]]:
        """Every set of axes that interact, with its (blocks, variables)."""

    def covariances(self, theta: Floats) -> list[Floats]:
        """Covariance of each axis between its states."""

    def term_scales(self, theta: Floats) -> dict[tuple[int, int], float]:
        """Scale of each (blocks, variables)."""


def learn(
    kernel: Kernel,
    choices: Choices,
    targets: Floats,
    steps: Sequence[tuple[int, int]],
    seed: int,
) -> Floats:
    """Maximise the marginal likelihood by Adam on random subsets.

    Parameters
    ----------
    choices, targets
        uint8 (n, variables) and float64 (n,) with about zero mean and unit variance.
    steps
        Pairs (rows, steps): so many steps, each on so many rows drawn anew.
    seed
        Of the draws.

    Returns
    -------
    float64 (kernel.size,)
        Mean of the last fifth of the steps, rounded to three decimals.
    """
    states = kernel.states(choices)
    random = np.random.default_rng(seed)
    theta = kernel.start(random)
    total = sum(count for _, count in steps)
    first, second = np.zeros_like(theta), np.zeros_like(theta)
    kept, step = [], 0
    for rows, count in steps:
        for _ in range(count):
            some = np.sort(random.permutation(len(targets))[:rows])
            gradient = _likelihood_gradient(kernel, theta, states[some], targets[some]) / len(some)
            step += 1
            first += (1 - DECAYS[0]) * (gradient - first)
            second += (1 - DECAYS[1]) * (gradient**2 - second)
            size = kernel.learning_rate * min(1.0, 2 * (1 - (step - 1) / total))
            update = first / (1 - DECAYS[0] ** step) / (np.sqrt(second / (1 - DECAYS[1] ** step)) + 1e-10)
            theta = np.clip(theta + size * update, LEAST_PARAMETER, LARGEST_PARAMETER)
            theta[kernel.noise] = max(theta[kernel.noise], LEAST_NOISE)
            if step > (1 - AVERAGED) * total:
                kept.append(theta)
    return np.asarray(np.round(np.mean(kept, axis=0), DIGITS))


def log_likelihood(kernel: Kernel, theta: Floats, choices: Choices, targets: Floats) -> float:
    """Logarithm of the marginal likelihood of targets, float64 (n,), at choices (Rasmussen & Williams 2006, Eq. 2.30).

    Raises
    ------
    ModelError
        If the covariance matrix is not positive definite.
    """
    process = GaussianProcess(kernel, theta, choices, targets)
    size = 2 * float(np.log(np.diag(process.factor)).sum()) + len(targets) * float(np.log(2 * np.pi))
    return -0.5 * (float(targets @ process.alpha) + size)


def _likelihood_gradient(kernel: Kernel, theta: Floats, states: States, targets: Floats) -> Floats:
    """Gradient of the log marginal likelihood (Rasmussen & Williams 2006, Eq. 5.9)."""
    gram = kernel.gram(theta, states).astype(np.float64)
    noise = np.exp(theta[kernel.noise])
    gram[np.diag_indices_from(gram)] += noise
    factor = _cholesky(gram)
    alpha = cho_solve((factor, True), targets, check_finite=False)
    inverse, _ = dpotri(factor, lower=1, overwrite_c=1)
    pull = np.tril(np.outer(alpha, alpha) - inverse)  # twice the gradient by the gram matrix
    gradient = kernel.gradient(theta, states, (pull - 0.5 * np.diag(np.diag(pull))).astype(np.float32))
    gradient[kernel.noise] = 0.5 * noise * float(np.diag(pull).sum())
    return gradient


def _cholesky(matrix: Floats) -> Floats:
    try:
        return np.asarray(cholesky(matrix, lower=True, overwrite_a=True, check_finite=False))
    except np.linalg.LinAlgError:
        raise ModelError("the covariance matrix is not positive definite; use lower orders or another link") from None


class GaussianProcess:
    """A Gaussian process with a kernel's learned parameters, conditioned on choices and float64 targets (n,).

    The noise's variances, float64 (n,), are those learned, unless others are given.
    """

    def __init__(
        self, kernel: Kernel, theta: Floats, choices: Choices, targets: Floats, noise: Floats | None = None
    ) -> None:
        self.kernel, self.theta = kernel, theta
        self.choices, self.targets = choices, targets
        self.axes = kernel.axes(choices)  # uint8 (n, axes): states of what interacts in each training row
        self._states = kernel.states(choices)
        # float64 (n,): each target's noise's variance
        self.noise = np.full(len(targets), np.exp(theta[kernel.noise])) if noise is None else noise
        matrix = kernel.matrix(theta, self._states, self._states)
        matrix[np.diag_indices_from(matrix)] += self.noise
        self.factor = _cholesky(matrix)  # lower
        # float64 (n,): the posterior mean is Σ_i alpha_i k(x, x_i)
        self.alpha = cho_solve((self.factor, True), targets, check_finite=False)

    def predict(self, choices: Choices) -> Floats:
        """Posterior mean, float64 (n,)."""
        return np.asarray(self.kernel.matrix(self.theta, self.kernel.states(choices), self._states) @ self.alpha)

    def posterior(self, choices: Choices) -> tuple[Floats, Floats]:
        """Mean and variance (noise not included) at a few architectures, float64 (n,) each."""
        states = self.kernel.states(choices)
        across = self.kernel.matrix(self.theta, states, self._states)
        own = np.diag(self.kernel.matrix(self.theta, states, states))
        known = np.einsum("ij,ji->i", across, cho_solve((self.factor, True), across.T, check_finite=False))
        return across @ self.alpha, own - known

    def squared_misses(self) -> Floats:
        """Give expected squares of what targets differ by from the function, given all of them, float64 (n,)."""
        inverse, _ = dpotri(self.factor, lower=1)
        return np.asarray(np.square(self.noise * self.alpha) + self.noise - self.noise**2 * np.diag(inverse))

    def left_out(self, folds: Sequence[NDArray[np.intp]]) -> tuple[Floats, Floats]:
        """Mean and variance (noise included) of each row given the rows of the other folds, in closed form.

        Folds are row numbers. Parameters stay as learned on all rows.
        """
        inverse, _ = dpotri(self.factor, lower=1)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        mean, variance = np.full(len(self.targets), np.nan), np.full(len(self.targets), np.nan)
        for fold in folds:
            covariance = np.linalg.inv(inverse[np.ix_(fold, fold)])
            mean[fold] = self.targets[fold] - covariance @ self.alpha[fold]
            variance[fold] = np.diag(covariance)
        return mean, variance
