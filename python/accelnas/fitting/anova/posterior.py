"""Posterior mean and draws of a Gaussian process as interaction tables."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from scipy.linalg import cho_solve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from accelnas.fitting.anova.process import GaussianProcess, TermsKernel

    Floats = NDArray[np.float64]

__all__ = ["Tables", "posterior_members"]


@dataclass(frozen=True)
class Tables:
    """Functions of the space as a constant and interaction tables each."""

    constants: Floats  # float64 (functions,)
    sets: list[tuple[int, ...]]  # axes of each table, ascending: variables or blocks
    cells: list[Floats]  # one float64 (functions, states of the first axis, …) array a table
    over: str = "variables"  # what an axis is: "variables" or "blocks"

    def predict(self, axes: NDArray[np.integer[Any]]) -> Floats:
        """Every function at the states of all axes (n, axes), float64 (functions, n)."""
        out = np.repeat(self.constants[:, None], len(axes), axis=1)
        for some, cells in zip(self.sets, self.cells, strict=True):
            at: tuple[Any, ...] = (slice(None), *(axes[:, a] for a in some))
            out += cells[at]
        return out

    @classmethod
    def joined(cls, several: Sequence[Tables]) -> Tables:
        """Functions of tables over the same sets, one after the other."""
        cells = [np.concatenate(of_set) for of_set in zip(*(tables.cells for tables in several), strict=True)]
        return replace(several[0], constants=np.concatenate([tables.constants for tables in several]), cells=cells)

    @property
    def sha256(self) -> str:
        """Digest of all numbers."""
        digest = hashlib.sha256(repr((self.over, self.sets)).encode() + self.constants.tobytes())
        for cells in self.cells:
            digest.update(np.ascontiguousarray(cells).tobytes())
        return digest.hexdigest()

    @property
    def magnitude(self) -> float:
        """Bound on the sum of absolute values of all numbers that a value adds."""
        return float(np.abs(self.constants).max() + sum(np.abs(cells).max(initial=0.0) for cells in self.cells))

    def __add__(self, other: Tables) -> Tables:
        """Sum of functions with tables over the same sets."""
        cells = [a + b for a, b in zip(self.cells, other.cells, strict=True)]
        return replace(self, constants=self.constants + other.constants, cells=cells)

    def scaled(self, scale: float, bias: float) -> Tables:
        """``bias + scale · function`` of each."""
        return replace(self, constants=bias + scale * self.constants, cells=[scale * cells for cells in self.cells])


def posterior_members(process: GaussianProcess, count: int, seed: int) -> Tables:
    """Draws from the posterior that agree with its mean on average.

    Matheron's rule makes a draw of the posterior from one of the prior: ``g + K (K + σ²)⁻¹ (y − g(X) − ε)``
    (Wilson et al., "Efficiently sampling functions from Gaussian process posteriors", 2020). As a few draws
    average to something else than the mean, they are shifted by the same function until they do, and their
    deviations stretched by √(n / (n − 1)), so that their population variance is right on average.

    A count of one gives the mean itself.
    """
    if count == 1:
        return _update(process, process.alpha[:, None])
    random = np.random.default_rng(seed)
    prior = _prior(process, count, random)
    noise = random.standard_normal((len(process.noise), count)) * np.sqrt(process.noise)[:, None]
    misses = prior.predict(process.axes).T + noise  # what the draws would have to unlearn
    stretch = np.sqrt(count / (count - 1))
    misses = (misses - misses.mean(axis=1, keepdims=True)) * stretch
    cells = [(cell - cell.mean(axis=0)) * stretch for cell in prior.cells]
    deviations = replace(prior, constants=(prior.constants - prior.constants.mean()) * stretch, cells=cells)
    alphas = process.alpha[:, None] - cho_solve((process.factor, True), misses, check_finite=False)
    return deviations + _update(process, alphas)


def _prior(process: GaussianProcess, count: int, random: np.random.Generator) -> Tables:
    """Draws from the prior: each table is noise coloured along each axis."""
    kernel = cast("TermsKernel", process.kernel)  # of others there are no tables
    roots = [_root(covariance) for covariance in kernel.covariances(process.theta)]
    scales = kernel.term_scales(process.theta)
    sets, tables = [], []
    constants = random.standard_normal(count)
    for term, some in kernel.interactions():
        cells = random.standard_normal((count, *(len(roots[a]) for a in some)))
        tables.append(_along_axes(cells, [roots[a] for a in some]) * np.sqrt(scales[term]))
        sets.append(some)
    return Tables(constants, sets, tables, kernel.over)


def _update(process: GaussianProcess, alphas: Floats) -> Tables:
    """``Σ_i α_i k(x, x_i)`` for each column of alphas (n, functions), split by interaction."""
    kernel = cast("TermsKernel", process.kernel)  # of others there are no tables
    covariances = kernel.covariances(process.theta)
    scales = kernel.term_scales(process.theta)
    sets, tables = [], []
    for term, some in kernel.interactions():
        shape = tuple(len(covariances[a]) for a in some)
        at = np.ravel_multi_index(tuple(process.axes[:, a] for a in some), shape)
        size = int(np.prod(shape))
        sums = np.stack([np.bincount(at, weights=alpha, minlength=size) for alpha in alphas.T], dtype=np.float64)
        cells = _along_axes(sums.reshape(-1, *shape), [covariances[a] for a in some])
        tables.append(cells * scales[term])
        sets.append(some)
    return Tables(alphas.sum(axis=0), sets, tables, kernel.over)


def _along_axes(cells: Floats, matrices: list[Floats]) -> Floats:
    """Multiply (functions, …) cells by a symmetric matrix along each axis but the first."""
    for axis, matrix in enumerate(matrices, start=1):
        cells = np.moveaxis(np.moveaxis(cells, axis, -1) @ matrix, -1, axis)
    return cells


def _root(covariance: Floats) -> Floats:
    """Symmetric square root: unique, whatever signs a library gives to eigenvectors."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)
