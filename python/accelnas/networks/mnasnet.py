"""MACs, parameters and peak activation memory of MnasNet architectures, from their layers.

Seven blocks between a stem (3×3 convolution, stride 2, 32 channels) and a head (1×1 convolution to
1,280 channels, mean over pixels, 1,000 classes), for one image of 224 × 224 pixels. A block of l layers
has its stride in the first one; the others, of stride 1, add their input to their output. With e = 1 a
layer is a depthwise convolution, squeeze-and-excite where wanted, and a 1×1 convolution; else a 1×1
convolution to e times the channels comes first. Squeeze-and-excite has a quarter of the layer's input
channels inside, whatever e. Every convolution is followed by batch normalisation, but for those of
squeeze-and-excite, which have biases.

MACs are counted as the data set has them: a multiply-accumulate for each weight and output pixel, none
for a bias, an activation, a gate's multiplication or a sum; 4 operations a value of a batch normalisation;
a mean over pixels costs its inputs plus one division a channel.

Peak memory is the largest sum, over layers, of the float32 values a layer reads and writes and of those
that a later layer still needs. Batch normalisations and activations work in place.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from accelnas import _core, mnasnet_space
from accelnas.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from accelnas import Space

__all__ = ["FORMULAS", "Layer", "block_layers", "block_sums", "head_layers", "peak_memory_surrogate", "stem_layers"]

_PIXELS = 224
_STEM, _HEAD, _CLASSES = 32, 1280, 1000
_STRIDES = (1, 2, 2, 2, 1, 2, 1)
_CHANNELS = (32, 16, 24, 40, 80, 112, 192, 320)  # before, between and after the blocks
_BYTES = 4  # of a float32
_MEGABYTE = 10**6


@dataclass(frozen=True)
class Layer:
    """One layer: what it computes, and the float32 values alive while it does."""

    # macs, params: operations of one image, and parameters
    macs: int
    params: int
    # reads, writes, kept: values read, written, and held for a later layer besides
    reads: int
    writes: int
    kept: int = 0

    @property
    def values(self) -> int:
        """Values alive while the layer runs."""
        return self.reads + self.writes + self.kept


def _convolution(
    inputs: int, outputs: int, kernel: int, pixels: int, stride: int, *, depthwise: bool = False, kept: int = 0
) -> Layer:
    """Convolve `pixels` × `pixels` values a channel with padding, then normalise."""
    area, weights = (pixels // stride) ** 2, outputs * kernel**2 * (1 if depthwise else inputs)
    written = outputs * area
    return Layer(weights * area + 4 * written, weights + 2 * outputs, inputs * pixels**2, written, kept)


def _mean(channels: int, pixels: int, kept: int = 0) -> Layer:
    """Mean over the pixels of each channel."""
    return Layer(channels * (pixels**2 + 1), 0, channels * pixels**2, channels, kept)


def _squeeze_excite(channels: int, inside: int, pixels: int, kept: int) -> Iterator[Layer]:
    gated = channels * pixels**2
    yield _mean(channels, pixels, kept)
    for inputs, outputs in ((channels, inside), (inside, channels)):
        yield Layer(inputs * outputs, (inputs + 1) * outputs, inputs, outputs, gated + kept)
    yield Layer(0, 0, gated + channels, gated, kept)


def stem_layers() -> list[Layer]:
    """Layers before the blocks."""
    return [_convolution(3, _STEM, 3, _PIXELS, 2)]


def head_layers() -> list[Layer]:
    """Layers after the blocks."""
    pixels = _block_pixels(len(_STRIDES))
    last = Layer(_HEAD * _CLASSES, (_HEAD + 1) * _CLASSES, _HEAD, _CLASSES)
    return [_convolution(_CHANNELS[-1], _HEAD, 1, pixels, 1), _mean(_HEAD, pixels), last]


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
        yield Layer(0, 0, 2 * shortcut, shortcut)


def _block_pixels(block: int) -> int:
    """Height and width of a block's input."""
    return _PIXELS // 2 // int(np.prod(_STRIDES[:block], dtype=int))


def block_sums(of_layer: Callable[[Layer], int], space: Space | None = None) -> tuple[int, list[NDArray[np.int64]]]:
    """Add a number of each layer up, such as ``lambda layer: layer.macs``.

    Gives the sum over stem and head, and for each block those over its layers in each of its states, int64 (states,).
    """
    fixed = sum(of_layer(layer) for layer in stem_layers() + head_layers())
    of_state = [[sum(map(of_layer, layers)) for layers in states] for states in _states(space)]
    return fixed, [np.array(values, np.int64) for values in of_state]


def _states(space: Space | None) -> list[list[list[Layer]]]:
    """Layers of each block in each state."""
    space = space or mnasnet_space()
    if space != mnasnet_space():
        raise ModelError(f"formulas are known for the space mnasnet, not for {space.name}; fit the metric as a model")
    choices = {variable.name: variable.choices for variable in space.variables}
    out = []
    for number, block in enumerate(space.blocks):
        states = product(*(choices[name] for name in block.variables))
        out.append([block_layers(number, int(e), int(k), int(n), bool(se)) for e, k, n, se in states])
    return out


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
    peaks = [np.array([max(layer.values for layer in state) for state in states]) for states in _states(space)]
    # No architecture has less than this, so nothing below it is ever the peak.
    least = max(max(layer.values for layer in stem_layers() + head_layers()), *(int(p.min()) for p in peaks))
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
