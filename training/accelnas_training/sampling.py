"""Which architectures to train: uniform, on an even grid of costs, or where an ensemble disagrees."""

from __future__ import annotations

import math
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from accelnas.errors import DataError, SpaceError
from accelnas.fitting.dataset import from_table
from accelnas.fitting.ensemble import fit_ensemble
from accelnas.fitting.families import Recipe
from accelnas.fitting.settings import MetricSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelnas import Space
    from accelnas.fitting.dataset import Dataset
    from accelnas.networks import Layer, NetworkLayers
    from accelnas_training.arrays import Archs, Floats, Rows
    from accelnas_training.networks.family import NetworkFamily


_COUNTED = 400  # candidates of a grid whose networks are built; about a tenth of a second each
_KNOWN = 100_000  # where costs follow from a formula
_METRIC = "accuracy"
_SCORED = 10_000  # candidates of an active choice


def uniform(space: Space, n: int, seed: int, known: Archs | None = None) -> Archs:
    """Draw distinct architectures uniformly, uint8 (n, variables), none of those that are `known`.

    The same seed gives the same. Raises SpaceError if fewer are left.

    Examples
    --------
    >>> from accelnas import mnasnet_space
    >>> uniform(mnasnet_space(), 5, seed=0).shape
    (5, 28)
    """
    new = _candidates(space, n, seed, known)
    if len(new) < n:
        raise SpaceError(
            f"{n} architectures are wanted, but {space.name} has {space.size:,}, of which {len(new):,} are not known; "
            f"ask for {len(new):,} or fewer"
        )
    return new


def _candidates(space: Space, n: int, seed: int, known: Archs | None) -> Archs:
    """Draw up to `n`: fewer if fewer are left."""
    excluded = set() if known is None else {row.tobytes() for row in np.ascontiguousarray(known)}
    drawn = space.sample(min(n + len(excluded), space.size), seed, unique=True)
    if excluded:
        drawn = drawn[[row.tobytes() not in excluded for row in drawn]]
    return drawn[:n]


def grid(family: NetworkFamily, n: int, seed: int, resolution: int = 224, known: Archs | None = None) -> Archs:
    """Choose architectures on an even grid of MACs × parameters.

    Many candidates are drawn uniformly: 100,000 where the costs follow from a formula (`NetworkFamily.layers`), else
    400, or 4 n, whose networks are built. The coarsest grid is laid over their MACs and parameters that
    has n cells with a candidate. If more have one, n of the cells are chosen by farthest points: first that
    of the smallest networks, then always the one whose centre is farthest from those chosen. Of each cell the
    candidate nearest to its centre is taken.

    Parameters
    ----------
    family
        The networks.
    n, seed, known
        As in `uniform`.
    resolution
        Height and width of an image in pixels.

    Returns
    -------
    uint8 (n, variables)
        Choice indices, distinct, none of `known`, in the order of the choice: the first few are spread, too.

    Raises
    ------
    SpaceError
        If fewer are left.
    NetworkError
        If a network can't be built.

    Examples
    --------
    >>> from accelnas_training.networks import load_family
    >>> grid(load_family("mnasnet"), 20, seed=0).shape
    (20, 28)
    """
    layers = family.layers(resolution)
    if layers is not None:
        rows = _at_least(family.space, n, max(_KNOWN, n), seed, known)
        states = family.space.block_states(rows)
        points = np.stack([costs(layers, attrgetter(name), states) for name in ("macs", "params")], axis=1)
    else:
        from accelnas_training.networks.complexity import complexities  # PyTorch takes seconds to import

        rows = _at_least(family.space, n, max(_COUNTED, 4 * n), seed, known)
        counted = complexities(family, rows, resolution)
        points = np.array([(one.macs, one.params) for one in counted], np.float64)
    return rows[_spread_cells(points, n)]


def _at_least(space: Space, n: int, wanted: int, seed: int, known: Archs | None) -> Archs:
    """Draw as many as are wanted, or all that are left, but `n`."""
    rows = _candidates(space, wanted, seed, known)
    return rows if len(rows) >= n else uniform(space, n, seed, known)


def costs(layers: NetworkLayers, of_layer: Callable[[Layer], int], states: Archs) -> Floats:
    """Add a number of each layer up: float64 (n,) for block states (n, blocks).

    Examples
    --------
    >>> from accelnas import mnasnet_space
    >>> from accelnas.networks import network_layers
    >>> costs(network_layers(mnasnet_space()), lambda layer: layer.params, np.zeros((1, 7), np.uint8))
    array([1798072.])
    """
    fixed, tables = layers.sums(of_layer)
    return np.asarray(fixed + np.sum([table[states[:, b]] for b, table in enumerate(tables)], axis=0), np.float64)


