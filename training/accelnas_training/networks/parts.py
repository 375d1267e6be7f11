"""What builders of networks share: the values of an architecture, options that mean nothing, activations."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from timm.layers.create_act import get_act_layer
from torch import nn

from accelnas_training.errors import NetworkError
from accelnas_training.networks.builders import NetworkOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    import torch


def chosen(architecture: Mapping[str, Any], name: str, builder: str, among: Collection[Any] | None = None) -> Any:
    """Give a variable's value, one of `among` if given; raises NetworkError if there is none, or it is another.

    Examples
    --------
    >>> chosen({"layer0": "identity"}, "layer0", "nasbench-macro")
    'identity'
    """
    if name not in architecture:
        raise NetworkError(
            f"architecture has no {name}; builder {builder!r} needs it, name the builder of your own space"
        )
    value = architecture[name]
    if among is not None and value not in tuple(among):
        raise NetworkError(
            f"{name} is {value!r}; builder {builder!r} knows {', '.join(map(str, among))}, "
            "name the builder of your own space"
        )
    return value


def whole(architecture: Mapping[str, Any], name: str, builder: str) -> int:
    """Give a variable's value, a whole number of at least 1; raises NetworkError if it is something else."""
    value = chosen(architecture, name, builder)
    if type(value) is not int or value < 1:
        raise NetworkError(f"{name} is {value!r}; builder {builder!r} needs a whole number of at least 1")
    return value


def refuse(options: NetworkOptions, builder: str, *names: str) -> None:
    """Raise NetworkError if an option differs from its default in networks that have nothing of the kind."""
    for name in names:
        if (value := getattr(options, name)) != getattr(NetworkOptions(), name):
            raise NetworkError(f"{name} is {value!r}, but networks of builder {builder!r} have it fixed; leave it out")


def activation(name: str) -> Callable[..., nn.Module]:
    """Find an activation by timm's name; raises NetworkError if there is none."""
    try:
        layer: Callable[..., nn.Module] | None = get_act_layer(name)
    except KeyError:
        layer = None
    if layer is None:
        raise NetworkError(f"activation is {name!r}; use a name of timm's, such as 'relu', 'silu' or 'hard_swish'")
    return layer


class Classifying(nn.Module):
    """Features, their means over pixels, and a classifier; as timm's networks, it gives features alone, too."""

    def __init__(self, features: Mapping[str, nn.Module], channels: int, options: NetworkOptions) -> None:
        super().__init__()
        self.features = nn.Sequential(OrderedDict(features))
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(options.dropout))
        self.classifier = nn.Linear(channels, options.num_classes)

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        """Give what goes into the means: (n, channels, height, width)."""
        out: torch.Tensor = self.features(images)
        return out

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Give (n, num_classes)."""
        out: torch.Tensor = self.classifier(self.pool(self.forward_features(images)))
        return out
