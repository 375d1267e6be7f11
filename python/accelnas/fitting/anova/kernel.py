"""The ANOVA kernel: covariances that are sums over small sets of variables.

A variable v has a double-centred covariance t_v between its choices: t_v sums to zero along each
axis, so a function drawn from a product of them is a purified interaction. With w_v ≥ 0 the kernel is

    k(x, y) = 1 + Σ_S s(S) Π_{v ∈ S} w_v t_v(x_v, y_v)

over the sets S of variables that the *orders* allow. The scale s(S) depends only on how many blocks
and how many variables S has (Durrande et al., "ANOVA kernels and RKHS of zero mean functions", 2013).
"""

from __future__ import annotations

from itertools import combinations, product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csc_matrix

from accelnas._core import MAX_BLOCKS, MAX_ORDER
from accelnas.errors import ModelError
from accelnas.fitting.anova.covariance import Block, Variable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from accelnas import Space

    Floats = NDArray[np.float64]
    States = NDArray[np.integer[Any]]
    Matrix = NDArray[Any]
    Sums = Mapping[tuple[int, int], Matrix]

__all__ = ["AnovaKernel"]

DIMENSIONS = {"line": 1, "plane": 2}
SPREAD = 0.7  # of positions at the start: neighbours have correlations of about .8
MOST_STATES = 1024  # of a block, between whose states covariances are kept
TILE_ROWS, TILE_COLUMNS = 512, 32  # a few tiles stay in a core's cache


