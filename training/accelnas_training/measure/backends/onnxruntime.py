"""ONNX Runtime on this processor: all graph optimisations, float32 or 8 bits."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from accelnas import _core
from accelnas_training.errors import MeasurementError
from accelnas_training.measure.machine import ResidentMemory
from accelnas_training.measure.timing import Session
from accelnas_training.networks.export import needed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelnas_training.measure.protocol import Protocol
    from accelnas_training.measure.subject import Subject


@contextmanager
def opened(subject: Subject, protocol: Protocol) -> Iterator[Session]:
    """Run the subject's ONNX file."""
    needed("onnxruntime")
    import onnxruntime

    path = subject.int8(protocol.quantisation) if protocol.precision == "int8" else subject.onnx()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = protocol.threads or _core.processors()
    options.inter_op_num_threads = 1
    if protocol.paired:  # threads that spin after one network's pass would slow the other's
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_free_dimension_override_by_name("batch", protocol.batch)
    memory = ResidentMemory()
    try:
        session: Any = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own kinds
        raise MeasurementError("unsupported", f"ONNX Runtime can't run the network: {error}") from error
    inputs = {"images": subject.images(protocol.batch).numpy()}
    memory.forget_peak()

    def once() -> float:
        started = time.perf_counter()
        session.run(None, inputs)
        return time.perf_counter() - started

    yield Session(once, memory.grown_mb)
