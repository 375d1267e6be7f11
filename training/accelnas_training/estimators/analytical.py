"""Times from the layers of a network: rooflines."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import least_squares

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnas.networks import Layer, NetworkLayers
    from accelnas_training.arrays import Archs, Floats, Rows
    from accelnas_training.networks.family import NetworkFamily


_BYTES = 4  # of a float32
_STARTS = (0.1, 0.5, 0.9)  # of a network's time: shares of computing and of overhead


@dataclass(frozen=True, eq=False)
class LayerCounts:
    """Layers of architectures, and how often each architecture has each of them."""

    # float64 (layers,): multiply-accumulates, bytes of float32 inputs, outputs and parameters, parameters
    macs: Floats
    bytes: Floats
    params: Floats
    counts: Floats  # float64 (n, layers)

    def sums(self, of_layers: Floats) -> Floats:
        """Add a number of each layer up, float64 (n,)."""
        return np.asarray(self.counts @ of_layers)

    def __getitem__(self, rows: Rows | slice) -> LayerCounts:
        """Take some of the architectures."""
        return replace(self, counts=self.counts[rows])


def layer_counts(layers: NetworkLayers, states: Archs) -> LayerCounts:
    """Count the layers that formulas give of block states, unsigned (n, blocks)."""
    kinds = layers.distinct()
    places = {layer: place for place, layer in enumerate(kinds)}

    def count(lists: Sequence[Sequence[Layer]]) -> Floats:
        return np.array([np.bincount([places[x] for x in own], minlength=len(kinds)) for own in lists], np.float64)

    counts = np.repeat(count([layers.fixed]), len(states), axis=0)
    for block, of_states in enumerate(layers.states):
        counts += count(of_states)[states[:, block]]
    return _counted([(layer.macs, layer.reads + layer.writes, layer.params) for layer in kinds], counts)


def built_counts(family: NetworkFamily, archs: Archs, resolution: int | None = None) -> LayerCounts:
    """Build the networks of choice indices, uint8 (n, variables), and count their layers; each takes about .1 s.

    Counted is what has parameters and multiplies: normalisations belong to the layer before, and what has no parameters
    is left out. Raises NetworkError as `accelnas_training.networks.complexity.layer_costs`.
    """
    from accelnas_training.networks.complexity import build_to_count, layer_costs  # PyTorch takes seconds to import

    places: dict[tuple[int, int, int], int] = {}
    found = []
    for architecture in archs:
        network = build_to_count(family, architecture)
        own: list[tuple[int, int, int]] = []
        for layer in layer_costs(network, resolution or family.resolution, family.options.in_channels):
            if layer.macs or not own:
                own.append((layer.macs, layer.reads + layer.writes, layer.params))
            else:
                macs, values, params = own[-1]
                own[-1] = (macs, values, params + layer.params)
        found.append([places.setdefault(layer, len(places)) for layer in own])
    counts = np.array([np.bincount(own, minlength=len(places)) for own in found], np.float64)
    return _counted(list(places), counts)


def _counted(numbers: Sequence[tuple[int, int, int]], counts: Floats) -> LayerCounts:
    """Take layers' multiply-accumulates, values and parameters."""
    macs, values, params = np.array(numbers, np.float64).T
    return LayerCounts(macs, _BYTES * (values + params), params, counts)


@dataclass(frozen=True)
class Roofline:
    """A device by three numbers: a layer takes ``max(MACs / peak, bytes / bandwidth) + overhead`` (Williams 2009)."""

    peak: float  # MACs in a unit of time
    bandwidth: float  # bytes in a unit of time: float32 inputs, outputs and parameters of each layer
    overhead: float  # time of a layer that does nothing

    def predict(self, layers: LayerCounts) -> Floats:
        """Predict times of architectures, float64 (n,)."""
        return layers.sums(np.maximum(layers.macs / self.peak, layers.bytes / self.bandwidth) + self.overhead)


def fit_roofline(layers: LayerCounts, times: Floats) -> Roofline:
    """Fit the three constants to few architectures and their times, float64 (n,), by least squares.

    From several starts, of which the best end counts.

    Examples
    --------
    >>> from accelnas import mnasnet_space
    >>> from accelnas.networks import network_layers
    >>> space = mnasnet_space()
    >>> layers = layer_counts(network_layers(space), space.block_states(space.sample(20)))
    >>> found = fit_roofline(layers, Roofline(2e9, 3e8, 1e-2).predict(layers))
    >>> np.array([found.peak / 2e9, found.bandwidth / 3e8, found.overhead / 1e-2]).round(3)
    array([1., 1., 1.])
    """
    macs, size, count = (
        layers.sums(values).mean() for values in (layers.macs, layers.bytes, np.ones_like(layers.macs))
    )
    mean = times.mean()

    def misses(logs: Floats) -> Floats:
        return np.asarray((Roofline(*np.exp(logs)).predict(layers) - times) / mean)

    starts = [
        np.log([macs / (mean * share), size / (mean * (1 - share)), 0.2 * mean * other / count])
        for share, other in product(_STARTS, _STARTS)
    ]
    found = min((least_squares(misses, start) for start in starts), key=lambda one: float(one.cost))
    return Roofline(*(float(constant) for constant in np.exp(found.x)))
