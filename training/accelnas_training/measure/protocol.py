"""A measurement protocol: everything that says how a network is measured, as data."""

from __future__ import annotations

import hashlib
import json
import re
import string
from collections.abc import Mapping, Sequence  # noqa: TC003 (types of fields are looked up)
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from accelnas.caching import cached_property
from accelnas_training.errors import SchemeError
from accelnas_training.fields import Limits, check_fields, from_table
from accelnas_training.toml_files import read_shipped

__all__ = ["ABILITIES", "PLACEHOLDERS", "SHIPPED", "Command", "Protocol", "Quantisation", "Timing", "load_protocol"]

# what each backend can be asked for: precisions, and modes
ABILITIES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "onnxruntime": (("float32", "int8"), ("eager",)),
    "torch": (("float32", "bfloat16"), ("eager", "compile")),
    "torch-cuda": (("float32", "float16", "bfloat16"), ("eager", "compile", "graph")),
    "torch-xla": (("float32", "bfloat16"), ("compile",)),
    "command": (("float32", "int8"), ("eager",)),
}

PLACEHOLDERS = ("onnx", "folder", "here", "python", "batch", "resolution", "threads", "passes", "seconds")


@dataclass(frozen=True)
class Timing:
    """When to begin to count passes, when to stop, and which count.

    Attributes
    ----------
    warm_up
        Passes of a window. Warming up ends when the medians of the last two windows differ by less than `steady`.
    steady
        That difference, as a share of the later median.
    warm_up_seconds
        Longest warm-up; a network that is not steady by then is measured all the same, and its spread shows it.
    passes, seconds
        How many passes count at least, and how long they take at least, with those of a reference between them: both
        must be reached.
    outlier
        A pass is an outlier, and left out of mean and standard deviation, if it is further from the median than so
        many standard deviations, which are estimated by the median absolute deviation (times 1.4826).
    spread
        Where the standard deviation is a larger share of the mean, a collection measures once more.
    """

    warm_up: Annotated[int, Limits(least=1)] = 3
    steady: Annotated[float, Limits(more_than=0)] = 0.03
    warm_up_seconds: Annotated[float, Limits(least=0)] = 2.0
    passes: Annotated[int, Limits(least=1)] = 10
    seconds: Annotated[float, Limits(least=0)] = 0.5
    outlier: Annotated[float, Limits(more_than=0)] = 4.0
    spread: Annotated[float, Limits(more_than=0)] = 0.1

    def __post_init__(self) -> None:
        check_fields(self, "timing")


@dataclass(frozen=True)
class Quantisation:
    """How a network gets 8 bits after training: by ONNX Runtime, static, per channel.

    Attributes
    ----------
    images
        What ranges of activations are observed on: ``"noise"``, standard normal, or a source of images as
        `accelnas_training.images.open_images` takes it. Speed depends little on it, accuracy does.
    count
        Number of images.
    """

    images: str = "noise"
    count: Annotated[int, Limits(least=1)] = 8

    def __post_init__(self) -> None:
        check_fields(self, "quantisation")


@dataclass(frozen=True)
class Command:
    """Programs of the user's that prepare and run a network: lists of arguments, which no shell sees.

    In arguments ``{onnx}`` is the network's file, ``{folder}`` an empty folder for what is made, ``{here}`` the
    folder of the protocol's file, ``{python}`` the Python that measures, and ``{batch}``, ``{resolution}``,
    ``{threads}``, ``{passes}``, ``{seconds}`` what the protocol says. A brace that is meant is doubled.

    Attributes
    ----------
    prepare
        Programs to run first, in order: compile, copy to the board.
    run
        The program that measures. Its standard output has lines of JSON, as ``docs/add_your_device.md`` explains.
    timeout
        Seconds that each program may take.
    retries
        How often all of them are tried again if one fails.
    """

    prepare: Sequence[Sequence[str]] = ()
    run: Sequence[str] = ()
    timeout: Annotated[float, Limits(more_than=0)] = 600.0
    retries: Annotated[int, Limits(least=0)] = 2

    def __post_init__(self) -> None:
        check_fields(self, "command")
        if not isinstance(self.prepare, list | tuple):
            raise SchemeError(f"command.prepare is {self.prepare!r}; expected a list of lists of arguments")
        for number_, arguments in enumerate((*self.prepare, self.run)):
            name = f"command.prepare[{number_}]" if number_ < len(self.prepare) else "command.run"
            _check_arguments(name, arguments)
        object.__setattr__(self, "prepare", tuple(tuple(arguments) for arguments in self.prepare))
        object.__setattr__(self, "run", tuple(self.run))


