"""Layers of NAS-Bench-Macro (Su et al. 2021): eight inverted residuals, or nothing, for 32 × 32 pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelnas.networks.layer import Layer

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["VARIABLES", "choice_layers", "fixed_layers"]

_PIXELS, _STEM, _HEAD, _CLASSES = 32, 32, 1280, 10
_STAGES = ((64, 2), (128, 3), (256, 3))  # channels, layers; the first one halves the resolution
_KINDS = {"identity": None, "mb3_k3": (3, 3), "mb6_k5": (6, 5)}  # expansion, kernel size
_SHAPES = [  # of each layer: channels before and after, stride, height and width before
    (channels if n else before, channels, 1 if n else 2, _PIXELS >> (stage + (n > 0)))
    for stage, ((channels, layers), before) in enumerate(zip(_STAGES, (_STEM, 64, 128), strict=True))
    for n in range(layers)
]
VARIABLES = tuple(f"layer{number}" for number in range(len(_SHAPES)))


def _convolution(inputs: int, outputs: int, pixels: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> Layer:
    return Layer("convolution", inputs, outputs, pixels, kernel, stride, groups, normalised=True)


def fixed_layers() -> Iterator[Layer]:
    """Layers before and after those that are chosen."""
    pixels, channels = _PIXELS >> len(_STAGES), _STAGES[-1][0]
    yield _convolution(3, _STEM, _PIXELS, 3)
    yield _convolution(channels, _HEAD, pixels)
    yield Layer("mean", _HEAD, _HEAD, pixels)
    yield Layer("convolution", _HEAD, _CLASSES, 1, biased=True)


def choice_layers(name: str, choice: str) -> Iterator[Layer]:
    """Layers of one of `VARIABLES` with one of its choices."""
    before, after, stride, pixels = _SHAPES[VARIABLES.index(name)]
    kind = _KINDS[choice]
    if kind is None:
        if stride > 1:
            yield _convolution(before, after, pixels, stride=stride)
        return
    expansion, kernel = kind
    wide = before * expansion
    yield _convolution(before, wide, pixels)
    yield _convolution(wide, wide, pixels, kernel, stride, wide)
    yield _convolution(wide, after, pixels // stride)
    if stride == 1:
        yield Layer("sum", after, after, pixels)
