"""A kernel with known metrics: functions of the architecture whose values are known everywhere.

With a kernel 1 + c over choices and known metrics f_j the covariance is

    1 + c(x, y) exp(−½ Σ_j r_j (f_j(x) − f_j(y))²) + Σ_j t_j f_j(x) f_j(y)

The last sum is that of a linear function of the known metrics with independent slopes of variance t_j. Without the
exponential, the posterior mean is the tables of c and a weighted sum of the known metrics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from accelnas.fitting.anova.process import Choices, Floats, Kernel

__all__ = ["KnownKernel"]

STEEPNESS, RELEVANCE = 0.5, 0.1  # t and r at the start: standardised metrics matter as much as choices do


class KnownKernel:
    """A kernel over choices and known metrics.

    Parameters
    ----------
    base
        Covariances 1 + c over choices.
    features
        Standardised known metrics of choices (n, variables), float64 (n, count).
    count
        Number of known metrics.
    interacting
        Whether they interact with the choices, too: the exponential above.

    Notes
    -----
    The parameters *theta* are float64 (size,): those of the base; log t of each known metric; log r of each, where
    they interact. What the other functions take of architectures are choices and features side by side.
    """

    def __init__(self, base: Kernel, features: Callable[[Choices], Floats], count: int, *, interacting: bool) -> None:
        self.base, self.features, self._count = base, features, count
        self.learning_rate, self.over, self.noise = base.learning_rate, base.over, base.noise
        self.slopes = slice(base.size, base.size + count)
        self.relevances = slice(self.slopes.stop, self.slopes.stop + (count if interacting else 0))
        self.size = self.relevances.stop

    def start(self, random: np.random.Generator) -> Floats:
        """Parameters to learn from."""
        theta = np.empty(self.size)
        theta[: self.base.size] = self.base.start(random)
        theta[self.slopes], theta[self.relevances] = np.log(STEEPNESS), np.log(RELEVANCE)
        return theta

    def states(self, choices: Choices) -> Floats:
        """Give what the other functions take of architectures."""
        return np.concatenate([self.base.states(choices), self.features(choices)], axis=1)

    def axes(self, choices: Choices) -> NDArray[Any]:
        """States of the base's axes."""
        return self.base.axes(choices)

    def matrix(self, theta: Floats, left: Floats, right: Floats) -> Floats:
        """Covariances, float64 (len(left), len(right)), without noise."""
        (states, own), (others, known) = self._split(left), self._split(right)
        out = (self.base.matrix(theta[: self.base.size], states, others) - 1.0) * self._alike(theta, own, known)
        return np.asarray(1.0 + out + (own * np.exp(theta[self.slopes])) @ known.T)

    def gram(self, theta: Floats, states: Floats) -> Floats:
        """Covariances of `states`, float64 (n, n)."""
        own, known = self._split(states)
        base = np.tril(self.base.gram(theta[: self.base.size], own)) - 1.0
        out = base * self._alike(theta, known, known) + (known * np.exp(theta[self.slopes])) @ known.T
        return np.asarray(np.tril(1.0 + out))

    def gradient(self, theta: Floats, states: Floats, weights: NDArray[np.float32]) -> Floats:
        """Gradient by theta of ``Σ weights · gram``, weights lower triangular; the noise's entry is 0."""
        own, known = self._split(states)
        of_base = theta[: self.base.size]
        weighted = weights * self._alike(theta, known, known)
        out = np.empty(self.size)
        out[: self.base.size] = self.base.gradient(of_base, own, weighted.astype(np.float32))
        out[self.slopes] = np.exp(theta[self.slopes]) * np.sum(known * (weights @ known), axis=0)
        if self.relevances.stop > self.relevances.start:
            weighted *= self.base.gram(of_base, own) - 1.0
            distances = [np.sum(weighted * np.square(f[:, None] - f)) for f in known.T]
            out[self.relevances] = -0.5 * np.exp(theta[self.relevances]) * distances
        return out

    def linear(self, theta: Floats, choices: Choices, alpha: Floats) -> Floats:
        """Weights of the standardised known metrics in ``Σ_i α_i k(x, x_i)``, float64 (count,)."""
        return np.asarray(np.exp(theta[self.slopes]) * (alpha @ self.features(choices)))

    def _split(self, states: Floats) -> tuple[Choices, Floats]:
        return states[:, : -self._count].astype(np.uint8), states[:, -self._count :]

    def _alike(self, theta: Floats, left: Floats, right: Floats) -> Any:
        """Give the exponential: how far what is learned of one architecture is of use for another."""
        scaled = np.exp(0.5 * theta[self.relevances])
        if not scaled.size:
            return 1.0
        return np.exp(
            -0.5 * sum(np.square(a[:, None] - b) for a, b in zip((left * scaled).T, (right * scaled).T, strict=True))
        )