def _spread_cells(points: Floats, n: int) -> Rows:
    """Choose `n` of (candidates, 2) points as `grid` says; where no grid has n cells, the first others fill up."""
    low, width = points.min(axis=0), np.ptp(points, axis=0)
    unit = (points - low) / np.where(width > 0, width, 1.0)
    for side in range(math.isqrt(max(n - 1, 0)) + 1, 8 * n + 2):
        cells = np.minimum((unit * side).astype(np.intp), side - 1)
        occupied = np.unique(cells, axis=0)
        if len(occupied) >= n:
            break
    centres = (occupied + 0.5) / side
    chosen: list[int] = []
    distances = np.full(len(centres), np.inf)
    for _ in range(min(n, len(centres))):
        cell = int(np.argmax(distances))
        to_cell = np.linalg.norm(centres - centres[cell], axis=1)
        distances = np.minimum(distances, to_cell)
        members = np.flatnonzero((cells == occupied[cell]).all(axis=1))
        chosen.append(int(members[np.argmin(np.linalg.norm(unit[members] - centres[cell], axis=1))]))
    others = np.setdiff1d(np.arange(len(points)), chosen)
    return np.concatenate([np.array(chosen, np.intp), others[: n - len(chosen)]])


def active(space: Space, n: int, seed: int, known: Archs, values: Floats) -> Archs:
    """Choose architectures of which an ensemble fitted on measured ones knows least, which come first.

    The ensemble is 64 draws from two Gaussian processes over pairs of variables, which takes seconds. Of 10,000
    candidates, drawn uniformly, the one is taken on which the ensemble's members disagree most; their disagreement
    about all others is reduced by what a measurement of it would tell, and so on. Measured are `known`, uint8 (m,
    variables), with values float64 (m,), NaN where there is none. Raises SpaceError if fewer than n others are left,
    DataError if values and architectures differ in number, or are too few to fit on.
    """
    settings = replace(_ensemble_settings(), seed=seed)
    dataset = _dataset(space, known, values)
    candidates = _at_least(space, n, max(_SCORED, 4 * n), seed, known)
    ensemble = fit_ensemble(dataset, dataset.ids, settings.metrics[_METRIC], settings, threads=1)
    fitted = ensemble.predict_members(dataset.choices[ensemble.rows]).mean(axis=0)
    noise = float(np.mean((ensemble.targets - fitted) ** 2))
    return candidates[_least_known(ensemble.predict_members(candidates), noise, n)]


def _ensemble_settings() -> Settings:
    parameters = {"orders": [2, 2], "steps": [[1000, 40]], "processes": 2}
    recipe = Recipe("pairs", "anova_process", parameters=parameters)
    metrics = {_METRIC: MetricSettings(_METRIC, recipe=recipe)}
    return Settings("active sampling", 64, folds=5, seed=0, standardise=True, metrics=metrics, sha256="")


def _dataset(space: Space, known: Archs, values: Floats) -> Dataset:
    if len(known) != len(values):
        raise DataError(f"{len(known)} architectures have {len(values)} values; give one for each")
    columns = {v.name: [v.choices[i] for i in known[:, k].tolist()] for k, v in enumerate(space.variables)}
    return from_table(pl.DataFrame({**columns, _METRIC: np.asarray(values, np.float64)}), space)


def _least_known(members: Floats, noise: float, n: int) -> list[int]:
    """Choose `n` columns of (members, candidates) greedily, each time as if those chosen had been measured.

    The members are taken for draws from a normal distribution. A measurement with variance `noise` shrinks what they
    say along the measured column by √(noise / (variance + noise)).
    """
    spread = (members - members.mean(axis=0)) / math.sqrt(max(len(members) - 1, 1))
    chosen: list[int] = []
    for _ in range(n):
        variance = np.square(spread).sum(axis=0)
        variance[chosen] = -1.0
        best = int(np.argmax(variance))
        chosen.append(best)
        if variance[best] > 0:
            direction = spread[:, best] / math.sqrt(variance[best])
            kept = math.sqrt(noise / (variance[best] + noise))
            spread -= (1.0 - kept) * np.outer(direction, direction @ spread)
    return chosen
