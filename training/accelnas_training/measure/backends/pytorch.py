"""PyTorch on this processor, NVIDIA GPUs, and through XLA what ``PJRT_DEVICE`` names, such as TPUs."""

from __future__ import annotations

import importlib
import math
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from accelnas.errors import MissingExtraError
from accelnas_training.errors import MeasurementError
from accelnas_training.measure.machine import ResidentMemory, kept_memory
from accelnas_training.measure.timing import Session
from accelnas_training.threads import torch_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import nn

    from accelnas_training.measure.protocol import Protocol
    from accelnas_training.measure.subject import Subject


def _placed(subject: Subject, protocol: Protocol, device: torch.device) -> tuple[nn.Module, torch.Tensor]:
    """Give module and images on a device, with the protocol's type and memory layout."""
    dtype: torch.dtype = getattr(torch, protocol.precision)
    layout = torch.channels_last if protocol.channels_last else torch.contiguous_format
    module, images = subject.plain(), subject.images(protocol.batch)
    if images.dim() == 4:  # layouts are for images alone
        module, images = module.to(memory_format=layout), images.to(memory_format=layout)
    return module.to(device, dtype), images.to(device, dtype)


@contextmanager
def on_cpu(subject: Subject, protocol: Protocol) -> Iterator[Session]:
    """Run with PyTorch's threads as the protocol says; they are set back afterwards."""
    with torch_threads(protocol.threads), kept_memory(), torch.inference_mode():
        memory = ResidentMemory()
        module, images = _placed(subject, protocol, torch.device("cpu"))
        run = torch.compile(module) if protocol.mode == "compile" else module
        run(images)  # compiles
        memory.forget_peak()

        def once() -> float:
            started = time.perf_counter()
            run(images)
            return time.perf_counter() - started

        yield Session(once, memory.grown_mb)


_WARM = 3  # passes before a graph is captured, as PyTorch's manual wants


@contextmanager
def on_cuda(subject: Subject, protocol: Protocol) -> Iterator[Session]:
    """Run on the first GPU that this process sees; cuDNN looks for its fastest kernels, TF32 is allowed."""
    if not torch.cuda.is_available():
        raise MeasurementError(
            "unsupported", f"protocol {protocol.name}: PyTorch sees no NVIDIA GPU here; measure where one is"
        )
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    fast = torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=True)
    with fast, torch.inference_mode():
        module, images = _placed(subject, protocol, torch.device("cuda"))
        run = _runner(module, images, protocol.mode)
        run()  # compiles, and looks for kernels
        torch.cuda.synchronize()
        start: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        end: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]

        def once() -> float:
            start.record()
            run()
            end.record()
            end.synchronize()
            return float(start.elapsed_time(end)) / 1e3

        yield Session(once, lambda: torch.cuda.max_memory_allocated() / 1e6, "cuda")


def _runner(module: nn.Module, images: torch.Tensor, mode: str) -> Callable[[], object]:
    if mode != "graph":
        return partial(torch.compile(module) if mode == "compile" else module, images)
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(_WARM):
            module(images)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        module(images)
    return graph.replay


@contextmanager
def on_xla(subject: Subject, protocol: Protocol) -> Iterator[Session]:
    """Run on XLA's first device: a pass is one graph, from its start until the device has done it."""
    try:
        xla: Any = importlib.import_module("torch_xla")
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "torch_xla is not installed; install the release for this PyTorch: pip install torch_xla"
        ) from error
    module, images = _placed(subject, protocol, xla.device())

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
