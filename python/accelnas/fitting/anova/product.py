"""The product kernel: interactions of all orders between choices that have no order.

    k(x, y) = 1 + s Π_v exp(−½ |p_v(x_v) − p_v(y_v)|²)

with learned positions p_v of a variable's choices in the plane. A function drawn from it is one table over the whole
space, so it serves spaces that are small enough to enumerate.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from accelnas import Space

    Floats = NDArray[np.float64]
    States = NDArray[np.integer[Any]]

__all__ = ["ProductKernel"]

SPREAD = 0.5  # of positions at the start: correlations of about .8
DIMENSIONS = 2


class ProductKernel:
    """The kernel of one space and its parameters' layout.

    Notes
    -----
    The parameters *theta* are float64 (size,): per variable the positions of its choices, a row of them a dimension;
    log s; the log of the noise's variance. One of two choices needs a line alone.
    """

    over = "variables"
    learning_rate = 0.05  # of Adam

    def __init__(self, space: Space) -> None:
        self._cards = [len(variable.states) for variable in space.variables]
        self._shapes = [(min(card - 1, DIMENSIONS), card) for card in self._cards]
        ends = np.cumsum([math.prod(shape) for shape in self._shapes]).tolist()
        self._parts = [slice(a, b) for a, b in zip([0, *ends], ends, strict=False)]
        self.scale = ends[-1]
        self.noise = self.scale + 1
        self.size = self.scale + 2

    def start(self, random: np.random.Generator) -> Floats:
        """Parameters to learn from: positions at random, as nothing says which choices are alike."""
        theta = np.asarray(SPREAD * random.standard_normal(self.size))
        theta[self.scale], theta[self.noise] = 0.0, np.log(0.05)
        return theta

    def states(self, choices: States) -> States:
        """Give what the other functions take of architectures: their choice indices."""
        return choices

    def axes(self, choices: States) -> States:
        """States of what interacts: the choice indices themselves."""
        return choices

    def covariances(self, theta: Floats) -> list[Floats]:
        """Correlations of each variable's choices."""
        return [np.exp(-0.5 * self._differences(theta, v)[1]) for v in range(len(self._cards))]

    def matrix(self, theta: Floats, left: States, right: States) -> Floats:
        """Covariances, float64 (len(left), len(right)), without noise."""
        out: Floats = np.full((len(left), len(right)), np.exp(theta[self.scale]))
        for v, correlation in enumerate(self.covariances(theta)):
            if self._cards[v] > 1:
                out *= correlation[:, right[:, v]][left[:, v]]
        out += 1.0
        return out

    def gram(self, theta: Floats, states: States) -> Floats:
        """Covariances of `states`, float64 (n, n)."""
        return self.matrix(theta, states, states)

    def gradient(self, theta: Floats, states: States, weights: NDArray[np.float32]) -> Floats:
        """Gradient by theta of ``Σ weights · gram``, weights lower triangular; the noise's entry is 0."""
        weighted = weights * (self.gram(theta, states) - 1.0)
        out = np.zeros(self.size)
        out[self.scale] = weighted.sum()
        for v, card in enumerate(self._cards):
            if card > 1:
                one_hot = np.eye(card)[states[:, v]]
                by_pair = one_hot.T @ (weighted @ one_hot)
                differences, _ = self._differences(theta, v)
                out[self._parts[v]] = -np.einsum("dab,ab->da", differences, by_pair + by_pair.T).ravel()
        return out

    def interactions(self) -> Iterator[tuple[tuple[int, int], tuple[int, ...]]]:
        """Give all variables with several choices, as one set."""
        some = tuple(v for v, card in enumerate(self._cards) if card > 1)
        yield (1, len(some)), some

    def term_scales(self, theta: Floats) -> dict[tuple[int, int], float]:
        """Scale of the one interaction."""
        return {term: float(np.exp(theta[self.scale])) for term, _ in self.interactions()}

    def _differences(self, theta: Floats, v: int) -> tuple[Floats, Any]:
        """Differences between positions of choices (dimensions, card, card), and their squared distances."""
        positions = theta[self._parts[v]].reshape(self._shapes[v])
        differences = positions[:, :, None] - positions[:, None, :]
        return differences, np.square(differences).sum(axis=0)
