"""Which kernel of several: data decide by their marginal likelihood."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accelnas.fitting.anova.process import learn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from accelnas.fitting.anova.kernel import AnovaKernel

__all__ = ["JUDGED", "ROWS", "STEPS", "judged", "likeliest", "likelihood_found"]

# of the learning that kernels are compared after: few rows a step, so that there are enough steps, but other ones each
# time, so that no parameter fits them alone
ROWS, STEPS = 250, 100
JUDGED = 1500  # rows whose likelihood is compared, at most
NOISES = np.geomspace(1.0, 8.0, 25)  # standard deviations of the noise that are compared, in the learned one
STRONG = 3.0  # a Bayes factor of 20: strong evidence (Kass & Raftery 1995); but 1 for each more parameter (Akaike 1974)


def likeliest(
    kernels: Sequence[AnovaKernel], choices: NDArray[np.uint8], targets: NDArray[np.float64], seed: int
) -> AnovaKernel:
    """Give the last of some kernels, from the plainest to the richest, that each gain on the one before.

    The first that does not raise the logarithm of the marginal likelihood by more than 3, and by more than the number
    of its additional parameters, ends the search; those that equal the one before are left out.

    Parameters
    ----------
    kernels
        One or more.
    choices, targets
        uint8 (n, variables) and float64 (n,) with about zero mean and unit variance.
    seed
        Of the learning and of the rows.
    """
    if len(kernels) == 1:
        return kernels[0]
    chosen, best = kernels[0], -np.inf
    for kernel in kernels:
        if kernel is not chosen and (kernel.terms, kernel.size) == (chosen.terms, chosen.size):
            continue
        found = likelihood_found(kernel, choices, targets, seed)
        if found <= best + max(STRONG, kernel.size - chosen.size):
            break
        chosen, best = kernel, found
    return chosen


def likelihood_found(kernel: AnovaKernel, choices: NDArray[np.uint8], targets: NDArray[np.float64], seed: int) -> float:
    """Give the logarithm of the marginal likelihood of the same at most 1,500 rows, after a short time of learning.

    A step of learning is on 250 of all rows. So few steps leave the noise too small, the more so the richer the kernel;
    it is raised to what makes the rows likeliest.
    """
    theta = learn(kernel, choices, targets, [(ROWS, STEPS)], seed)
    some = judged(len(targets), seed)
    states = kernel.states(choices[some])
    values, vectors = np.linalg.eigh(kernel.matrix(theta, states, states))
    variances = np.maximum(values, 0.0) + np.exp(theta[kernel.noise] + 2 * np.log(NOISES))[:, None]
    squares = np.square(vectors.T @ targets[some]) / variances
    return float(-0.5 * (squares + np.log(2 * np.pi * variances)).sum(axis=1).min())


def judged(count: int, seed: int) -> NDArray[np.intp]:
    """Give the rows, of so many, whose likelihood is compared."""
    return np.sort(np.random.default_rng(seed).permutation(count)[:JUDGED])