@dataclass(frozen=True)
class Protocol:
    """How a network is measured.

    Attributes
    ----------
    name
        What people call it; not part of the digest.
    metric
        Column of what it is for: ``latency_DEVICE`` or ``throughput_DEVICE``; not part of the digest.
    backend
        ``onnxruntime`` or ``torch`` (this processor), ``torch-cuda``, ``torch-xla``, or ``command``.
    batch
        Images of one pass.
    resolution
        Height and width of the images in pixels.
    precision
        ``float32``, ``float16``, ``bfloat16``, or ``int8`` (quantised after training).
    threads
        Threads of this processor; 0: one a core. A command may use it as it likes.
    mode
        ``eager``; ``compile`` (`torch.compile`, XLA's graphs) or ``graph`` (CUDA graphs).
    channels_last
        Memory layout of images and weights, in PyTorch.
    paired
        Whether collections and profiles let each timed pass be followed by one of a reference network, which tells
        how fast the device is just then: for devices whose clock changes or that others use too. Energy is then not
        known.
    timing, quantisation, command
        See the classes.
    here
        Folder of the protocol's file, for the command; not part of the digest.

    Examples
    --------
    >>> from accelnas_training.measure import load_protocol
    >>> protocol = load_protocol("cpu_latency")
    >>> protocol.batch, protocol.threads, protocol.quantity, protocol.device
    (1, 1, 'latency', 'cpu_ort')
    """

    name: str
    metric: str
    backend: Annotated[str, Limits(choices=tuple(ABILITIES))]
    batch: Annotated[int, Limits(least=1)] = 1
    resolution: Annotated[int, Limits(least=1)] = 224
    precision: Annotated[str, Limits(choices=("float32", "float16", "bfloat16", "int8"))] = "float32"
    threads: Annotated[int, Limits(least=0)] = 1
    mode: Annotated[str, Limits(choices=("eager", "compile", "graph"))] = "eager"
    channels_last: bool = False
    paired: bool = False
    timing: Timing = field(default_factory=Timing)
    quantisation: Quantisation = field(default_factory=Quantisation)
    command: Command = field(default_factory=Command)
    here: str = ""

    def __post_init__(self) -> None:
        check_fields(self)
        if re.fullmatch(r"(latency|throughput)_[A-Za-z0-9_]+", self.metric) is None:
            raise SchemeError(f"metric is {self.metric!r}; expected latency_DEVICE or throughput_DEVICE")
        precisions, modes = ABILITIES[self.backend]
        for key, value, able in (("precision", self.precision, precisions), ("mode", self.mode, modes)):
            if value not in able:
                raise SchemeError(f"{key} is {value!r}; backend {self.backend} has {', '.join(able)}")
        if (self.backend == "command") != bool(self.command.run):
            raise SchemeError(f"command.run is {list(self.command.run)} with backend {self.backend}; give both or none")
        if self.paired and self.backend == "command":
            raise SchemeError("paired is true; with backend command only its programs can take passes in turn")

    @property
    def quantity(self) -> str:
        """``latency`` or ``throughput``."""
        return self.metric.partition("_")[0]

    @property
    def device(self) -> str:
        """What follows the quantity in the metric's name."""
        return self.metric.partition("_")[2]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything but name, metric and folder: 64 hex digits."""
        content = {key: value for key, value in self.to_dict().items() if key not in {"name", "metric", "here"}}
        return hashlib.sha256(b"accelnas protocol 1\n" + json.dumps(content, sort_keys=True).encode()).hexdigest()

    def changed(self, **dotted: Any) -> Protocol:
        """Give a protocol with other values: ``resolution=32``, ``**{"timing.passes": 3}``.

        Raises
        ------
        SchemeError
            If there is no such value, or it is not what it should be.
        """
        table = self.to_dict()
        for name, value in dotted.items():
            outer, _, key = name.rpartition(".")
            inner = table.get(outer) if outer else table
            if not isinstance(inner, dict):
                raise SchemeError(f"unknown key {name}; {outer} holds no others")
            inner[key] = value
        return Protocol.from_dict(table)

    def to_dict(self) -> dict[str, Any]:
        """Give all values as plain tables, strings and numbers, for JSON."""
        table: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return table

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Protocol:
        """Make a protocol from what `to_dict` or a TOML file gives.

        Raises
        ------
        SchemeError
            If a key is unknown or missing, or a value is not what it should be; the message names it.
        """
        return from_table(cls, table)


def _check_arguments(name: str, arguments: object) -> None:
    if not isinstance(arguments, list | tuple) or not all(isinstance(each, str) for each in arguments):
        raise SchemeError(f"{name} is {arguments!r}; expected a list of strings, an argument each")
    for argument in arguments:
        try:
            used = {
                placeholder for _, placeholder, _, _ in string.Formatter().parse(argument) if placeholder is not None
            }
        except ValueError as error:
            raise SchemeError(f"{name}: {argument!r}: {error}; double a brace that is meant") from error
        for placeholder in used.difference(PLACEHOLDERS):
            known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
            raise SchemeError(f"{name}: {argument!r} has {{{placeholder}}}; choose from {known}")


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
