"""Peak activation memory of MnasNet architectures, exact over the whole space.

The peak is the largest sum, over layers, of the float32 values a layer reads and writes and of those that a later layer
still needs. Batch normalisations and activations work in place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accelnas import _core, mnasnet_space
from accelnas.errors import ModelError
from accelnas.networks.family import network_layers

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelnas import Space

__all__ = ["FORMULAS", "peak_memory_surrogate"]

_BYTES = 4  # of a float32
_MEGABYTE = 10**6


def peak_memory_surrogate(space: Space | None = None) -> _core.Surrogate:
    """Peak activation memory in MB (10⁶ bytes), exact over the whole space, as a surrogate.

    The peak is the largest of the blocks' own peaks. The early blocks, whose images are large, exceed
    those of all others in every state, and in them few variables matter: the surrogate is a
    table over these, filled with the maxima.

    Raises
    ------
    ModelError
        If the space is another one.
    """
    space = space or mnasnet_space()
    if space != mnasnet_space():
        raise ModelError(f"formulas are known for the space mnasnet, not for {space.name}; fit the metric as a model")
    layers = network_layers(space)
    peaks = [np.array([max(layer.values for layer in state) for state in states]) for states in layers.states]
    # No architecture has less than this, so nothing below it is ever the peak.
    least = max(max(layer.values for layer in layers.fixed), *(int(p.min()) for p in peaks))
    variables: list[int] = []
    cells = np.array(least)
    first = 0
    for block, of_block in zip(space.blocks, peaks, strict=True):
        shape = [len(v.choices) for v in space.variables[first : first + len(block.variables)]]
        of_state = np.maximum(of_block, least).reshape(shape)
        matter = [axis for axis in range(of_state.ndim) if (of_state != of_state.take([0], axis)).any()]
        if matter:
            variables += [first + axis for axis in matter]
            rest = tuple(axis for axis in range(of_state.ndim) if axis not in matter)
            own = of_state.max(axis=rest)
            cells = np.maximum(cells[(..., *[None] * own.ndim)], own)
        first += len(shape)
    megabytes = cells.reshape(1, -1) * (_BYTES / _MEGABYTE)
    return _core.Surrogate.from_tables(space._core, [0.0], [variables], [megabytes])


FORMULAS: dict[str, Callable[[Space], _core.Surrogate]] = {"peak_memory": peak_memory_surrogate}
"""Metrics that need no data, by name."""
