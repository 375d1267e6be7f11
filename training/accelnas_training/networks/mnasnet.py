"""Networks of the MnasNet space, made by timm's EfficientNet."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from timm.models._efficientnet_builder import decode_arch_def, round_channels
from timm.models.efficientnet import EfficientNet

from accelnas.spaces import mnasnet_block
from accelnas_training.networks.parts import activation, chosen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from accelnas_training.networks.builders import NetworkOptions

_BLOCKS = 7


def build(architecture: Mapping[str, Any], options: NetworkOptions) -> nn.Module:
    """Build a network of seven blocks, with timm's initial weights: they follow from PyTorch's seed.

    The architecture has ``block0_e`` (expansion; 1 is a depthwise and a 1×1 convolution alone), ``block0_k`` (kernel),
    ``block0_l`` (layers), ``block0_se`` (squeeze-and-excite), to ``block6_se``; at width 1 and 1,000 classes its
    parameters are those of the data set. The network, in training mode, goes from float32 images (n, in_channels, r, r)
    to float32 (n, num_classes). Raises NetworkError if a variable is missing, or timm has no such activation.

    Examples
    --------
    >>> from accelnas import mnasnet_space
    >>> from accelnas_training.networks.builders import NetworkOptions
    >>> space = mnasnet_space()
    >>> network = build(space.decode(space.at([0]))[0], NetworkOptions(num_classes=10))
    >>> sum(p.numel() for p in network.parameters())
    529882
    """
    blocks = decode_arch_def([[_block(architecture, n)] for n in range(_BLOCKS)])  # type: ignore[no-untyped-call]
    rounded = partial(round_channels, multiplier=options.width)
    return EfficientNet(
        blocks,
        num_classes=options.num_classes,
        in_chans=options.in_channels,
        stem_size=options.stem,
        num_features=rounded(options.head) if options.head else 0,
        round_chs_fn=rounded,
        act_layer=activation(options.activation),
        drop_rate=options.dropout,
    )


def _block(architecture: Mapping[str, Any], number: int) -> str:
    """Give a block in timm's notation."""
    e, k, n, se = (chosen(architecture, f"block{number}_{symbol}", "mnasnet") for symbol in ("e", "k", "l", "se"))
    return mnasnet_block(number, e, k, n, se)
