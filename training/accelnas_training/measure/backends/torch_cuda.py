"""PyTorch on an NVIDIA GPU, timed by events: eager, compiled, or as a CUDA graph."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from accelnas_training.measure.backends.session import Session, measured_in
from accelnas_training.measure.backends.torch_cpu import placed
from accelnas_training.measure.errors import MeasurementError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import nn

    from accelnas_training.measure.protocol import Protocol
    from accelnas_training.measure.subject import Subject
    from accelnas_training.measure.timing import Measurement

__all__ = ["measure"]

_WARM = 3  # passes before a graph is captured, as PyTorch's manual wants


def measure(subject: Subject, protocol: Protocol) -> Measurement:
    """Measure on the first GPU that this process sees; cuDNN looks for its fastest kernels, TF32 is allowed."""
    if not torch.cuda.is_available():
        raise MeasurementError(
            "unsupported", f"protocol {protocol.name}: PyTorch sees no NVIDIA GPU here; measure where one is"
        )
    return measured_in(_opened, subject, protocol)


@contextmanager
def _opened(subject: Subject, protocol: Protocol) -> Iterator[Session]:
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    fast = torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=True)
    with fast, torch.inference_mode():
        module, images = placed(subject, protocol, torch.device("cuda"))
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
