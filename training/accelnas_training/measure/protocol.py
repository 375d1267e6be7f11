"""A measurement protocol: everything that says how a network is measured, as data."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping  # noqa: TC003 (types of fields are looked up)
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

from accelnas.caching import cached_property
from accelnas_training.checked import Checked, Range
from accelnas_training.errors import SchemeError

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
class Timing(Checked):
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

    where = "timing"
    warm_up: Annotated[int, Range(least=1)] = 3
    steady: Annotated[float, Range(more_than=0)] = 0.03
    warm_up_seconds: Annotated[float, Range(least=0)] = 2.0
    passes: Annotated[int, Range(least=1)] = 10
    seconds: Annotated[float, Range(least=0)] = 0.5
    outlier: Annotated[float, Range(more_than=0)] = 4.0
    spread: Annotated[float, Range(more_than=0)] = 0.1


@dataclass(frozen=True)
class Quantisation(Checked):
    """How a network gets 8 bits after training: by ONNX Runtime, static, per channel.

    Attributes
    ----------
    images
        What ranges of activations are observed on: ``"noise"``, standard normal, or a source of images as
        `accelnas_training.images.open_images` takes it. Speed depends little on it, accuracy does.
    count
        Number of images.
    """

    where = "quantisation"
    images: str = "noise"
    count: Annotated[int, Range(least=1)] = 8


@dataclass(frozen=True)
class Command(Checked):
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

    where = "command"
    prepare: tuple[tuple[str, ...], ...] = ()
    run: tuple[str, ...] = ()
    timeout: Annotated[float, Range(more_than=0)] = 600.0
    retries: Annotated[int, Range(least=0)] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        for argument in chain(*self.prepare, self.run):
            try:
                used = {name for _, name, _, _ in string.Formatter().parse(argument) if name is not None}
            except ValueError as error:
                raise SchemeError(f"command: {argument!r}: {error}; double a brace that is meant") from error
            for name in used.difference(PLACEHOLDERS):
                known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
                raise SchemeError(f"command: {argument!r} has {{{name}}}; choose from {known}")


@dataclass(frozen=True)
class Protocol(Checked):
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
    backend: Annotated[str, Range(choices=tuple(ABILITIES))]
    batch: Annotated[int, Range(least=1)] = 1
    resolution: Annotated[int, Range(least=1)] = 224
    precision: Annotated[str, Range(choices=("float32", "float16", "bfloat16", "int8"))] = "float32"
    threads: Annotated[int, Range(least=0)] = 1
    mode: Annotated[str, Range(choices=("eager", "compile", "graph"))] = "eager"
    channels_last: bool = False
    paired: bool = False
    timing: Timing = field(default_factory=Timing)
    quantisation: Quantisation = field(default_factory=Quantisation)
    command: Command = field(default_factory=Command)
    here: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
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
        return self.digest_of("accelnas protocol 1\n", ("name", "metric", "here"))

    @classmethod
    def _of_file(cls, content: dict[str, Any], folder: Path) -> dict[str, Any]:
        return {"here": str(folder.resolve())} | content


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
    return Protocol.read(name_or_path, "protocol", _FOLDER, SHIPPED)
