"""How architectures are scored, and the scores of one."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch

from accelnas_training.errors import NetworkError
from accelnas_training.zero_cost.batch import first_batch, noise
from accelnas_training.zero_cost.proxies import PROXIES, Score, check_proxies, score_network

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from accelnas_training.images import Images
    from accelnas_training.networks import NetworkFamily

__all__ = ["Scoring", "score_architecture"]


@dataclass(frozen=True)
class Scoring:
    """What all scores of a table have in common, besides the images.

    Attributes
    ----------
    proxies : tuple of str
        Names from `PROXIES`.
    resolution : int
        Width and height of the images, pixels.
    batch_size : int
        Number of images, at least 2.

    Raises
    ------
    NetworkError
        If a proxy is unknown, or a number too small.

    Examples
    --------
    >>> Scoring(("naswot", "zen"), resolution=32).batch_size
    16
    """

    proxies: tuple[str, ...] = tuple(PROXIES)
    resolution: int = 64
    batch_size: int = 16

    def __post_init__(self) -> None:
        check_proxies(self.proxies)
        for name, least in (("resolution", 1), ("batch_size", 2)):
            if getattr(self, name) < least:
                raise NetworkError(f"{name} is {getattr(self, name)}; choose at least {least}")

    @property
    def digest(self) -> str:
        """SHA-256 of all attributes: 64 hex digits."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Give the attributes, of JSON's types."""
        return {**asdict(self), "proxies": list(self.proxies)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Scoring:
        """Read what `to_dict` gave."""
        return cls(**{**content, "proxies": tuple(content["proxies"])})


def score_architecture(
    family: NetworkFamily,
    architecture: NDArray[np.uint8],
    scoring: Scoring,
    *,
    seed: int = 0,
    images: Images | None = None,
    device: str = "cpu",
) -> dict[str, Score]:
    """Score an architecture with the weights, and on the images, that a training with the same seed begins with.

    Parameters
    ----------
    family
        Builds the network, here without dropout; classes and channels are those of the images, if there are any.
    architecture
        Choice indices, uint8 (variables,).
    scoring
        The proxies, and the size of the batch.
    seed
        Draws the weights and the batch.
    images
        Where the batch is from; None: Gaussian noise with random labels.
    device
        Where the proxies are computed.

    Returns
    -------
    dict
        Each proxy's value and seconds.

    Raises
    ------
    NetworkError
        If a score is not finite, or a proxy does not suit the network; the message names the architecture.
    ImagesError
        If there are fewer training images than one batch.

    Examples
    --------
    >>> from accelnas_training.networks import load_family
    >>> family = load_family()
    >>> scores = score_architecture(family, family.space.sample(1)[0], Scoring(("params", "macs"), resolution=224))
    >>> int(scores["params"].value), int(scores["macs"].value)
    (2741416, 425572208)
    """
    family = family.with_options(dropout=0.0)
    size, pixels = scoring.batch_size, scoring.resolution
    if images is None:
        batch = noise(size, pixels, seed, family.options.in_channels, family.options.classes)
    else:
        family = family.with_options(classes=images.classes, in_channels=images.channels)
        batch = first_batch(images, size, pixels, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = family.build(architecture)
    try:
        return score_network(network.to(device), batch.to(device), scoring.proxies)
    except NetworkError as error:
        raise NetworkError(f"{family.space.format(architecture[None])[0]}, seed {seed}: {error}") from error