class AnovaKernel:
    """The kernel of one space and its parameters' layout.

    Parameters
    ----------
    space
        The search space; variables need at least two choices to take part.
    orders
        Largest number of variables in an interaction within 1, 2 and 3 blocks: ``(3, 3, 3)`` is all
        interactions of three variables, ``(4, 4)`` those of four variables within two blocks. A number
        below the number of blocks drops these interactions.
    over
        What interacts: ``"variables"``, or ``"blocks"``, whose covariance is ``Π_v (1 + w_v t_v) − 1``. Then
        the orders are ``(1, 2)`` or ``(1, 2, 3)``.
    positions
        Of a variable's choices: on a ``"line"``, in their order at the start, or in the ``"plane"``, at random at the
        start, where nothing says which are alike.

    Raises
    ------
    ModelError
        If the orders are not 1 to 3 numbers from 0 to 4 with at least one interaction, `over` or `positions` is none
        of those above, or a block has more than 1,024 joint choices.

    Notes
    -----
    The parameters *theta* are float64 (size,): per variable log w and the positions of its choices;
    per pair of numbers of blocks and variables log s; the log of the noise's variance.
    """

    learning_rate = 0.1  # of Adam

    def __init__(self, space: Space, orders: Sequence[int], over: str = "variables", positions: str = "line") -> None:
        numbers = isinstance(orders, (list, tuple)) and all(isinstance(order, int) for order in orders)
        if not numbers or not 1 <= len(orders) <= MAX_BLOCKS or not all(0 <= order <= MAX_ORDER for order in orders):
            raise ModelError(f"orders are {orders!r}; give 1 to {MAX_BLOCKS} numbers up to {MAX_ORDER}, or likelihood")
        if over not in ("variables", "blocks"):
            raise ModelError(f"over is {over!r}; choose variables or blocks")
        if positions not in DIMENSIONS:
            raise ModelError(f"positions is {positions!r}; choose {', '.join(DIMENSIONS)} or likelihood")
        self.orders, self.over, self.positions = orders, over, positions
        if over == "blocks" and any(order not in (0, k) for k, order in enumerate(orders, start=1)):
            raise ModelError(f"orders over blocks are {list(orders)}; use [1], [1, 2] or [1, 2, 3]")
        self._block_variables: list[list[int]] = []
        self._variables: list[Variable] = []
        size = 0
        for block in space.blocks:
            self._block_variables.append([])
            for _ in block.variables:
                number = len(self._variables)
                variable = Variable(len(space.variables[number].states), size, DIMENSIONS[positions])
                if variable.card > 1:
                    self._block_variables[-1].append(number)
                    size = variable.parameters.stop
                self._variables.append(variable)
        self._block_cards = [[self._variables[v].card for v in block] for block in self._block_variables]
        joint = [prod(cards) for cards in self._block_cards]
        self._states = max(joint)
        if self._states > MOST_STATES:
            name = space.blocks[joint.index(self._states)].name
            raise ModelError(
                f"block {name} has {self._states:,} joint choices, covariances are of at most {MOST_STATES:,}; "
                "divide it into several blocks"
            )
        sizes = sorted(
            (1 if over == "blocks" else len(block) for block in self._block_variables if block), reverse=True
        )
        wanted = ((k, v) for k, order in enumerate(orders, start=1) for v in range(k, order + 1))
        self.terms = [(k, v) for k, v in wanted if k <= len(sizes) and v <= sum(sizes[:k])]
        if not self.terms:
            raise ModelError(f"orders {list(orders)} allow no interaction; allow at least one variable")
        most = max(k for k, _ in self.terms)
        largest = {k: max(v - (b - k) for b, v in self.terms if b >= k) for k in range(1, most + 1)}
        # the terms, and what they are built from
        self._sums_needed = [(k, v) for k in range(1, most + 1) for v in range(k, largest[k] + 1)]
        self.scales = slice(size, size + len(self.terms))
        self.noise = size + len(self.terms)
        self.size = self.noise + 1

    def start(self, random: np.random.Generator) -> Floats:
        """Parameters to learn from: equal variables, smaller scales for higher interactions."""
        theta = np.zeros(self.size)
        for variable in self._variables:
            own = variable.parameters
            theta[own.start : own.start + 1] = np.log(0.5)
            places = own.stop - own.start - 1
            on_line = variable.dimensions == 1
            theta[own.start + 1 : own.stop] = SPREAD * (
                np.arange(1, places + 1) if on_line else random.standard_normal(places)
            )
        theta[self.scales] = [v * np.log(0.3) for _, v in self.terms]
        theta[self.noise] = np.log(1e-2)
        return theta

    def states(self, choices: NDArray[np.uint8]) -> States:
        """State of each block in architectures given as choice indices (n, variables)."""
        columns = [
            np.ravel_multi_index(tuple(choices[:, v] for v in block), cards) if block else np.zeros(len(choices), int)
            for block, cards in zip(self._block_variables, self._block_cards, strict=True)
        ]
        return np.stack(columns, axis=1).astype(np.min_scalar_type(self._states - 1))

    def matrix(self, theta: Floats, left: States, right: States) -> Floats:
        """Covariances, float64 (len(left), len(right)), without noise."""
        factors = [block.factors for block in self._blocks(theta)]
        scales = np.exp(theta[self.scales])
        out = np.empty((len(left), len(right)))
        for rows, columns in _tiles(len(left), len(right)):
            sums = self._sums(self._gather(factors, left[rows], right[columns]))[-1]
            out[rows, columns] = 1.0 + sum(scale * sums[term] for scale, term in zip(scales, self.terms, strict=True))
        return out

    def gram(self, theta: Floats, states: States) -> NDArray[np.float32]:
        """Lower triangle of the covariances of `states`, float32 (n, n), for learning; zeros above."""
        factors = [block.factors.astype(np.float32) for block in self._blocks(theta)]
        scales = np.exp(theta[self.scales]).astype(np.float32)
        out = np.zeros((len(states), len(states)), np.float32)
        for rows, columns in _tiles(len(states), len(states), lower=True):
            sums = self._sums(self._gather(factors, states[rows], states[columns]))[-1]
            out[rows, columns] = 1.0
            for scale, term in zip(scales, self.terms, strict=True):
                out[rows, columns] += scale * sums[term]
        return np.tril(out)

    def gradient(self, theta: Floats, states: States, weights: NDArray[np.float32]) -> Floats:
        """Gradient by theta of ``Σ weights · gram``, weights lower triangular; the noise's entry is 0."""
        blocks = self._blocks(theta)
        factors = [block.factors.astype(np.float32) for block in blocks]
        scales = np.exp(theta[self.scales])
        by_scale = np.zeros(len(self.terms))
        by_factor = [np.zeros(block.factors.shape) for block in blocks]
        one_hot = [np.eye(block.factors.shape[1], dtype=np.float32)[states[:, b]] for b, block in enumerate(blocks)]
        sparse = {
            top: [csc_matrix(hot[top : top + TILE_ROWS].T) for hot in one_hot]
            for top in range(0, len(states), TILE_ROWS)
        }
        for rows, columns in _tiles(len(states), len(states), lower=True):
            gathered = self._gather(factors, states[rows], states[columns])
            sums = self._sums(gathered)
            weight = weights[rows, columns]
            by_scale += [np.vdot(weight, sums[-1][term]) for term in self.terms]
            adjoint = {t: np.float32(s) * weight for s, t in zip(scales, self.terms, strict=True)}
            for b in reversed(range(len(blocks))):
                before, adjoint = adjoint, dict(adjoint)
                by_gathered = self._adjoints(gathered[b], sums[b], before, adjoint)
                of_rows, of_columns = sparse[rows.start][b], one_hot[b][columns]
                for by_state, one in zip(by_factor[b], by_gathered, strict=True):
                    if one is not None:
                        by_state += (of_rows @ one) @ of_columns
        out = np.zeros(self.size)
        out[self.scales] = by_scale * scales
        for block, by_state in zip(blocks, by_factor, strict=True):
            for parameters, values in block.gradients(by_state):
                out[parameters] = values
        return out

    def axes(self, choices: NDArray[np.uint8]) -> States:
        """States of what interacts: the choice indices themselves, or the blocks' states."""
        return choices if self.over == "variables" else self.states(choices)

    def interactions(self) -> Iterator[tuple[tuple[int, int], tuple[int, ...]]]:
        """Every set of axes that interact, with its (blocks, variables), fewer axes first."""
        blocks_axes = [b if self.over == "variables" else [i] for i, b in enumerate(self._block_variables) if b]
        for blocks, variables in sorted(self.terms, key=lambda term: (term[1], term[0])):
            for some in combinations(blocks_axes, blocks):
                for sizes in product(range(1, variables + 1), repeat=blocks):
                    if sum(sizes) == variables:
                        choices = (list(combinations(b, n)) for b, n in zip(some, sizes, strict=True))
                        for parts in product(*choices):
                            yield (blocks, variables), tuple(v for part in parts for v in part)

    def covariances(self, theta: Floats) -> list[Floats]:
        """Covariance of each axis between its states, scales left out; zeros for one state."""
        if self.over == "blocks":
            return [block.factors[0] for block in self._blocks(theta)]
        return [v.covariance(theta)[0] if v.card > 1 else np.zeros((1, 1)) for v in self._variables]

    def term_scales(self, theta: Floats) -> dict[tuple[int, int], float]:
        """Scale s of each (blocks, variables)."""
        return dict(zip(self.terms, np.exp(theta[self.scales]).tolist(), strict=True))

    def _blocks(self, theta: Floats) -> list[Block]:
        most = None if self.over == "blocks" else max(v for _, v in self.terms)
        return [Block([self._variables[v] for v in block], theta, most) for block in self._block_variables]

    def _gather(self, factors: Sequence[Matrix], rows: States, columns: States) -> list[list[Matrix]]:
        """Each block's factors between architectures, (rows, columns), by number of variables."""
        return [[factor[:, columns[:, b]][rows[:, b]] for factor in block] for b, block in enumerate(factors)]

    def _sums(self, gathered: Sequence[Sequence[Matrix]]) -> list[Sums]:
        """After each block, the sums of products by (blocks, variables) used so far; first of none."""
        out: list[Sums] = [{}]
        for factors in gathered:
            sums = dict(out[-1])
            for blocks, variables, own in self._steps(len(factors), out[-1]):
                new = factors[own - 1]
                if blocks > 1:
                    new = out[-1][blocks - 1, variables - own] * new
                sums[blocks, variables] = sums[blocks, variables] + new if (blocks, variables) in sums else new
            out.append(sums)
        return out

    def _steps(self, most: int, before: Mapping[tuple[int, int], object]) -> Iterator[tuple[int, int, int]]:
        """(blocks, variables, variables of the new block) that a block adds to; no term of self.terms is left out."""
        for blocks, variables in self._sums_needed:
            for own in range(1, min(most, variables) + 1):
                if (blocks == 1 and own == variables) or (blocks - 1, variables - own) in before:
                    yield blocks, variables, own

    def _adjoints(
        self,
        factors: Sequence[Matrix],
        sums: Sums,
        after: Sums,
        before: dict[tuple[int, int], Matrix],
    ) -> list[Matrix | None]:
        """Reverse of one block's step of `_sums`: adjoints of its factors; those of the sums go to `before`."""
        out: list[Matrix | None] = [None] * len(factors)
        for blocks, variables, own in self._steps(len(factors), sums):
            if (blocks, variables) not in after:
                continue
            adjoint = after[blocks, variables]
            of_factor = adjoint
            if blocks > 1:
                key = (blocks - 1, variables - own)
                of_factor = adjoint * sums[key]
                of_sum = adjoint * factors[own - 1]
                before[key] = before[key] + of_sum if key in before else of_sum
            known = out[own - 1]
            out[own - 1] = of_factor if known is None else known + of_factor
        return out


def _tiles(rows: int, columns: int, *, lower: bool = False) -> Iterator[tuple[slice, slice]]:
    """Slices of a matrix; `lower` leaves out what lies above the diagonal."""
    for left in range(0, columns, TILE_COLUMNS):
        for top in range(left // TILE_ROWS * TILE_ROWS if lower else 0, rows, TILE_ROWS):
            yield slice(top, min(top + TILE_ROWS, rows)), slice(left, min(left + TILE_COLUMNS, columns))
