"""Networks of AutoFormer's smallest space (Chen et al. 2021): vision transformers of 12 to 14 layers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from accelnas_training.networks.parts import Classifying, chosen, refuse, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelnas_training.networks.builders import NetworkOptions

_NAME = "autoformer-tiny"
_PATCH, _GRID, _HEAD = 16, 14, 64  # pixels a side of a patch; patches a side at 224 pixels; channels of a head


def build(architecture: Mapping[str, Any], options: NetworkOptions) -> nn.Module:
    """Build the network of ``embed``, ``depth``, and each layer's ``heads`` and ``ratio``.

    Weights are PyTorch's initial ones and follow from its seed; positions, learned for 14 × 14 patches of 16 pixels,
    are interpolated at other resolutions. Heads have 64 channels whatever the embedding has; the classifier sees the
    mean over patches. Relative positions, which the authors add in every layer, are left out: 192 channels, 12 layers,
    3 heads and ratio 4 have the parameters of DeiT-Ti. At another width channels are multiples of 8. The network goes
    from float32 images (n, in_channels, r, r) to float32 (n, num_classes). Raises NetworkError if a variable is missing
    or no number, or an option is given that such networks have not.

    Examples
    --------
    >>> from accelnas import spaces
    >>> from accelnas_training.networks.builders import NetworkOptions
    >>> smallest = {variable.name: variable.choices[0] for variable in spaces.load("autoformer-tiny").variables}
    >>> sum(p.numel() for p in build(smallest, NetworkOptions()).parameters())
    5273896
    """
    refuse(options, _NAME, "stem", "head", "activation")
    embed, head = (_rounded(number * options.width) for number in (whole(architecture, "embed", _NAME), _HEAD))
    layers = []
    for number in range(whole(architecture, "depth", _NAME)):
        heads, ratio = whole(architecture, f"layer{number}_heads", _NAME), _ratio(architecture, f"layer{number}_ratio")
        layers.append(_Layer(embed, heads, head, int(embed * ratio)))
    tokens = _Tokens(options.in_channels, embed, nn.Sequential(*layers))
    return Classifying({"tokens": tokens}, embed, options)


def _ratio(architecture: Mapping[str, Any], name: str) -> float:
    return float(chosen(architecture, name, _NAME, (3.5, 4.0)))


def _rounded(channels: float) -> int:
    return max(8, int(channels / 8 + 0.5) * 8)


class _Tokens(nn.Module):
    """Patches and a class token through the layers; gives those of the patches as (n, channels, height, width)."""

    def __init__(self, in_channels: int, embed: int, layers: nn.Module) -> None:
        super().__init__()
        self.patches = nn.Conv2d(in_channels, embed, _PATCH, _PATCH)
        self.token = nn.Parameter(torch.zeros(1, 1, embed))
        self.positions = nn.Parameter(torch.empty(1, 1 + _GRID**2, embed).normal_(std=0.02))
        self.layers = layers
        self.norm = nn.LayerNorm(embed, eps=1e-6)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        patches: torch.Tensor = self.patches(images)
        size = patches.shape[2:]
        token, positions = self.positions[:, :1], self.positions[:, 1:]
        if size != (_GRID, _GRID):
            square = positions.transpose(1, 2).reshape(1, -1, _GRID, _GRID)
            square = functional.interpolate(square, size, mode="bilinear", align_corners=False)
            positions = square.flatten(2).transpose(1, 2)
        first = (self.token + token).expand(len(images), -1, -1)
        rows = torch.cat([first, patches.flatten(2).transpose(1, 2) + positions], 1)
        rows = self.norm(self.layers(rows))
        out: torch.Tensor = rows[:, 1:].transpose(1, 2).reshape(len(images), -1, *size)
        return out


class _Layer(nn.Module):
    """Attention and two dense layers, each added to what it is given, which is normalised for it."""

    def __init__(self, embed: int, heads: int, head: int, inner: int) -> None:
        super().__init__()
        self._heads, self._scale = heads, 1 / math.sqrt(head)
        self.norm1 = nn.LayerNorm(embed, eps=1e-6)
        self.qkv = nn.Linear(embed, 3 * heads * head)
        self.projection = nn.Linear(heads * head, embed)
        self.norm2 = nn.LayerNorm(embed, eps=1e-6)
        self.dense = nn.Sequential(nn.Linear(embed, inner), nn.GELU(), nn.Linear(inner, embed))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        queries, keys, values = self.qkv(self.norm1(rows)).unflatten(2, (3, self._heads, -1)).permute(2, 0, 3, 1, 4)
        # products of matrices, which every counter of operations counts
        shares = torch.softmax(self._scale * queries @ keys.transpose(-2, -1), -1)
        rows = rows + self.projection((shares @ values).transpose(1, 2).flatten(2))
        out: torch.Tensor = rows + self.dense(self.norm2(rows))
        return out
