"""Small networks of inverted residual blocks for images of 16 pixels: a search space of one's own."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from timm.models._efficientnet_builder import decode_arch_def, round_channels
from timm.models.efficientnet import EfficientNet
from torch import nn

from accelnas_training import NetworkOptions

STRIDES = (1, 2, 2)


def build(architecture: Mapping[str, Any], options: NetworkOptions) -> nn.Module:
    """Build the network of an architecture: expansion e, kernel k, layers l, gate se and channels c of three blocks."""
    return EfficientNet(
        decode_arch_def([[_block(architecture, f"block{number}")] for number in range(len(STRIDES))]),
        num_classes=options.num_classes,
        in_chans=options.in_channels,
        stem_size=options.stem,
        num_features=options.head,
        round_chs_fn=partial(round_channels, multiplier=options.width, divisor=4),
        drop_rate=options.dropout,
    )


def _block(architecture: Mapping[str, Any], name: str) -> str:
    """Give a block in timm's notation."""
    e, k, layers, se, c = (architecture[f"{name}_{symbol}"] for symbol in ("e", "k", "l", "se", "c"))
    kind = "ds" if e == 1 else "ir"
    gate = "_se0.25" if se else ""
    return f"{kind}_r{layers}_k{k}_s{STRIDES[int(name[-1])]}_e{e}_c{c}{gate}"
