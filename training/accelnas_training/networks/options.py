"""What a network is built with, besides its architecture."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeAlias

from accelnas_training.errors import NetworkError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn

__all__ = ["NetworkBuilder", "NetworkOptions", "read_options"]


@dataclass(frozen=True)
class NetworkOptions:
    """What every network of a family shares; a builder uses what means something to it.

    Attributes
    ----------
    classes
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
    >>> NetworkOptions(classes=10).head
    1280
    """

    classes: int = 1000
    in_channels: int = 3
    width: float = 1.0
    stem: int = 32
    head: int = 1280
    activation: str = "relu"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name, least in (("classes", 1), ("in_channels", 1), ("stem", 1), ("head", 0)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise NetworkError(f"{name} is {value!r}; use a whole number of {least} or more")
        for name in ("width", "dropout"):
            value = getattr(self, name)
            if type(value) not in {int, float}:
                raise NetworkError(f"{name} is {value!r}; use a number")
            object.__setattr__(self, name, float(value))  # 1 and 1.0 are the same option
        if not 0 < self.width < float("inf"):
            raise NetworkError(f"width is {self.width}; use a number above 0")
        if not 0 <= self.dropout < 1:
            raise NetworkError(f"dropout is {self.dropout}; use a share from 0 to below 1")
        if not isinstance(self.activation, str):
            raise NetworkError(f"activation is {self.activation!r}; use a name such as 'relu'")


NetworkBuilder: TypeAlias = "Callable[[Mapping[str, Any], NetworkOptions], nn.Module]"
"""From an architecture (variable names to values) and options to a network: how a search space plugs in."""


def read_options(content: Mapping[str, Any]) -> NetworkOptions:
    """Make options of a table.

    Raises
    ------
    NetworkError
        If there is no such option, or a value is not what it should be.
    """
    known = [field.name for field in fields(NetworkOptions)]
    for name in content:
        if name not in known:
            raise NetworkError(f"unknown option {name!r}; choose from {', '.join(known)}")
    return NetworkOptions(**content)
