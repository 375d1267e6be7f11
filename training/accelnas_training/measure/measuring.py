"""Measure one network."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from accelnas_training.measure.measurement import Measurement
    from accelnas_training.measure.protocol import Protocol

__all__ = ["measure_module", "measure_network"]


def measure_network(network: nn.Module, protocol: Protocol, in_channels: int = 3) -> Measurement:
    """Measure a network on images of (in_channels, resolution, resolution) float32, in evaluation mode.

    Raises
    ------
    MeasurementError
        If the device is not there, or can't run the network as the protocol says.
    MissingExtraError
        If a library that the backend needs is not installed.
    """
    return measure_module(network, (in_channels, protocol.resolution, protocol.resolution), protocol)


def measure_module(module: nn.Module, input_shape: tuple[int, ...], protocol: Protocol) -> Measurement:
    """Measure any module with one input and one output; the shape is without the batch.

    The module is left as it was. Errors are those of `measure_network`.
    """
    raise NotImplementedError
