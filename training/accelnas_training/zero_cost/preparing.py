"""Copies of networks that proxies may change, and what they look at in them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["NORMS", "WEIGHTED", "copied", "weights"]

WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def copied(network: nn.Module) -> nn.Module:
    """Copy a network for one proxy: batch normalisation uses the batch's statistics; no dropout, no gradients."""
    copy_of = copy.deepcopy(network).train()
    copy_of.zero_grad(set_to_none=True)
    for module in copy_of.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return copy_of


def weights(network: nn.Module) -> list[Tensor]:
    """Give the weights of convolutions and linear layers, in order: what pruning would remove.

    Examples
    --------
    >>> [w.shape for w in weights(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)))]
    [torch.Size([2, 3])]
    """
    return [module.weight for module in network.modules() if isinstance(module, WEIGHTED)]
