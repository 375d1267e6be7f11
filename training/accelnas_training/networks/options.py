"""What a network is built with, besides its architecture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from accelnas_training.checked import Checked, Range
from accelnas_training.errors import NetworkError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn

__all__ = ["NetworkBuilder", "NetworkOptions"]


@dataclass(frozen=True)
class NetworkOptions(Checked):
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

    error = NetworkError
    classes: Annotated[int, Range(least=1)] = 1000
    in_channels: Annotated[int, Range(least=1)] = 3
    width: Annotated[float, Range(more_than=0)] = 1.0
    stem: Annotated[int, Range(least=1)] = 32
    head: Annotated[int, Range(least=0)] = 1280
    activation: str = "relu"
    dropout: Annotated[float, Range(least=0, less_than=1)] = 0.0


NetworkBuilder: TypeAlias = "Callable[[Mapping[str, Any], NetworkOptions], nn.Module]"
"""From an architecture (variable names to values) and options to a network: how a search space plugs in."""
