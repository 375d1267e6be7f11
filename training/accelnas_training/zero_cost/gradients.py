"""Proxies of one batch's gradients: gradient norm, SNIP, GraSP.

All use the cross-entropy's mean over the batch, batch normalisation with the batch's statistics, and the weights of
convolutions and linear layers; biases and the affine part of normalisations don't count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import cross_entropy

from accelnas_training.zero_cost.preparing import copied, weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from accelnas_training.zero_cost.batch import Batch

__all__ = ["grad_norm", "grasp", "snip"]


def grad_norm(network: nn.Module, batch: Batch) -> float:
    r"""Sum the Euclidean norms of the layers' gradients.

    .. math:: \sum_l \lVert \partial L / \partial w_l \rVert_2

    Abdelfattah et al. 2021, "Zero-Cost Proxies for Lightweight NAS" (arXiv 2101.08134), section 3.2.
    """
    network = copied(network)
    layers = weights(network)
    return _total([gradient.norm() for gradient in _gradients(network, batch, layers)])


def snip(network: nn.Module, batch: Batch) -> float:
    r"""Sum how much the loss would change if each weight were removed, to first order.

    .. math:: \sum_w \lvert w \cdot \partial L / \partial w \rvert

    Lee et al. 2019, "SNIP: single-shot network pruning based on connection sensitivity" (arXiv 1810.02340): its
    sensitivity before normalisation, summed over the network as by Abdelfattah et al. 2021.
    """
    network = copied(network)
    layers = weights(network)
    gradients = _gradients(network, batch, layers)
    return _total([(weight * gradient).abs().sum() for weight, gradient in zip(layers, gradients, strict=True)])


def grasp(network: nn.Module, batch: Batch) -> float:
    r"""Sum how much the gradient's flow would change if each weight were removed, to first order.

    .. math:: \sum_w -w \cdot (H g)_w, \quad g = \partial L / \partial w, \quad H = \partial^2 L / \partial w^2

    Wang et al. 2020, "Picking winning tickets before training by preserving gradient flow" (arXiv 2002.07376),
    equation 8, without its temperature; summed over the network as by Abdelfattah et al. 2021.

    Notes
    -----
    Batch normalisation makes the loss indifferent to the scale of the weights before it. Where it follows every layer
    but for those held fixed, the score is the squared norm of the gradient.
    """
    network = copied(network)
    layers = weights(network)
    gradients = _gradients(network, batch, layers, create_graph=True)
    # the gradient of (g · fixed g) is H g
    flow = torch.stack([(gradient * gradient.detach()).sum() for gradient in gradients]).sum()
    products = torch.autograd.grad(flow, layers)
    return _total([-(weight * product).sum() for weight, product in zip(layers, products, strict=True)])


def _gradients(
    network: nn.Module, batch: Batch, layers: Sequence[Tensor], *, create_graph: bool = False
) -> Sequence[Tensor]:
    loss = cross_entropy(network(batch.images), batch.labels)
    return torch.autograd.grad(loss, layers, create_graph=create_graph)


def _total(parts: Sequence[Tensor]) -> float:
    return float(torch.stack([part.detach().double() for part in parts]).sum())
