"""PyTorch on this processor: eager, or compiled by its inductor."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from accelnas_training.measure.backends.session import Session, measured_in
from accelnas_training.measure.machine import ResidentMemory, kept_memory, torch_threads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from accelnas_training.measure.protocol import Protocol
    from accelnas_training.measure.subject import Subject
    from accelnas_training.measure.timing import Measurement

__all__ = ["measure", "placed"]


def measure(subject: Subject, protocol: Protocol) -> Measurement:
    """Measure with PyTorch's threads as the protocol says; they are set back afterwards."""
    return measured_in(_opened, subject, protocol)


def placed(subject: Subject, protocol: Protocol, device: torch.device) -> tuple[nn.Module, torch.Tensor]:
    """Give module and images on a device, with the protocol's type and memory layout."""
    dtype: torch.dtype = getattr(torch, protocol.precision)
    layout = torch.channels_last if protocol.channels_last else torch.contiguous_format
    module, images = subject.plain(), subject.images(protocol.batch)
    if images.dim() == 4:  # layouts are for images alone
        module, images = module.to(memory_format=layout), images.to(memory_format=layout)
    return module.to(device, dtype), images.to(device, dtype)


@contextmanager
def _opened(subject: Subject, protocol: Protocol) -> Iterator[Session]:
    with torch_threads(protocol.threads), kept_memory(), torch.inference_mode():
        memory = ResidentMemory()
        module, images = placed(subject, protocol, torch.device("cpu"))
        run = torch.compile(module) if protocol.mode == "compile" else module
        run(images)  # compiles
        memory.forget_peak()

        def once() -> float:
            started = time.perf_counter()
            run(images)
            return time.perf_counter() - started

        yield Session(once, memory.grown_mb)
