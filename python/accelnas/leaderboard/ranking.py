"""Ranks of algorithms by what their runs lost, equal where a test does not tell them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["LEVEL", "RESAMPLES", "adjusted", "p_values", "ranks"]

LEVEL = 0.05
RESAMPLES = 9999


def p_values(losses: Floats, seed: int = 0) -> Floats:
    """Test for each pair of algorithms whether their mean losses differ: a permutation test, paired by seed.

    Runs of the same seed may begin alike, so they are paired: under the null hypothesis their two losses could be
    exchanged. Two-sided, over random exchanges.

    Parameters
    ----------
    losses : float64 array (algorithms, runs)
        Finite.
    seed : int
        Of the exchanges.

    Returns
    -------
    float64 array (algorithms, algorithms)
        1 on the diagonal.

    Examples
    --------
    >>> p_values(np.array([[1.0] * 10, [1.0] * 10, [2.0] * 10])).round(3).tolist()
    [[1.0, 1.0, 0.002], [1.0, 1.0, 0.002], [0.002, 0.002, 1.0]]
    """
    count, runs = losses.shape
    signs = np.random.default_rng(seed).integers(0, 2, (RESAMPLES, runs)) * 2.0 - 1.0
    found = np.ones((count, count))
    for one in range(count):
        for other in range(one):
            differences = losses[one] - losses[other]
            # what is equal but for rounding counts as reached
            reached = np.abs(signs @ differences) >= abs(differences.sum()) * (1 - 1e-12)
            found[one, other] = found[other, one] = (1 + reached.sum()) / (1 + RESAMPLES)
    return found


def adjusted(p: Floats) -> Floats:
    """Adjust the p-values of all pairs for their number (Holm 1979): symmetric (n, n).

    Examples
    --------
    >>> adjusted(np.array([[1, 0.01, 0.02], [0.01, 1, 0.5], [0.02, 0.5, 1]])).tolist()
    [[1.0, 0.03, 0.04], [0.03, 1.0, 0.5], [0.04, 0.5, 1.0]]
    """
    upper = np.triu_indices(len(p), 1)
    pairs = p[upper]
    order = np.argsort(pairs, kind="stable")
    raised = np.empty(len(pairs))
    raised[order] = np.minimum(1, np.maximum.accumulate(pairs[order] * np.arange(len(pairs), 0, -1)))
    found = np.ones_like(p)
    found[upper] = raised
    return np.minimum(found, found.T)


def ranks(losses: Floats) -> NDArray[np.int64]:
    """Rank algorithms: 1, and one more for each that has a smaller mean loss and is told apart at 5 %.

    Examples
    --------
    >>> ranks(np.array([[2.0] * 10, [1.0] * 10, [1.0] * 10])).tolist()
    [3, 1, 1]
    """
    mean = losses.mean(axis=1)
    better = (mean[None, :] < mean[:, None]) & (adjusted(p_values(losses)) < LEVEL)
    counted: NDArray[np.int64] = 1 + better.sum(axis=1)
    return counted
