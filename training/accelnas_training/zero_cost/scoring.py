"""How architectures are scored, one or many, in a store that loses nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import torch

from accelnas_training.checked import Checked, Range
from accelnas_training.collect.collector import collect
from accelnas_training.collect.job import Job, Limits, Outcome, Task
from accelnas_training.collect.work import NetworkWork, WorkDescription
from accelnas_training.errors import NetworkError
from accelnas_training.zero_cost.batch import first_batch, noise
from accelnas_training.zero_cost.proxies import PROXIES, Score, check_proxies, score_network

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from accelnas_training.arrays import Archs
    from accelnas_training.collect.collector import Progress
    from accelnas_training.collect.store import Store
    from accelnas_training.collect.work import Runner
    from accelnas_training.images import Images
    from accelnas_training.networks import NetworkFamily


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


NOISE = "Gaussian noise"


def about(family: NetworkFamily, images: Images | None) -> dict[str, str]:
    """Say what a store's scores have in common, for `Store.opened`."""
    return {"family": family.digest, "images": NOISE if images is None else images.digest}


def scoring_work(family: NetworkFamily, images: Images | None = None, device: str = "cpu") -> WorkDescription:
    """Describe to workers how to score architectures.

    Parameters
    ----------
    family, images, device
        As for `score_architecture`. Workers open the same source of images, and refuse other content.

    Returns
    -------
    WorkDescription
        Its outcomes have each proxy's score by name, and ``PROXY_seconds``.
    """
    arguments = {
        "family": family.to_dict(),
        "images": None if images is None else images.name,
        "digest": None if images is None else images.digest,
        "device": device,
    }
    return WorkDescription(f"{__name__}:ScoringWork", arguments)


class ScoringWork(NetworkWork):
    """A worker's part of `scoring_work`, whose arguments these are."""

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


def collect_scores(
    store: Store,
    archs: Archs,
    scoring: Scoring,
    work: WorkDescription,
    runner: Runner,
    seeds: Sequence[int] = (0,),
    report: Callable[[Progress], None] | None = None,
) -> Progress:
    """Score architectures that the store has no scores of.

    Parameters
    ----------
    store
        Opened with `about` the same family and images.
    archs
        uint8 (n, variables).
    scoring, work, runner
        What is computed, by whom.
    seeds
        Of the weights and batches; every architecture is scored with each.
    report
        Called after every change.

    Returns
    -------
    Progress
        Its end. Architectures of which a score failed are quarantined: the same seed would fail again.
    """
    store.add_scheme(scoring.digest, "zero-cost", scoring.to_dict())
    jobs = [Job.of(arch, scoring.digest, seed) for seed in seeds for arch in archs]
    return collect(store, jobs, work, runner, Limits(retries=0), report=report)
