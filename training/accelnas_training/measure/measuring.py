"""Measure one network."""

from __future__ import annotations

import importlib
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from accelnas import _core
from accelnas_training.measure.backends import BACKENDS
from accelnas_training.measure.machine import load
from accelnas_training.measure.subject import Subject
from accelnas_training.measure.timing import measured_in

if TYPE_CHECKING:
    from torch import nn

    from accelnas_training.measure.protocol import Protocol
    from accelnas_training.measure.timing import Measurement


def measure_network(network: nn.Module, protocol: Protocol, in_channels: int = 3) -> Measurement:
    """Measure a network on images of (in_channels, resolution, resolution) float32, in evaluation mode.

    Parameters
    ----------
    network
        In float32 on the processor; it is left as it was.
    protocol
        How.
    in_channels
        Channels of the images.

    Raises
    ------
    MeasurementError
        If the device is not there, or can't run the network as the protocol says.
    MissingExtraError
        If a library that the backend needs is not installed.

    Examples
    --------
    >>> from accelnas_training.measure import load_protocol
    >>> from accelnas_training.networks.family import load_family
    >>> family = load_family().with_options(num_classes=10, width=0.25)
    >>> quick = load_protocol("torch_cpu_latency").changed(resolution=32, **{"timing.passes": 3, "timing.seconds": 0})
    >>> measured = measure_network(family.build(family.space.sample(1, seed=0)[0]), quick)
    >>> abs(measured.throughput - 1000 / measured.latency_ms) < 1e-6
    True
    """
    return measure_module(network, (in_channels, protocol.resolution, protocol.resolution), protocol)


def measure_module(module: nn.Module, input_shape: tuple[int, ...], protocol: Protocol) -> Measurement:
    """Measure any module with one input and one output, such as a block of a network.

    Parameters
    ----------
    module
        As in `measure_network`, whose errors it raises.
    input_shape
        Of the input, without the batch: ``(channels, height, width)``.
    protocol
        How; its resolution is not used.
    """
    with tempfile.TemporaryDirectory(prefix="accelnas-measure-", ignore_cleanup_errors=True) as folder:
        return measure_subject(Subject(module, input_shape, Path(folder)), protocol)


def measure_subject(subject: Subject, protocol: Protocol) -> Measurement:
    """Measure a module whose ONNX files serve several protocols; errors as in `measure_network`."""
    module, name = BACKENDS[protocol.backend]
    function = getattr(importlib.import_module(f"accelnas_training.measure.backends.{module}"), name)
    measure = function if name == "measure" else partial(measured_in, function)
    before = load()
    measurement: Measurement = measure(subject, protocol)
    cores = _core.processors()
    return replace(
        measurement,
        load_before=before,
        load_after=load(),
        processors=cores,
        threads=(protocol.threads or cores) if protocol.backend in ("onnxruntime", "torch") else 0,
        measured_at=time.time(),
    )
