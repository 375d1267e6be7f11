"""What a network is built with, and builders by name: shipped, of an installed module, or of a file."""

from __future__ import annotations

import hashlib
import importlib
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from accelnas_training.checked import Checked, Range
from accelnas_training.errors import NetworkError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn


@dataclass(frozen=True)
class NetworkOptions(Checked):
    """What every network of a family shares; a builder uses what means something to it.

    Attributes
    ----------
    num_classes
        Outputs of the classifier.
    in_channels
        Channels of an image.
    width
        Factor of all numbers of channels inside the network.
    stem, head
        Channels after the first convolution and before the classifier, at width 1. No head (0): the
        classifier follows the last block.
    activation
        timm's name, such as ``"relu"``, ``"silu"`` or ``"hard_swish"``.
    dropout
        Share of the classifier's inputs set to 0 while training.

    Raises
    ------
    NetworkError
        If a value is of the wrong type or out of range.

    Examples
    --------
    >>> NetworkOptions(num_classes=10).head
    1280
    """

    error = NetworkError
    num_classes: Annotated[int, Range(least=1)] = 1000
    in_channels: Annotated[int, Range(least=1)] = 3
    width: Annotated[float, Range(more_than=0)] = 1.0
    stem: Annotated[int, Range(least=1)] = 32
    head: Annotated[int, Range(least=0)] = 1280
    activation: str = "relu"
    dropout: Annotated[float, Range(least=0, less_than=1)] = 0.0


NetworkBuilder: TypeAlias = "Callable[[Mapping[str, Any], NetworkOptions], nn.Module]"

"""From an architecture (variable names to values) and options to a network: how a search space plugs in."""


@dataclass(frozen=True)
class Shipped:
    """A builder that comes with the package; `accelnas.spaces` has the space of its name.

    Attributes
    ----------
    module
        Where its function ``build`` is.
    num_classes, resolution
        Classes, and pixels a side, of the images that its authors train on.
    """

    module: str
    num_classes: int = 1000
    resolution: int = 224


SHIPPED = {
    "mnasnet": Shipped("accelnas_training.networks.mnasnet"),
    "nasbench201": Shipped("accelnas_training.networks.nasbench201", 10, 32),
    "nasbench-macro": Shipped("accelnas_training.networks.nasbench_macro", 10, 32),
    "ofa-mobilenetv3": Shipped("accelnas_training.networks.ofa_mobilenetv3"),
    "autoformer-tiny": Shipped("accelnas_training.networks.autoformer"),
}
"""Builders by name."""

_HOW = f"use {', '.join(map(repr, SHIPPED))}, 'package.module:function' or 'path/to/file.py:function'"


@dataclass(frozen=True)
class Builder:
    """A function that makes networks."""

    function: NetworkBuilder
    identity: str  # its name; for a function of a file, the SHA-256 of the file and the function's name


def absolute(name: str, folder: Path) -> str:
    """Give the name of a builder so that it holds in every working directory; paths are relative to `folder`.

    Examples
    --------
    >>> absolute("networks.py:build", Path("/lab"))
    '/lab/networks.py:build'
    >>> absolute("mnasnet", Path("/lab"))
    'mnasnet'
    """
    file, _, function = name.rpartition(":")
    return f"{(folder / file).resolve()}:{function}" if file.endswith(".py") else name


def find_builder(name: str) -> Builder:
    """Find one of `SHIPPED`, ``"package.module:function"`` or ``"path/to/file.py:function"``.

    Raises NetworkError if there is none of that name, or its module fails while it is imported.

    Examples
    --------
    >>> find_builder("mnasnet").identity
    'mnasnet'
    """
    place, _, function = (f"{SHIPPED[name].module}:build" if name in SHIPPED else name).rpartition(":")
    if not place or not function.isidentifier():
        raise NetworkError(f"builder is {name!r}; {_HOW}")
    identity = name
    if place.endswith(".py"):
        path = Path(place).resolve()
        try:
            source = path.read_bytes()
        except OSError as error:
            raise NetworkError(
                f"builder {name}: {path}: {error.strerror}; the file must be at this path on every machine that trains"
            ) from error
        identity = f"{hashlib.sha256(source).hexdigest()}:{function}"
        module = _import_file(path, source)
    else:
        try:
            module = importlib.import_module(place)
        except Exception as error:  # whatever a user's module raises
            raise NetworkError(f"builder {name}: {place} can't be imported: {_said(error)}") from error
    found = getattr(module, function, None)
    if not callable(found):
        raise NetworkError(f"builder {name}: {place} has no function {function!r}; name one that it has")
    return Builder(found, identity)


@lru_cache
def _import_file(path: Path, source: bytes) -> ModuleType:
    name = f"accelnas_builder_{hashlib.sha256(bytes(path) + source).hexdigest()[:16]}"
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # dataclasses look their own module up
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 (what a family's file names)
    except Exception as error:  # whatever a user's file raises
        del sys.modules[name]
        raise NetworkError(f"builder file {path} can't be imported: {_said(error)}") from error
    return module


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
