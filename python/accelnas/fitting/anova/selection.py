"""Which kernel of several: data decide by their marginal likelihood."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accelnas.fitting.anova.process import learn, log_likelihood

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from accelnas.fitting.anova.kernel import AnovaKernel

__all__ = ["ROWS", "STEPS", "likeliest"]

ROWS, STEPS = 250, 100  # of the learning that kernels are compared after: few rows, so that it converges
STRONG = 3.0  # a Bayes factor of 20: strong evidence (Kass & Raftery 1995); but 1 for each more parameter (Akaike 1974)


def likeliest(
    kernels: Sequence[AnovaKernel], choices: NDArray[np.uint8], targets: NDArray[np.float64], seed: int
) -> AnovaKernel:
    """Give the last of some kernels, from the plainest to the richest, that each gain on the one before.

    Each learns for a short time, on the same at most 250 rows. The first that does not raise the logarithm of these
    rows' marginal likelihood by more than 3, and by more than the number of its additional parameters, ends the search;
    those that equal the one before are left out.

    Parameters
    ----------
    kernels
        One or more.
    choices, targets
        uint8 (n, variables) and float64 (n,) with about zero mean and unit variance.
    seed
        Of the rows and of the learning.
    """
    if len(kernels) == 1:
        return kernels[0]
    some = np.sort(np.random.default_rng(seed).permutation(len(targets))[:ROWS])
    choices, targets = choices[some], targets[some]
    chosen, best = kernels[0], -np.inf
    for kernel in kernels:
        if kernel is not chosen and (kernel.terms, kernel.size) == (chosen.terms, chosen.size):
            continue
        found = log_likelihood(kernel, learn(kernel, choices, targets, [(ROWS, STEPS)], seed), choices, targets)
        if found <= best + max(STRONG, kernel.size - chosen.size):
            break
        chosen, best = kernel, found
    return chosen
