"""What a device's time is explained by, and which architectures to measure for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from accelnas import _core
from accelnas.errors import DataError
from accelnas_training.transfer.regression import PRIOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnas_training.arrays import Archs, Floats, Rows
    from accelnas_training.transfer.sources import Sources


GROUPS = ("devices", "blocks of devices", "choices", "block states")

"""Known costs; what each block adds to them; the choice of each variable; the joint state of each block."""


class Features:
    """Features of architectures by what is known; a weight for each gives a sum over blocks.

    Every group has mean squared length 1 over the space, so that the scales of weights compare.

    Examples
    --------
    >>> import accelnas
    >>> from accelnas_training.transfer.sources import Sources
    >>> features = Features(Sources(accelnas.load(), ["throughput_a100", "macs"]))
    >>> [group.shape[1] for group in features.groups(features.space.sample(5))]
    [2, 14, 71, 264]
    """

    def __init__(self, sources: Sources) -> None:
        self.space = sources.space
        self._tables = sources.block_tables
        self._choices = [len(variable.choices) for variable in self.space.variables]
        self._states = [block.size for block in self.space.blocks]

    def groups(self, archs: Archs) -> list[Floats]:
        """Give float64 (n, ·) for each of `GROUPS`, of architectures uint8 (n, variables)."""
        states = self.space.block_states(archs)
        of_blocks = [table[states[:, b]] for b, table in enumerate(self._tables)]
        known = float(sum(table.var(axis=0).sum() for table in self._tables)) or 1.0
        return [
            np.sum(of_blocks, axis=0) / np.sqrt(known),
            np.concatenate(of_blocks, axis=1) / np.sqrt(known),
            _one_hot(archs, self._choices),
            _one_hot(states, self._states),
        ]

    def surrogate(self, constant: float, weights: Sequence[Floats]) -> _core.Surrogate:
        """Give ``constant + Σ groups @ weights`` as tables, exactly: one number a block state.

        Weights are one float64 array for each of `GROUPS`.
        """
        blocks = len(self._states)
        changed = [np.zeros((1, blocks), np.uint16)]  # every block in state 0, then one of them in each other state
        for b, count in enumerate(self._states):
            rows = np.zeros((count, blocks), np.uint16)
            rows[:, b] = np.arange(count)
            changed.append(rows)
        archs = self.space._core.from_block_states(np.concatenate(changed))
        values = np.sum([group @ weight for group, weight in zip(self.groups(archs), weights, strict=True)], axis=0)
        tables = np.split(values[1:] - values[0], np.cumsum(self._states)[:-1])
        return _core.Surrogate.additive(self.space._core, constant + float(values[0]), [t.tolist() for t in tables])


def _one_hot(columns: Archs, counts: Sequence[int]) -> Floats:
    """Give indicators without their means, of mean squared length 1."""
    hot = [np.eye(count)[columns[:, i]] - 1 / count for i, count in enumerate(counts)]
    length = float(np.sqrt(sum(1 - 1 / count for count in counts))) or 1.0
    return np.concatenate(hot, axis=1) / length


DESIGNS = ("variance", "determinant", "distance", "random")


def choose(groups: Sequence[Floats], k: int, design: str = "variance", seed: int = 0) -> Rows:
    """Choose k candidates one by one, intp (k,); the first ones of a longer choice are the shorter choice.

    Groups are features of the candidates, see `Features.groups`. Design ``"variance"`` lowers the mean posterior
    variance over all candidates most with each choice (A-optimal, Cohn 1996); ``"determinant"`` takes the candidate of
    the largest variance (D-optimal, greedily); ``"distance"`` the one farthest from those taken (Kennard & Stone 1969);
    ``"random"`` any, by the seed. Raises DataError if there are fewer than k candidates, or no such design.

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


def _least_variance(covariance: Floats, k: int, *, of_all: bool) -> Rows:
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


def _farthest(points: Floats, k: int) -> Rows:
    """Begin next to the middle."""
    taken = [int(np.argmin(np.square(points - points.mean(axis=0)).sum(axis=1)))]
    distance = np.square(points - points[taken[0]]).sum(axis=1)
    while len(taken) < k:
        distance[taken] = -1.0
        taken.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.square(points - points[taken[-1]]).sum(axis=1))
    return np.array(taken, np.intp)
