"""PyTorch through XLA: TPUs, and whatever else ``PJRT_DEVICE`` names."""

from __future__ import annotations

import importlib
import math
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from accelnas.errors import MissingExtraError
from accelnas_training.measure.backends.session import Session, measured_in
from accelnas_training.measure.backends.torch_cpu import placed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelnas_training.measure.protocol import Protocol
    from accelnas_training.measure.subject import Subject
    from accelnas_training.measure.timing import Measurement

__all__ = ["measure"]


def measure(subject: Subject, protocol: Protocol) -> Measurement:
    """Measure on XLA's first device: a pass is one graph, from its start until the device has done it."""
    return measured_in(_opened, subject, protocol)


@contextmanager
def _opened(subject: Subject, protocol: Protocol) -> Iterator[Session]:
    try:
        xla: Any = importlib.import_module("torch_xla")
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "torch_xla is not installed; install the release for this PyTorch: pip install torch_xla"
        ) from error
    module, images = placed(subject, protocol, xla.device())

    def once() -> float:
        started = time.perf_counter()
        outputs = module(images)
        xla.sync(wait=True)  # runs what was recorded, and waits for it
        seconds = time.perf_counter() - started
        del outputs  # kept until here, so that the graph gives it
        return seconds

    with torch.no_grad():
        for _ in range(2):  # each compiles a graph: the second finds its arguments on the device
            once()
        yield Session(once, lambda: math.nan, "xla")
