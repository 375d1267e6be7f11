"""Which architectures to train: uniform, on an even grid of costs, or where an ensemble disagrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from accelnas import Space
    from accelnas.build.settings import Settings
    from accelnas_training.networks.family import NetworkFamily

    Rows = NDArray[np.uint8]

__all__ = ["active", "grid", "uniform"]


def uniform(space: Space, n: int, seed: int, known: Rows | None = None) -> Rows:
    """Draw uniformly: uint8 (n, variables), distinct, none of `known`."""
    raise NotImplementedError


def grid(family: NetworkFamily, n: int, seed: int, resolution: int = 224, known: Rows | None = None) -> Rows:
    """Choose on an even grid of MACs × parameters: uint8 (n, variables), distinct, none of `known`."""
    raise NotImplementedError


def active(
    space: Space, n: int, seed: int, known: Rows, values: NDArray[np.float64], settings: Settings | None = None
) -> Rows:
    """Choose where an ensemble fitted on (known, values) disagrees most: uint8 (n, variables), none of `known`."""
    raise NotImplementedError
