"""SynFlow: how much flows through a network whose weights are made positive."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from accelnas_training.zero_cost.preparing import NORMS, copied, weights

if TYPE_CHECKING:
    from accelnas_training.zero_cost.batch import Batch

__all__ = ["synflow"]


def synflow(network: nn.Module, batch: Batch) -> float:
    r"""Give the logarithm of the synaptic flow through all weights.

    .. math:: \log \sum_w \lvert w \cdot \partial R / \partial w \rvert, \quad
              R = \sum_k f_k(\mathbf 1; \lvert w \rvert)

    Tanaka et al. 2020, "Pruning neural networks without any data by iteratively conserving synaptic flow"
    (arXiv 2006.05467), equations 1 and 2; summed over the network as by Abdelfattah et al. 2021. The input is one image
    of ones, of the shape of those of `batch`. Batch normalisation is left out, which would stop the flow from
    multiplying. It is computed in float64: in a deep network the flow passes float32's largest number.
    """
    network = copied(network).double()
    for module in [*network.modules()]:
        for name, child in module.named_children():
            if isinstance(child, NORMS):
                setattr(module, name, _without_norm(child))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    layers = weights(network)
    flow = network(torch.ones_like(batch.images[:1], dtype=torch.float64)).sum()
    gradients = torch.autograd.grad(flow, layers)
    total = sum(
        float((weight.detach() * gradient).abs().sum()) for weight, gradient in zip(layers, gradients, strict=True)
    )
    return math.log(total) if total > 0 else -math.inf


def _without_norm(norm: nn.Module) -> nn.Module:
    """Give what else a normalisation does: timm's hold a dropout and an activation."""
    return nn.Sequential(*(part for name in ("drop", "act") if (part := getattr(norm, name, None)) is not None))
