"""The proxies that any other has to beat: parameters and multiply-accumulates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelnas_training.networks.complexity import complexity

if TYPE_CHECKING:
    from torch import nn

    from accelnas_training.zero_cost.batch import Batch

__all__ = ["macs", "params"]


def params(network: nn.Module, batch: Batch) -> float:  # noqa: ARG001 (all proxies are called alike)
    """Count the parameters."""
    return float(sum(parameter.numel() for parameter in network.parameters()))


def macs(network: nn.Module, batch: Batch) -> float:
    """Count the multiply-accumulates of one image of the batch's size."""
    return float(complexity(network, batch.images.shape[-1], batch.images.shape[1]).macs)
