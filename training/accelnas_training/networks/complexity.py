"""What networks cost: multiply-accumulates and parameters."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np
import torch

from accelnas_training.networks.counting import Counter, run_one_image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import nn

    from accelnas_training.networks.family import NetworkFamily

__all__ = ["Complexity", "complexities", "complexity", "iterate_complexities"]


@dataclass(frozen=True)
class Complexity:
    """Costs of one image.

    Attributes
    ----------
    macs
        Multiply-accumulates of convolutions, matrix products and attention; nothing else counts.
    params
        Parameters.
    extras
        What the data set of Accel-NASBench counts besides: 4 operations a value of a batch normalisation, and
        the inputs and outputs of means over pixels.
    """

    macs: int
    params: int
    extras: int = 0

    @property
    def dataset_macs(self) -> int:
        """MACs as the data set of Accel-NASBench counts them: ``macs + extras``."""
        return self.macs + self.extras


def complexity(network: nn.Module, resolution: int, in_channels: int = 3) -> Complexity:
    """Count what one image costs.

    Parameters
    ----------
    network
        Any network. It runs once where it is, and is left as it was; on the meta device nothing is computed.
    resolution
        Height and width of the image in pixels.
    in_channels
        Its channels.

    Raises
    ------
    NetworkError
        If such an image does not go through the network, or it gives something else than (1, classes).

    Examples
    --------
    >>> from torch import nn
    >>> complexity(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Flatten(), nn.Linear(8 * 16, 10)), 4)
    Complexity(macs=4736, params=1514, extras=0)
    """
    with Counter() as counter:
        run_one_image(network, resolution, in_channels)
    return Complexity(counter.macs, sum(p.numel() for p in network.parameters()), counter.extras)


def complexities(
    family: NetworkFamily, archs: NDArray[np.uint8], resolution: int, workers: int = 1
) -> NDArray[np.float64]:
    """Count what one image costs in many networks; those of MnasNet take about a tenth of a second each.

    Parameters
    ----------
    family
        Builds the networks.
    archs
        uint8 (n, variables): choice indices.
    resolution
        Height and width of the image in pixels.
    workers
        Processes that count at the same time.

    Returns
    -------
    float64 (n, 2)
        MACs and parameters, whole numbers.

    Raises
    ------
    SpaceError
        If an architecture is not of the space.
    NetworkError
        If a network can't be built, or such an image does not go through.
    """
    counted = iterate_complexities(family, archs, resolution, workers)
    return np.array([(one.macs, one.params) for one in counted], np.float64).reshape(-1, 2)


def iterate_complexities(
    family: NetworkFamily, archs: NDArray[np.uint8], resolution: int, workers: int = 1
) -> Iterator[Complexity]:
    """Give the complexity of one architecture after another; parameters and errors as in `complexities`."""
    count = partial(_count, family, resolution)
    if workers == 1:
        yield from map(count, archs)
        return
    # fresh processes: a fork would take over locks of this one's threads
    with ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        yield from pool.map(count, archs, chunksize=8)


def _count(family: NetworkFamily, resolution: int, architecture: NDArray[np.uint8]) -> Complexity:
    if family.builder == "mnasnet":
        with torch.device("meta"), Counter():
            network = family.build(architecture)
    else:  # builders of users may look at values
        network = family.build(architecture)
    return complexity(network, resolution, family.options.in_channels)
