"""Networks of NAS-Bench-201 (Dong and Yang 2020): three stages of five equal cells, residual blocks between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from accelnas_training.networks.parts import Classifying, activation, chosen, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import torch

    from accelnas_training.networks.builders import NetworkOptions


_CHANNELS = (16, 32, 64)
_CELLS = 5
_EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))


def build(architecture: Mapping[str, Any], options: NetworkOptions) -> nn.Module:
    """Build the network of a cell, with PyTorch's initial weights: they follow from its seed.

    The architecture has the operations ``edge_0_1``, ``edge_0_2``, ``edge_1_2``, ``edge_0_3``, ``edge_1_3`` and
    ``edge_2_3``; at width 1 its parameters are those of the authors. The network, in training mode, goes from float32
    images (n, in_channels, r, r), r in fours, to float32 (n, num_classes). Raises NetworkError if an edge is missing or
    has another operation, timm has no such activation, or stem or head are given.

    Examples
    --------
    >>> from accelnas import spaces
    >>> from accelnas_training.networks.builders import NetworkOptions
    >>> space = spaces.load("nasbench201")
    >>> network = build(space.decode(["c3_c3_c1-skip_c3_c3"])[0], NetworkOptions(num_classes=10))
    >>> sum(p.numel() for p in network.parameters())
    1073466
    """
    refuse(options, "nasbench201", "stem", "head")
    act = activation(options.activation)
    operations = {(a, b): chosen(architecture, f"edge_{a}_{b}", "nasbench201", _OPERATIONS) for a, b in _EDGES}
    stages = [max(1, round(channels * options.width)) for channels in _CHANNELS]
    body: list[nn.Module] = []
    for before, channels in zip([None, *stages[:-1]], stages, strict=True):
        body += [] if before is None else [_Reduction(before, channels, act)]
        body += [_Cell(operations, channels, act) for _ in range(_CELLS)]
    parts = {
        "stem": nn.Sequential(
            nn.Conv2d(options.in_channels, stages[0], 3, padding=1, bias=False), nn.BatchNorm2d(stages[0])
        ),
        "cells": nn.Sequential(*body),
        "last": nn.Sequential(nn.BatchNorm2d(stages[-1]), act()),
    }
    return Classifying(parts, stages[-1], options)


class _Zero(nn.Module):
    """Nothing; but gradients go through, as zeros."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images * 0


def _convolution(before: int, after: int, kernel: int, act: Callable[..., nn.Module], stride: int = 1) -> nn.Module:
    convolution = nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(act(), convolution, nn.BatchNorm2d(after))


_OPERATIONS: dict[str, Callable[[int, Callable[..., nn.Module]], nn.Module]] = {
    "none": lambda _channels, _act: _Zero(),
    "skip_connect": lambda _channels, _act: nn.Identity(),
    "nor_conv_1x1": lambda channels, act: _convolution(channels, channels, 1, act),
    "nor_conv_3x3": lambda channels, act: _convolution(channels, channels, 3, act),
    "avg_pool_3x3": lambda _channels, _act: nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
}


class _Cell(nn.Module):
    """Four nodes; each is the sum of what its edges make of the nodes before."""

    def __init__(self, operations: Mapping[tuple[int, int], str], channels: int, act: Callable[..., nn.Module]) -> None:
        super().__init__()
        self.edges = nn.ModuleDict(
            {f"{a}_{b}": _OPERATIONS[name](channels, act) for (a, b), name in operations.items()}
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        nodes = [images]
        for node in range(1, 4):
            total = self.edges[f"0_{node}"](images)
            for before in range(1, node):
                total = total + self.edges[f"{before}_{node}"](nodes[before])
            nodes.append(total)
        return nodes[-1]


class _Reduction(nn.Module):
    """A residual block that halves the resolution."""

    def __init__(self, before: int, after: int, act: Callable[..., nn.Module]) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            _convolution(before, after, 3, act, stride=2), _convolution(after, after, 3, act)
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(before, after, 1, bias=False))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.convolutions(images) + self.shortcut(images)
        return out
