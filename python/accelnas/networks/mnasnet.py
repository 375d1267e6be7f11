"""Layers of MnasNet architectures.

Seven blocks between a stem (3×3 convolution, stride 2, 32 channels) and a head (1×1 convolution to
1,280 channels, mean over pixels, 1,000 classes), for one image of 224 × 224 pixels. A block of l layers
has its stride in the first one; the others, of stride 1, add their input to their output. With e = 1 a
layer is a depthwise convolution, squeeze-and-excite where wanted, and a 1×1 convolution; else a 1×1
convolution to e times the channels comes first. Squeeze-and-excite has a quarter of the layer's input
channels inside, whatever e. Every convolution is followed by batch normalisation, but for those of
squeeze-and-excite, which have biases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accelnas.networks.layer import Layer

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["block_layers", "head_layers", "stem_layers"]

_PIXELS = 224
_STEM, _HEAD, _CLASSES = 32, 1280, 1000
_STRIDES = (1, 2, 2, 2, 1, 2, 1)
_CHANNELS = (32, 16, 24, 40, 80, 112, 192, 320)  # before, between and after the blocks


def _convolution(
    inputs: int, outputs: int, kernel: int, pixels: int, stride: int, *, depthwise: bool = False, kept: int = 0
) -> Layer:
    """Convolve `pixels` × `pixels` values a channel with padding, then normalise."""
    groups = inputs if depthwise else 1
    return Layer("convolution", inputs, outputs, pixels, kernel, stride, groups, normalised=True, kept=kept)


def _squeeze_excite(channels: int, inside: int, pixels: int, kept: int) -> Iterator[Layer]:
    yield Layer("mean", channels, channels, pixels, kept=kept)
    for inputs, outputs in ((channels, inside), (inside, channels)):
        yield Layer("convolution", inputs, outputs, 1, biased=True, kept=channels * pixels**2 + kept)
    yield Layer("product", channels, channels, pixels, kept=kept)


def stem_layers() -> list[Layer]:
    """Layers before the blocks."""
    return [_convolution(3, _STEM, 3, _PIXELS, 2)]


def head_layers() -> list[Layer]:
    """Layers after the blocks."""
    pixels = _block_pixels(len(_STRIDES))
    last = Layer("convolution", _HEAD, _CLASSES, 1, biased=True)
    return [_convolution(_CHANNELS[-1], _HEAD, 1, pixels, 1), Layer("mean", _HEAD, _HEAD, pixels), last]


def block_layers(block: int, expansion: int, kernel: int, repeats: int, gated: bool) -> list[Layer]:
    """Layers of a block, 0 to 6, in one of its states: e, k, l and se of the space.

    Examples
    --------
    >>> sum(layer.params for layer in block_layers(0, 1, 3, 1, False))  # 32·9 + 64 + 32·16 + 32
    896
    """
    layers: list[Layer] = []
    pixels, stride = _block_pixels(block), _STRIDES[block]
    for repeat in range(repeats):
        inputs = _CHANNELS[block + (repeat > 0)]
        layers += _unit(inputs, _CHANNELS[block + 1], expansion, kernel, gated, pixels, stride, residual=repeat > 0)
        pixels, stride = _block_pixels(block + 1), 1
    return layers


def _unit(
    inputs: int, outputs: int, expansion: int, kernel: int, gated: bool, pixels: int, stride: int, *, residual: bool
) -> Iterator[Layer]:
    wide, after = inputs * expansion, pixels // stride
    shortcut = inputs * pixels**2 if residual else 0
    if expansion > 1:
        # The first convolution reads the shortcut itself.
        yield _convolution(inputs, wide, 1, pixels, 1)
    yield _convolution(wide, wide, kernel, pixels, stride, depthwise=True, kept=shortcut if expansion > 1 else 0)
    if gated:
        yield from _squeeze_excite(wide, inputs // 4, after, shortcut)
    yield _convolution(wide, outputs, 1, after, 1, kept=shortcut)
    if residual:
        yield Layer("sum", outputs, outputs, after)


def _block_pixels(block: int) -> int:
    """Height and width of a block's input."""
    return _PIXELS // 2 // int(np.prod(_STRIDES[:block], dtype=int))
