"""How the reference scheme's accuracy deviates from what the cheap scheme's says: estimated, and drawn as tables."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from accelnas import _core
from accelnas.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from accelnas import Space
    from studies.schemes import Scheme

    Floats = NDArray[np.float64]
    Choices = NDArray[np.uint8]

__all__ = ["KINDS", "Deviations", "drawn_deviation", "estimate_deviations"]

KINDS = {
    "networks": ("networks",),
    "variables": ("variables",),
    "pairs and networks": ("pairs", "networks"),
    "variables and networks": ("variables", "networks"),
}
CHOSEN = "variables and networks"
FLOOR = 1e-6  # of a variance in points²


@dataclass(frozen=True)
class Deviations:
    """What networks trained under both schemes say.

    Attributes
    ----------
    slope, intercept
        Reference accuracy by a line through the cheap scheme's, means of seeds.
    seeds
        Standard deviation of residuals by seeds alone, in points: of means, under both schemes.
    of_variables, of_networks
        Standard deviations beyond seeds, in points: a sum of an effect a variable, and what networks have of their own.
    likelihoods
        Largest log likelihood by what may deviate, see `KINDS`.
    """

    slope: float
    intercept: float
    seeds: float
    of_variables: float
    of_networks: float
    likelihoods: Mapping[str, float]

    @property
    def total(self) -> float:
        """Standard deviation beyond seeds, in points."""
        return float(np.hypot(self.of_variables, self.of_networks))

    @property
    def share(self) -> float:
        """Share of the variance that is a sum over variables."""
        return self.of_variables**2 / self.total**2 if self.total else 1.0


def estimate_deviations(proxy: Scheme, reference: Scheme, space: Space) -> Deviations:
    """Estimate by restricted maximum likelihood: residuals of a line are effects of variables, of networks, and seeds.

    Raises
    ------
    DataError
        If there are fewer than 10 networks.
    """
    x, y = proxy.accuracy.mean(axis=1), reference.accuracy.mean(axis=1)
    if len(x) < 10:
        raise DataError(f"{len(x)} networks were trained under both schemes; 10 or more are needed")
    slope, intercept = (float(value) for value in np.polyfit(x, y, 1))
    of_means = [s.accuracy.var(axis=1, ddof=1).mean() / s.accuracy.shape[1] for s in (proxy, reference)]
    seeds = float(slope**2 * of_means[0] + of_means[1])
    design = np.stack([np.ones(len(x)), x], axis=1)
    rest = np.linalg.svd(design, full_matrices=True)[0][:, 2:]  # contrasts that the line leaves alone
    kernels = {name: rest.T @ kernel @ rest for name, kernel in _kernels(proxy.choices, space).items()}
    found = {kind: _likeliest([kernels[n] for n in names], seeds, rest.T @ y) for kind, names in KINDS.items()}
    variables, networks = found[CHOSEN][1]
    likelihoods = {kind: value for kind, (value, _) in found.items()}
    return Deviations(slope, intercept, seeds**0.5, variables**0.5, networks**0.5, likelihoods)


def _kernels(choices: Choices, space: Space) -> dict[str, Floats]:
    """Covariances of effects of variance 1 over the space, that are independent but for their zero means."""
    effects = []
    for i, variable in enumerate(space.variables):
        count = len(variable.states)
        if count > 1:
            effects.append(((choices[:, None, i] == choices[None, :, i]) - 1 / count) / (1 - 1 / count))
    total, squares = np.sum(effects, axis=0), np.sum(np.square(effects), axis=0)
    number = len(effects)
    pairs = (total**2 - squares) / max(number * (number - 1), 1)
    return {"variables": total / number, "pairs": pairs, "networks": np.eye(len(choices))}


def _likeliest(kernels: Sequence[Floats], seeds: float, values: Floats) -> tuple[float, list[float]]:
    """Give the largest log likelihood, and the variances of the kernels that have it."""
    from scipy.linalg import cho_factor, cho_solve
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits

    def loss(logs: Floats) -> float:
        matrix = sum(np.exp(log) * kernel for log, kernel in zip(logs, kernels, strict=True))
        factor = cho_factor(matrix + seeds * np.eye(len(values)), lower=True)
        return float(np.log(np.diag(factor[0])).sum() + 0.5 * values @ cho_solve(factor, values))

    start = np.full(len(kernels), np.log(max(values.var() - seeds, FLOOR) / len(kernels)))
    with threadpool_limits(1):  # sums in one order
        best = minimize(loss, start, method="Nelder-Mead", bounds=[(np.log(FLOOR), np.log(1e3))] * len(kernels))
    return -float(best.fun), [float(np.exp(log)) for log in best.x]


def drawn_deviation(space: Space, share: float, seed: int) -> _core.Surrogate:
    """Draw a deviation as tables: mean 0 and variance 1 over the space, exactly.

    A share of the variance are effects of variables, the rest those of pairs of them: the richest that small tables
    hold. It is a function of the architecture, so that the best of the space under it can be proven.

    Examples
    --------
    >>> import accelnas
    >>> space = accelnas.load("nasbench-macro").space
    >>> every = drawn_deviation(space, 0.7, seed=0).predict(space.range(0, space.size))
    >>> round(abs(float(every.mean())), 9), round(float(every.var()), 9)
    (0.0, 1.0)
    """
    random, sizes = np.random.default_rng(seed), [len(variable.states) for variable in space.variables]
    several = [i for i, size in enumerate(sizes) if size > 1]
    sets: list[list[int]] = [*([i] for i in several), *(list(pair) for pair in combinations(several, 2))]
    cells = []
    for axes in sets:
        own = random.standard_normal([sizes[i] for i in axes])
        for axis in range(own.ndim):
            own -= own.mean(axis=axis, keepdims=True)
        cells.append(own)
    for order, variance in ((1, share), (2, 1 - share)):
        of_order = [own for own in cells if own.ndim == order]
        spread = sum(float(np.square(own).mean()) for own in of_order)
        for own in of_order:
            own *= np.sqrt(variance / spread)
    return _core.Surrogate.from_tables(space._core, [0.0], sets, [own.reshape(1, -1) for own in cells])
