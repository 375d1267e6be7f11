"""Layers of NAS-Bench-201 (Dong and Yang 2020): three stages of five equal cells of six edges, for 32 × 32 pixels.

A cell's layers are those of its edges one by one. The sum at a node is counted with each edge to it but the first, as
if the first one always led somewhere.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from accelnas.networks.layer import Layer

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["VARIABLES", "choice_layers", "fixed_layers"]

_PIXELS, _CLASSES, _CELLS = 32, 10, 5
_CHANNELS = (16, 32, 64)
VARIABLES = ("edge_0_1", "edge_0_2", "edge_1_2", "edge_0_3", "edge_1_3", "edge_2_3")


def _convolution(inputs: int, outputs: int, pixels: int, kernel: int, stride: int = 1) -> Layer:
    return Layer("convolution", inputs, outputs, pixels, kernel, stride, normalised=True)


def fixed_layers() -> Iterator[Layer]:
    """Layers of stem, reductions and classifier."""
    yield _convolution(3, _CHANNELS[0], _PIXELS, 3)
    for stage, (before, after) in enumerate(pairwise(_CHANNELS)):
        pixels = _PIXELS >> stage
        yield _convolution(before, after, pixels, 3, 2)
        yield _convolution(after, after, pixels // 2, 3)
        yield Layer("pool", before, before, pixels, 2, 2)
        yield Layer("convolution", before, after, pixels // 2)
        yield Layer("sum", after, after, pixels // 2)
    yield Layer("mean", _CHANNELS[-1], _CHANNELS[-1], _PIXELS >> 2, normalised=True)
    yield Layer("convolution", _CHANNELS[-1], _CLASSES, 1, biased=True)


def choice_layers(name: str, choice: str) -> Iterator[Layer]:
    """Layers of one of `VARIABLES` with one of its choices, in all cells."""
    for stage, channels in enumerate(_CHANNELS):
        pixels = _PIXELS >> stage
        for _ in range(_CELLS):
            if choice == "avg_pool_3x3":
                yield Layer("pool", channels, channels, pixels, 3)
            elif choice in {"nor_conv_1x1", "nor_conv_3x3"}:
                yield _convolution(channels, channels, pixels, int(choice[-1]))
            if choice != "none" and not name.startswith("edge_0"):
                yield Layer("sum", channels, channels, pixels)
