"""Three layers of convolution for images of 8 pixels."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from accelnas_training import NetworkOptions

STRIDES = (1, 2, 1)


def build(architecture: Mapping[str, Any], options: NetworkOptions) -> nn.Module:
    """Build the network of an architecture: channels c, kernel k and normalisation n of three layers."""
    layers: list[nn.Module] = []
    channels = options.in_channels
    for number, stride in enumerate(STRIDES):
        width, kernel, normalised = (architecture[f"layer{number}_{symbol}"] for symbol in ("c", "k", "n"))
        layers.append(nn.Conv2d(channels, width, kernel, stride, kernel // 2, bias=not normalised))
        if normalised:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.ReLU())
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * channels, options.num_classes))
