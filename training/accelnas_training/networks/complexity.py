"""What a network costs: multiply-accumulates and parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from accelnas_training.networks.family import NetworkFamily

__all__ = ["Complexity", "complexities", "complexity"]


@dataclass(frozen=True)
class Complexity:
    """Costs of one image.

    Attributes
    ----------
    macs
        Multiply-accumulates of convolutions and matrix products; nothing else counts.
    params
        Parameters.
    """

    macs: int
    params: int


def complexity(network: nn.Module, resolution: int, in_channels: int = 3) -> Complexity:
    """Count what one image of `resolution` × `resolution` pixels costs; nothing is computed."""
    raise NotImplementedError


def complexities(family: NetworkFamily, archs: NDArray[np.uint8], resolution: int) -> NDArray[np.float64]:
    """Count for many architectures: float64 (n, 2), MACs and parameters."""
    raise NotImplementedError
