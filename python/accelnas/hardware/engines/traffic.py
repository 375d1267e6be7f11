"""Bytes between an accelerator and its memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.hardware.engines.base import ceiling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accelnas.networks import Layer

__all__ = ["external_bytes", "moved"]


def moved(layer: Layer, bits: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Give the bytes of a layer's weights, inputs and outputs at so many bits a value, int64 (n,) each."""
    width = np.asarray(bits, np.int64)
    return ceiling(layer.weights * width, 8), ceiling(layer.reads * width, 8), ceiling(layer.writes * width, 8)


def external_bytes(
    layer: Layer, bits: NDArray[Any], weight_buffer: NDArray[Any], input_buffer: NDArray[Any]
) -> NDArray[np.float64]:
    """Give the bytes that a layer moves from and to external memory, float64 (n,).

    Outputs are written once. Where neither all weights nor all inputs fit into their buffers (in KB, 1,024 bytes), one
    of both is read again for every tile of the other, whichever is less; groups are tiles of both at once.
    """
    weights, inputs, outputs = moved(layer, bits)
    if layer.groups > 1 or layer.kind != "convolution":
        return np.asarray(weights + inputs + outputs, np.float64)
    capacity = [np.maximum(1, np.asarray(buffer * 1024, np.int64)) for buffer in (weight_buffer, input_buffer)]
    weight_tiles, input_tiles = ceiling(weights, capacity[0]), ceiling(inputs, capacity[1])
    again = np.minimum(inputs * (weight_tiles - 1), weights * (input_tiles - 1))
    return np.asarray(weights + inputs + again + outputs, np.float64)
