"""Fisher: the loss's sensitivity to whole channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import cross_entropy

from accelnas_training.zero_cost.preparing import WEIGHTED, copied

if TYPE_CHECKING:
    from torch import Tensor, nn

    from accelnas_training.zero_cost.batch import Batch

__all__ = ["fisher"]


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
