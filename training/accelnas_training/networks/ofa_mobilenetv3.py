"""Networks of Once-for-All's MobileNetV3 space (Cai et al. 2020), made by timm's MobileNetV3."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from timm.layers.activations import HardSigmoid  # PyTorch's own has no second derivative
from timm.models._efficientnet_blocks import SqueezeExcite
from timm.models._efficientnet_builder import decode_arch_def, round_channels
from timm.models.mobilenetv3 import MobileNetV3
from torch import nn

from accelnas_training.errors import NetworkError
from accelnas_training.networks.parts import activation, refuse, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelnas_training.networks.builders import NetworkOptions


# channels, stride of the first layer, and what all layers have in timm's notation: nre is ReLU, else hard swish
_STAGES = ((24, 2, "_nre"), (40, 2, "_se0.25_nre"), (80, 2, ""), (112, 1, "_se0.25"), (160, 2, "_se0.25"))


def build(architecture: Mapping[str, Any], options: NetworkOptions) -> nn.Module:
    """Build a network of five stages, with timm's initial weights: they follow from PyTorch's seed.

    The architecture has ``stage1_depth`` (layers) to ``stage5_depth``, and for each layer ``stage1_layer1_kernel`` and
    ``stage1_layer1_expand`` (expansion); those of layers beyond the depth mean nothing. At width 1 and 1.2 the
    parameters are those of the authors. The network, in training mode, goes from float32 images (n, in_channels, r, r)
    to float32 (n, num_classes). Raises NetworkError if a variable is missing or not a whole number, a kernel is even,
    or stem, activation or no head are asked for.

    Examples
    --------
    >>> from accelnas import spaces
    >>> from accelnas_training.networks.builders import NetworkOptions
    >>> space = spaces.load("ofa-mobilenetv3")
    >>> network = build(space.decode(space.at([0]))[0], NetworkOptions())
    >>> sum(p.numel() for p in network.parameters())
    3410792
    """
    refuse(options, "ofa-mobilenetv3", "stem", "activation")
    if not options.head:
        raise NetworkError("head is 0, but networks of builder 'ofa-mobilenetv3' need one; give its channels")
    layers = [["ds_r1_k3_s1_e1_c16_nre"]]
    layers += [_stage(architecture, number, *stage) for number, stage in enumerate(_STAGES, 1)]
    layers += [["cn_r1_k1_s1_c960"]]
    rounded = partial(round_channels, multiplier=options.width)
    return MobileNetV3(
        decode_arch_def(layers),  # type: ignore[no-untyped-call]
        num_classes=options.num_classes,
        in_chans=options.in_channels,
        stem_size=16,
        num_features=rounded(options.head),
        head_bias=False,
        round_chs_fn=rounded,
        act_layer=activation("hard_swish"),
        se_layer=partial(SqueezeExcite, gate_layer=HardSigmoid, force_act_layer=nn.ReLU, rd_round_fn=round_channels),
        drop_rate=options.dropout,
    )


def _stage(architecture: Mapping[str, Any], number: int, channels: int, stride: int, rest: str) -> list[str]:
    """Give a stage's layers in timm's notation."""
    layers = []
    for layer in range(1, whole(architecture, f"stage{number}_depth", "ofa-mobilenetv3") + 1):
        kernel, expansion = (
            whole(architecture, f"stage{number}_layer{layer}_{what}", "ofa-mobilenetv3")
            for what in ("kernel", "expand")
        )
        if kernel % 2 == 0:
            raise NetworkError(f"stage{number}_layer{layer}_kernel is {kernel}; kernels are odd, such as 3, 5 or 7")
        layers.append(f"ir_r1_k{kernel}_s{stride if layer == 1 else 1}_e{expansion}_c{channels}{rest}")
    return layers
