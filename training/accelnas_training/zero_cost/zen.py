"""Zen-score: how much a network's features change when the image does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from accelnas_training.errors import NetworkError
from accelnas_training.zero_cost.preparing import NORMS, WEIGHTED, copied

if TYPE_CHECKING:
    from accelnas_training.zero_cost.batch import Batch

__all__ = ["zen"]

_STEP = 0.01  # alpha of the paper


def zen(network: nn.Module, batch: Batch) -> float:
    r"""Give the Zen-score: the Gaussian complexity of the features, scaled back by the batch normalisations.

    .. math:: \log \mathbb{E}_{x, \epsilon} \lVert f(x) - f(x + \alpha \epsilon) \rVert_F
              + \sum_l \log \sqrt{\textstyle\sum_c \sigma_{lc}^2 / m_l}, \quad \alpha = 0.01

    Lin et al. 2021, "Zen-NAS: a zero-shot NAS for high-performance image recognition" (arXiv 2102.01063), algorithm 1.
    :math:`f` gives the feature map before pooling; weights, `x` and :math:`\epsilon` are standard Gaussian, drawn from
    the batch's seed, of which only the shape counts besides; :math:`\sigma_{lc}^2` is the variance of channel c of
    :math:`m_l` before batch normalisation l. Residual links are removed in blocks that say so by timm's attribute
    ``has_skip``; gates of squeeze-and-excite stay.

    Raises
    ------
    NetworkError
        If the network has no method ``forward_features``.
    """
    network = copied(network)
    features = getattr(network, "forward_features", None)
    if features is None:
        raise NetworkError("zen: the network has no method forward_features; add it, or leave this proxy out")
    generator = torch.Generator().manual_seed(batch.seed)
    _draw_weights(network, generator)
    image, change = torch.randn((2, *batch.images.shape), generator=generator).to(batch.images)
    scales: list[Tensor] = []

    def measure(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        variances = inputs[0].transpose(0, 1).flatten(1).var(1)
        scales.append(variances.mean().log() / 2)

    with torch.no_grad():
        hooks = [m.register_forward_pre_hook(measure) for m in network.modules() if isinstance(m, NORMS)]
        first = features(image)
        for hook in hooks:
            hook.remove()
        distance = (first - features(image + _STEP * change)).flatten(1).norm(dim=1).mean()
    scale = math.fsum(float(scale) for scale in scales)
    return float(distance.log()) + scale


def _draw_weights(network: nn.Module, generator: torch.Generator) -> None:
    for module in network.modules():
        if hasattr(module, "has_skip"):
            setattr(module, "has_skip", False)  # noqa: B010 (not declared by torch)
        if isinstance(module, WEIGHTED):
            with torch.no_grad():
                module.weight.copy_(torch.randn(module.weight.shape, generator=generator))
                if module.bias is not None:
                    module.bias.zero_()
