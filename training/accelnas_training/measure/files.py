"""Protocols as TOML files."""

from __future__ import annotations

from pathlib import Path

from accelnas_training.errors import SchemeError
from accelnas_training.measure.protocol import Protocol
from accelnas_training.toml_files import read_shipped

__all__ = ["SHIPPED", "load_protocol"]

_FOLDER = Path(__file__).parent / "protocols"
SHIPPED = (
    "cpu_latency",
    "cpu_throughput",
    "torch_cpu_latency",
    "torch_cpu_throughput",
    "gpu_latency",
    "gpu_throughput",
)


def load_protocol(name_or_path: str | Path) -> Protocol:
    """Read a protocol: a shipped one by name, or a TOML file.

    Parameters
    ----------
    name_or_path
        ``cpu_latency``, ``cpu_throughput`` (ONNX Runtime), ``torch_cpu_latency``, ``torch_cpu_throughput``,
        ``gpu_latency``, ``gpu_throughput`` (PyTorch), or the path of a file.

    Raises
    ------
    SchemeError
        If there is no such protocol or file, or it is not a protocol; the message names the key.

    Examples
    --------
    >>> load_protocol("gpu_throughput").precision
    'float16'
    """
    path, content = read_shipped(name_or_path, SHIPPED, _FOLDER, SchemeError, "protocol")
    try:
        return Protocol.from_dict({"here": str(path.parent.resolve())} | content)
    except SchemeError as error:
        raise SchemeError(f"{path}: {error}") from error
