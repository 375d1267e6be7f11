"""Train an architecture of a family: build, seed, train."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from accelnas_training.train.run import train

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from accelnas_training.images import Images
    from accelnas_training.networks import NetworkFamily
    from accelnas_training.schemes import Scheme
    from accelnas_training.train.result import TrainingResult

__all__ = ["train_architecture"]


def train_architecture(
    family: NetworkFamily,
    architecture: NDArray[np.uint8],
    images: Images,
    scheme: Scheme,
    *,
    seed: int = 0,
    **settings: Any,
) -> TrainingResult:
    """Build an architecture's network for these images, with weights drawn from the seed, and train it.

    Parameters
    ----------
    family
        Builds the network; classes and channels are those of the images.
    architecture
        Choice indices, uint8 (variables,).
    images, scheme, seed
        As for `train`; the seed draws the first weights too, so that it names the whole training.
    **settings
        Further arguments of `train`: ``device``, ``folder``, ``resume``, ``workers``, ``validate_every``, ``report``.

    Raises
    ------
    TrainingFailure, TrainingError
        As `train`.
    """
    fitting = family.with_options(classes=images.classes, in_channels=images.channels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = fitting.build(architecture)
    labels = {"family": fitting.digest, "architecture": family.space.format(architecture[None])[0]}
    return train(network, images, scheme, seed=seed, labels=labels, **settings)
