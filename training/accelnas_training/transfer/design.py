"""Which architectures to measure, before anything is known of the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from accelnas.errors import DataError
from accelnas_training.transfer.regression import PRIOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["DESIGNS", "choose"]

DESIGNS = ("variance", "determinant", "distance", "random")


def choose(groups: Sequence[Floats], k: int, design: str = "variance", seed: int = 0) -> NDArray[np.intp]:
    """Choose k candidates one by one; the first ones of a longer choice are the shorter choice.

    Parameters
    ----------
    groups
        Features of the candidates, see `accelnas_training.transfer.features.Features.groups`.
    k
        How many.
    design
        ``"variance"`` lowers the mean posterior variance over all candidates most with each choice
        (A-optimal, Cohn 1996); ``"determinant"`` takes the candidate of the largest variance (D-optimal,
        greedily); ``"distance"`` the one farthest from those taken (Kennard & Stone 1969); ``"random"`` any.
    seed
        Of ``"random"``; the others draw nothing.

    Returns
    -------
    intp (k,)
        Rows of the candidates, in the order of choice.

    Raises
    ------
    DataError
        If there are fewer than k candidates, or no such design.

    Examples
    --------
    >>> line = np.linspace(-1, 1, 5)[:, None]
    >>> choose([line, line, line, line], 2, "determinant").tolist()
    [0, 4]
    """
    count = len(groups[0])
    if not 1 <= k <= count:
        raise DataError(f"{k} of {count} candidates can't be chosen; choose 1 to {count}")
    if design not in DESIGNS:
        raise DataError(f"design is {design!r}; choose one of {', '.join(DESIGNS)}")
    if design == "random":
        return np.random.default_rng(seed).permutation(count)[:k]
    if design == "distance":
        scaled = [np.sqrt(scale) * group for scale, group in zip(PRIOR.groups, groups, strict=True)]
        return _farthest(np.concatenate(scaled, axis=1), k)
    with threadpool_limits(1):  # sums in one order, so that ties break alike
        return _least_variance(PRIOR.covariance(groups), k, of_all=design == "variance")


def _least_variance(covariance: Floats, k: int, *, of_all: bool) -> NDArray[np.intp]:
    """Condition on one candidate after the other."""
    taken: list[int] = []
    for _ in range(k):
        variance = np.diag(covariance).copy()
        gain = variance
        if of_all:
            gain = np.einsum("ij,ij->j", covariance, covariance) / (variance + PRIOR.noise)
        gain[taken] = -1.0
        taken.append(int(np.argmax(gain)))
        column = covariance[:, taken[-1]] / np.sqrt(variance[taken[-1]] + PRIOR.noise)
        covariance -= np.outer(column, column)
    return np.array(taken, np.intp)


def _farthest(points: Floats, k: int) -> NDArray[np.intp]:
    """Begin next to the middle."""
    taken = [int(np.argmin(np.square(points - points.mean(axis=0)).sum(axis=1)))]
    distance = np.square(points - points[taken[0]]).sum(axis=1)
    while len(taken) < k:
        distance[taken] = -1.0
        taken.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.square(points - points[taken[-1]]).sum(axis=1))
    return np.array(taken, np.intp)
