"""Times from the layers of a network: rooflines."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import least_squares

from accelnas import mnasnet_space
from accelnas.networks import network_layers

if TYPE_CHECKING:
    from accelnas_training.arrays import Archs, Floats, Rows


_BYTES = 4  # of a float32
_STARTS = (0.1, 0.5, 0.9)  # of a network's time: shares of computing and of overhead


@dataclass(frozen=True)
class Roofline:
    """A device by three numbers: a layer takes ``max(MACs / peak, bytes / bandwidth) + overhead`` (Williams 2009)."""

    peak: float  # MACs in a unit of time
    bandwidth: float  # bytes in a unit of time: float32 inputs, outputs and parameters of each layer
    overhead: float  # time of a layer that does nothing

    def predict(self, states: Archs) -> Floats:
        """Predict times of MnasNet architectures, float64 (n,), from block states (n, 7)."""
        layers = _layers()
        return _summed(np.maximum(layers.macs / self.peak, layers.bytes / self.bandwidth) + self.overhead, states)


def fit_roofline(states: Archs, times: Floats) -> Roofline:
    """Fit the three constants to few block states, uint8 (n, 7), and times, float64 (n,), by least squares.

    From several starts, of which the best end counts.

    Examples
    --------
    >>> states = mnasnet_space().block_states(mnasnet_space().sample(20))
    >>> found = fit_roofline(states, Roofline(2e9, 3e8, 1e-2).predict(states))
    >>> np.array([found.peak / 2e9, found.bandwidth / 3e8, found.overhead / 1e-2]).round(3)
    array([1., 1., 1.])
    """
    layers = _layers()
    numbers = (layers.macs, layers.bytes, np.ones_like(layers.macs))
    macs, size, count = (_summed(values, states).mean() for values in numbers)
    mean = times.mean()

    def misses(logs: Floats) -> Floats:
        return np.asarray((Roofline(*np.exp(logs)).predict(states) - times) / mean)

    starts = [
        np.log([macs / (mean * share), size / (mean * (1 - share)), 0.2 * mean * other / count])
        for share, other in product(_STARTS, _STARTS)
    ]
    found = min((least_squares(misses, start) for start in starts), key=lambda one: float(one.cost))
    return Roofline(*(float(constant) for constant in np.exp(found.x)))


@dataclass(frozen=True)
class _Layers:
    """Layers of stem, head, and all states of all blocks, one after the other."""

    macs: Floats
    bytes: Floats
    owner: Rows
    """0: stem and head; then the states of block 0, of block 1, …"""
    sizes: list[int]


@cache
def _layers() -> _Layers:
    space = mnasnet_space()
    layers = network_layers(space)
    owners = [layers.fixed, *(state for states in layers.states for state in states)]
    flat = [(layer.macs, _BYTES * (layer.reads + layer.writes + layer.params)) for own in owners for layer in own]
    macs, size = np.array(flat, np.float64).T
    owner = np.repeat(np.arange(len(owners)), [len(own) for own in owners])
    return _Layers(macs, size, owner, [block.size for block in space.blocks])


def _summed(of_layers: Floats, states: Archs) -> Floats:
    """Add up a number of each layer over the layers of each architecture."""
    sums = np.bincount(_layers().owner, weights=of_layers)
    first = 1 + np.cumsum([0, *_layers().sizes[:-1]])
    return np.asarray(sums[0] + sums[first + states].sum(axis=1))
