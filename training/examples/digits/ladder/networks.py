"""Plain convolutional networks for images of 8 pixels."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from accelnas_training import NetworkOptions

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}


def build(architecture: Mapping[str, Any], options: NetworkOptions) -> nn.Module:
    """Build a stem, as many convolutions as deep, a pool to so many pixels a side, and a classifier."""
    width, pool = architecture["width"], architecture["pool"]
    layers = _convolution(options.in_channels, architecture)
    for _ in range(architecture["depth"]):
        layers += _convolution(width, architecture)
    classifier = nn.Linear(width * pool**2, options.num_classes)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(pool), nn.Flatten(), classifier)


def _convolution(channels: int, architecture: Mapping[str, Any]) -> list[nn.Module]:
    width, kernel = architecture["width"], architecture["kernel"]
    normalise = [nn.BatchNorm2d(width)] if architecture["norm"] else []
    return [nn.Conv2d(channels, width, kernel, padding="same"), *normalise, ACTIVATIONS[architecture["activation"]]()]
