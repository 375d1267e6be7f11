"""Covariances between the choices of a variable, and between the joint states of a block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Block", "Variable"]


@dataclass(frozen=True)
class Variable:
    """A variable and where its parameters are: log w, then positions of the choices beyond the first.

    The positions are float64 (dimensions, card − 1), row by row.
    """

    card: int
    first: int
    dimensions: int = 1

    @property
    def parameters(self) -> slice:
        """Its part of theta."""
        return slice(self.first, self.first + 1 + (0 if self.card == 2 else self.dimensions * (self.card - 1)))

    def covariance(self, theta: Floats) -> tuple[Floats, list[Floats]]:
        """Give ``w · t``, float64 (card, card), and its derivative by each parameter.

        Of two choices only the amplitude matters. More have positions on a line or in the plane, the first at 0,
        and an RBF of unit length between them.
        """
        own = theta[self.parameters]
        w = float(np.exp(own[0]))
        if self.card == 2:
            t = w * np.array([[1.0, -1.0], [-1.0, 1.0]])
            return t, [t]
        at = np.pad(own[1:].reshape(self.dimensions, self.card - 1), ((0, 0), (1, 0)))
        differences = at[:, :, None] - at[:, None, :]
        rbf = np.exp(-0.5 * np.square(differences).sum(axis=0))
        centre = np.eye(self.card) - 1.0 / self.card
        derivatives = [w * centre @ rbf @ centre]
        for difference in differences:
            for choice in range(1, self.card):
                change = np.zeros((self.card, self.card))
                change[choice] = -rbf[choice] * difference[choice]
                derivatives.append(w * centre @ (change + change.T) @ centre)
        return derivatives[0], derivatives


class Block:
    """Covariances of a block between its joint states.

    Its factors are float64 (most, states, states): entry j − 1 sums the products over j of its variables. Where
    *most* is None there is one entry, the sum over all numbers of variables.
    """

    def __init__(self, variables: Sequence[Variable], theta: Floats, most: int | None) -> None:
        self._variables = variables
        self._most = most if most is None else min(most, len(variables))
        cards = [variable.card for variable in variables]
        self._digits = np.array(np.unravel_index(np.arange(int(np.prod(cards))), cards)) if cards else np.empty((0, 1))
        covariances = [variable.covariance(theta) for variable in variables]
        self._derivatives = [derivatives for _, derivatives in covariances]
        self._full = [t[np.ix_(d, d)] for (t, _), d in zip(covariances, self._digits, strict=True)]
        products = self._products(self._full)
        self.factors = products - 1.0 if self._most is None else products[1:]

    def _products(self, values: Sequence[Floats]) -> Floats:
        """Return sums of products over 0 to *most* variables each, or over any number of them."""
        states = self._digits.shape[1]
        if self._most is None:
            out = np.ones((1, states, states))
            for value in values:
                out *= 1.0 + value
            return out
        out = np.zeros((self._most + 1, states, states))
        out[0] = 1.0
        for value in values:
            out[1:] += out[:-1] * value
        return out

    def gradients(self, by_factor: Floats) -> Iterator[tuple[slice, Floats]]:
        """Parameters of each variable and the gradient by them, from that by the factors."""
        for i, (variable, digits) in enumerate(zip(self._variables, self._digits, strict=True)):
            others = self._products(self._full[:i] + self._full[i + 1 :])
            by_state = np.sum(by_factor * others[: len(by_factor)], axis=0)
            one_hot = np.eye(variable.card)[digits]
            by_choice = one_hot.T @ by_state @ one_hot
            yield variable.parameters, np.array([np.sum(by_choice * d) for d in self._derivatives[i]])
