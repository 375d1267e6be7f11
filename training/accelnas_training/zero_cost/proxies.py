"""All proxies by name, the scores of one network, and how architectures are scored."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeAlias

import numpy as np
import torch

from accelnas_training.checked import Checked, Range
from accelnas_training.collect.job import Outcome, Task
from accelnas_training.collect.work import NetworkWork
from accelnas_training.errors import NetworkError
from accelnas_training.networks.complexity import complexity
from accelnas_training.threads import torch_threads
from accelnas_training.zero_cost.batch import first_batch, noise
from accelnas_training.zero_cost.gradients import fisher, grad_norm, grasp, snip, synflow
from accelnas_training.zero_cost.kernels import jacob_cov, naswot, zen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import nn

    from accelnas_training.arrays import Archs
    from accelnas_training.images import Images
    from accelnas_training.networks import NetworkFamily
    from accelnas_training.zero_cost.batch import Batch

    Proxy: TypeAlias = Callable[[nn.Module, Batch], float]


def params(network: nn.Module, batch: Batch) -> float:  # noqa: ARG001 (all proxies are called alike)
    """Count the parameters."""
    return float(sum(parameter.numel() for parameter in network.parameters()))


def macs(network: nn.Module, batch: Batch) -> float:
    """Count the multiply-accumulates of one image of the batch's size."""
    return float(complexity(network, batch.images.shape[-1], batch.images.shape[1]).macs)


PROXIES: dict[str, Proxy] = {
    "params": params,
    "macs": macs,
    "synflow": synflow,
    "grad_norm": grad_norm,
    "snip": snip,
    "grasp": grasp,
    "fisher": fisher,
    "naswot": naswot,
    "jacob_cov": jacob_cov,
    "zen": zen,
}

"""Each proxy by name; it leaves the network as it was."""


class Score(NamedTuple):
    """What a proxy says of a network, and the seconds it took."""

    value: float
    seconds: float


@torch_threads()
def score_network(network: nn.Module, batch: Batch, proxies: Sequence[str] = tuple(PROXIES)) -> dict[str, Score]:
    """Score a network that was not trained.

    Parameters
    ----------
    network
        The network with its first weights; it is left as it was.
    batch
        What the proxies see.
    proxies
        Names from `PROXIES`.

    Raises
    ------
    NetworkError
        If there is no such proxy, the network does not allow it, or a score is not finite.

    Examples
    --------
    >>> from torch import nn
    >>> from accelnas_training.zero_cost.batch import noise
    >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 10))
    >>> scores = score_network(network, noise(4, 4, seed=0, classes=10), ["params", "macs"])
    >>> scores["params"].value, scores["macs"].value
    (282.0, 592.0)
    """
    check_proxies(proxies)
    scores = {}
    for name in proxies:
        began = time.perf_counter()
        try:
            value = PROXIES[name](network, batch)
        except RuntimeError as error:  # PyTorch's, such as of a function without a second derivative
            said = str(error).partition("\n")[0]
            raise NetworkError(f"{name}: {said}; use other images or layers, or leave this proxy out") from error
        scores[name] = Score(value, time.perf_counter() - began)
        if not math.isfinite(value):
            raise NetworkError(f"{name} is {value}; use more pixels, another seed, or leave this proxy out")
    return scores


def check_proxies(names: Sequence[str]) -> None:
    """Raise NetworkError unless there is at least one name, and all are of proxies."""
    for name in names:
        if name not in PROXIES:
            raise NetworkError(f"unknown proxy {name!r}; choose from {', '.join(PROXIES)}")
    if not names:
        raise NetworkError(f"no proxy is named; choose from {', '.join(PROXIES)}")


@dataclass(frozen=True)
class Scoring(Checked):
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

    error = NetworkError
    proxies: tuple[str, ...] = tuple(PROXIES)
    resolution: Annotated[int, Range(least=1)] = 64
    batch_size: Annotated[int, Range(least=2)] = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        check_proxies(self.proxies)

    @property
    def digest(self) -> str:
        """SHA-256 of all attributes: 64 hex digits."""
        return self.digest_of()


def score_architecture(
    family: NetworkFamily,
    architecture: Archs,
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
        batch = noise(size, pixels, seed, family.options.in_channels, family.options.num_classes)
    else:
        family = family.with_options(num_classes=images.classes, in_channels=images.channels)
        batch = first_batch(images, size, pixels, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = family.build(architecture)
    try:
        return score_network(network.to(device), batch.to(device), scoring.proxies)
    except NetworkError as error:
        raise NetworkError(f"{family.space.format(architecture[None])[0]}, seed {seed}: {error}") from error


class ScoringWork(NetworkWork):
    """Scores of jobs' architectures, in a worker; outcomes have each by name, and ``PROXY_seconds``."""

    def __init__(self, family: Mapping[str, Any], images: str | None, digest: str | None, device: str) -> None:
        super().__init__(family, images, digest)
        self._device = device

    def __call__(self, task: Task) -> Outcome:
        """Score the job's architecture."""
        scores = score_architecture(
            self.family,
            np.array(task.job.architecture, np.uint8),
            Scoring.from_dict(task.scheme),
            seed=task.job.seed,
            images=self.images,
            device=self._device,
        )
        values = {name: score.value for name, score in scores.items()}
        seconds = {f"{name}_seconds": score.seconds for name, score in scores.items()}
        return Outcome(values | seconds, self.environment)
