"""Proxies of gradients: gradient norm, SNIP, GraSP, Fisher, SynFlow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from accelnas_training.zero_cost.batch import NORMS, WEIGHTED, copied, weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from accelnas_training.zero_cost.batch import Batch


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


def fisher(network: nn.Module, batch: Batch) -> float:
    r"""Sum how much the loss would change if each channel were removed, to second order by Fisher's information.

    .. math:: \sum_c \frac{1}{2N} \sum_n \Bigl( \sum_{ij} a_{ncij} \, \partial L_n / \partial a_{ncij} \Bigr)^2

    Turner et al. 2020, "BlockSwap: Fisher-guided block substitution" (arXiv 1906.04113): its Fisher potential, after
    Theis et al. 2018 (arXiv 1801.05787). The activations `a` are the outputs of convolutions and linear layers, as by
    Abdelfattah et al. 2021; :math:`L_n` is the loss of image n, and batch normalisation uses the batch's statistics.
    """
    network = copied(network)
    outputs: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        outputs.append(output)
        return output.clone()  # what follows may write in place

    for module in network.modules():
        if isinstance(module, WEIGHTED):
            module.register_forward_hook(keep)
    loss = cross_entropy(network(batch.images), batch.labels, reduction="sum")
    score = 0.0
    for output, gradient in zip(outputs, torch.autograd.grad(loss, outputs), strict=True):
        # a linear layer's output has one "pixel"
        change = (output.detach() * gradient).flatten(2).sum(2) if output.ndim > 2 else output.detach() * gradient
        score += float(change.double().square().sum()) / (2 * len(batch.images))
    return score


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
