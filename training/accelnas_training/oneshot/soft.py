"""Shared weights under probabilities of choices: the largest network, with masks in place of slices."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from timm.layers.helpers import make_divisible
from timm.models._efficientnet_blocks import InvertedResidual
from torch import nn
from torch.nn import functional

from accelnas_training.errors import NetworkError
from accelnas_training.images import LoaderPlan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from accelnas_training.images import Images
    from accelnas_training.oneshot.elastic import ElasticNetwork
    from accelnas_training.schemes import Scheme


class Channels(NamedTuple):
    """Numbers of channels that a place of the network may have, and their probabilities."""

    counts: list[int]
    probabilities: Tensor  # (counts,)

    def mask(self, most: int) -> Tensor:
        """Give the probability that each of `most` channels is there."""
        there = torch.arange(most)[None] < torch.tensor(self.counts)[:, None]
        return self.probabilities @ there.to(self.probabilities)


class SoftNetwork(nn.Module):
    """The network of shared weights whose choices have probabilities, as in FBNet's and single-path searches.

    Channels, layers and gates are multiplied by the probability that they are there; kernels are the expected ones.
    Where every choice is certain, this is the architecture's own network, in training mode; between, it has gradients
    for all choices at the cost of the largest network.

    Parameters
    ----------
    elastic
        The weights. Blocks have variables ``block0_e``, ``_k``, ``_l``, ``_se`` and, if channels vary, ``_c``.

    Raises
    ------
    NetworkError
        If a variable is missing, or the largest network has a layer without an expansion.
    """

    def __init__(self, elastic: ElasticNetwork) -> None:
        super().__init__()
        self.elastic = elastic
        self._place = {variable.name: place for place, variable in enumerate(elastic.family.space.variables)}
        self._choices = [variable.choices for variable in elastic.family.space.variables]
        self._widths = [self._channels(block) for block in range(len(self._blocks))]

    @property
    def _blocks(self) -> list[list[InvertedResidual]]:
        blocks: Any = self.elastic.largest.blocks
        found = [list(block) for block in blocks]
        for layer in (layer for block in found for layer in block):
            if not isinstance(layer, InvertedResidual):
                raise NetworkError(
                    f"the largest network has a {type(layer).__name__}; give the space an expansion of 2"
                )
        return found

    def _channels(self, block: int) -> list[int]:
        """Give the channels after a block, for each choice of its ``c``."""
        place = self._place.get(f"block{block}_c")
        found = []
        for choice in range(1 if place is None else len(self._choices[place])):
            arch = self.elastic.arch.copy()
            if place is not None:
                arch[place] = choice
            network: Any = self.elastic.skeleton(arch)
            found.append(network.blocks[block][0].conv_pwl.out_channels)
        return found

    def _of(self, probabilities: Sequence[Tensor], block: int, symbol: str) -> tuple[tuple[Any, ...], Tensor]:
        name = f"block{block}_{symbol}"
        if name not in self._place:
            raise NetworkError(f"the space has no {name}; soft networks are of blocks with e, k, l and se")
        return self._choices[self._place[name]], probabilities[self._place[name]]

    def forward(self, images: Tensor, probabilities: Sequence[Tensor]) -> Tensor:
        """Compute images with the probabilities of each variable's choices, (choices,) each: (n, classes)."""
        network: Any = self.elastic.largest
        x = _normalised(network.bn1, network.conv_stem(images))
        channels = Channels([x.shape[1]], x.new_ones(1))
        for block, layers in enumerate(self._blocks):
            place = self._place.get(f"block{block}_c")
            own = Channels(self._widths[block], x.new_ones(1) if place is None else probabilities[place])
            depths, depth = self._of(probabilities, block, "l")
            for number, layer in enumerate(layers):
                y = self._layer((block, number), x, channels, probabilities)
                y = y * own.mask(y.shape[1])[:, None, None]
                if number:
                    there = depth @ torch.tensor([float(each > number) for each in depths]).to(depth)
                    x = x + there * y
                else:
                    kept = _shortcut(channels, own)
                    x = y + kept * _as_wide(x, y.shape[1]) if layer.conv_dw.stride[0] == 1 else y
                channels = own
        x = _normalised(network.bn2, network.conv_head(x)) if isinstance(network.conv_head, nn.Conv2d) else x
        out: Tensor = network.forward_head(x)
        return out

    def _layer(self, place: tuple[int, int], x: Tensor, channels: Channels, probabilities: Sequence[Tensor]) -> Tensor:
        """Compute a layer of a block without its shortcut."""
        block, number = place
        layer = self._blocks[block][number]
        expansions, expansion = self._of(probabilities, block, "e")
        kernels, kernel = self._of(probabilities, block, "k")
        gates, gate = self._of(probabilities, block, "se")
        most = layer.conv_dw.in_channels
        joint = channels.probabilities[:, None] * expansion
        middle = [_expanded(own, e) for own in channels.counts for e in expansions]
        expanding = torch.tensor([float(e > 1) for e in expansions]).to(x)
        mask = Channels(middle, (joint * expanding).flatten()).mask(most)
        without = (expansion * (1 - expanding)).sum()
        h = _normalised(layer.bn1, layer.conv_pw(x)) * mask[:, None, None] + without * _as_wide(x, most)
        weight = self._kernel(f"blocks.{block}.{number}.conv_dw.weight", kernels, kernel)
        h = functional.conv2d(h, weight, None, layer.conv_dw.stride, layer.conv_dw.padding, 1, most)
        h = _normalised(layer.bn2, h) * Channels(middle, joint.flatten()).mask(most)[:, None, None]
        if not isinstance(layer.se, nn.Identity):
            se: Any = layer.se
            reduced = se.act1(se.conv_reduce(h.mean((2, 3), keepdim=True)))
            share = se.conv_reduce.out_channels / layer.conv_pw.in_channels
            narrow = Channels([round(own * share) for own in channels.counts], channels.probabilities)
            factor = se.gate(se.conv_expand(reduced * narrow.mask(reduced.shape[1])[:, None, None]))
            on = gate @ torch.tensor([float(bool(each)) for each in gates]).to(gate)
            h = h * (on * factor + (1 - on))
        return _normalised(layer.bn3, layer.conv_pwl(h))

    def _kernel(self, name: str, sizes: Sequence[int], probabilities: Tensor) -> Tensor:
        """Give the expected kernel, smaller ones with rims of 0."""
        weight = self.elastic.largest.get_parameter(name)
        made = [self.elastic.transforms(name, weight, size) for size in sizes]
        rims = [(weight.shape[-1] - size) // 2 for size in sizes]
        padded = [functional.pad(each, (rim,) * 4) for each, rim in zip(made, rims, strict=True)]
        return torch.einsum("k,k...->...", probabilities, torch.stack(padded))


def _expanded(channels: int, e: int) -> int:
    return channels if e == 1 else int(make_divisible(channels * e))  # type: ignore[no-untyped-call]


def _normalised(norm: Any, x: Tensor) -> Tensor:
    """Normalise by the batch, leaving the counted statistics alone."""
    x = functional.batch_norm(x, None, None, norm.weight, norm.bias, True, 0.0, norm.eps)
    out: Tensor = norm.act(norm.drop(x))
    return out


def _shortcut(before: Channels, after: Channels) -> Tensor:
    """Give the probability that a first layer has as many channels before as after."""
    same = torch.tensor([[float(one == other) for other in after.counts] for one in before.counts])
    return before.probabilities @ same.to(before.probabilities) @ after.probabilities


def _as_wide(x: Tensor, channels: int) -> Tensor:
    """Cut channels off, or add empty ones."""
    return x[:, :channels] if x.shape[1] >= channels else functional.pad(x, (0, 0, 0, 0, 0, channels - x.shape[1]))


class SharedLoss:
    """The cross entropy of shared weights, which are left as they are, on one training batch after the other.

    For `accelnas_training.oneshot.differentiable.search` of one run.
    """

    def __init__(self, soft: SoftNetwork, batches: Iterator[tuple[Tensor, Tensor]]) -> None:
        self._soft, self._batches = soft.requires_grad_(False), batches

    @classmethod
    def of(cls, soft: SoftNetwork, images: Images, scheme: Scheme, seed: int) -> SharedLoss:
        """Take the batches of a scheme in the order of a seed."""
        return cls(soft, endless(images, scheme, seed))

    def __call__(self, drawn: list[Tensor]) -> Tensor:
        """Give the loss, float64 (1,), of the next batch under choices, (1, choices) a variable."""
        inputs, targets = next(self._batches)
        outputs = self._soft(inputs, [each[0].to(inputs) for each in drawn])
        return functional.cross_entropy(outputs, targets).double()[None]


def endless(images: Images, scheme: Scheme, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Give training batches at the resolution of the validation, epoch after epoch."""
    for epoch in count():
        plan = LoaderPlan(scheme.batch_size, scheme.resize.validation, scheme.augmentation, seed, epoch)
        yield from images.loader("train", plan)
