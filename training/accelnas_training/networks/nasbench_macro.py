"""Networks of NAS-Bench-Macro (Su et al. 2021): eight layers in three stages."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from timm.models._efficientnet_blocks import InvertedResidual
from timm.models._efficientnet_builder import round_channels
from torch import nn

from accelnas_training.networks.parts import Classifying, activation, chosen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelnas_training.networks.builders import NetworkOptions


_LAYERS = (2, 3, 3)  # of a stage; the first one halves the resolution
_CHANNELS = (64, 128, 256)
_KINDS = {"identity": None, "mb3_k3": (3, 3), "mb6_k5": (6, 5)}  # expansion, kernel size


def build(architecture: Mapping[str, Any], options: NetworkOptions) -> nn.Module:
    """Build the network of ``layer0`` to ``layer7``, with PyTorch's initial weights: they follow from its seed.

    At width 1 its parameters and multiply-accumulates are those of the authors. An identity that changes the shape is a
    1×1 convolution. The network, in training mode, goes from float32 images (n, in_channels, r, r) to float32
    (n, num_classes). Raises NetworkError if a layer is missing or of another kind, or timm has no such activation.

    Examples
    --------
    >>> from accelnas import spaces
    >>> from accelnas_training.networks.builders import NetworkOptions
    >>> space = spaces.load("nasbench-macro")
    >>> network = build(space.decode(space.at([0]))[0], NetworkOptions(num_classes=10))
    >>> sum(p.numel() for p in network.parameters())
    387882
    """
    act = activation(options.activation)
    rounded = partial(round_channels, multiplier=options.width)
    channels = rounded(options.stem)
    stem = _convolution(options.in_channels, channels, 3, act)
    layers: list[nn.Module] = []
    for width, number in zip(_CHANNELS, _LAYERS, strict=True):
        for layer in range(number):
            kind = _KINDS[chosen(architecture, f"layer{len(layers)}", "nasbench-macro", _KINDS)]
            layers.append(_layer(kind, channels, rounded(width), 1 if layer else 2, act))
            channels = rounded(width)
    head = rounded(options.head) if options.head else 0
    parts = {
        "stem": stem,
        "layers": nn.Sequential(*layers),
        "head": _convolution(channels, head, 1, act) if head else nn.Identity(),
    }
    return Classifying(parts, head or channels, options)


def _convolution(before: int, after: int, kernel: int, act: Callable[..., nn.Module]) -> nn.Module:
    convolution = nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), act())


def _layer(
    kind: tuple[int, int] | None, before: int, after: int, stride: int, act: Callable[..., nn.Module]
) -> nn.Module:
    if kind:
        expansion, kernel = kind
        return InvertedResidual(before, after, kernel, stride, exp_ratio=expansion, act_layer=act)
    if stride == 1:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
