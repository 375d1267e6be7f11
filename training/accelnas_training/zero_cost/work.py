"""Scores of many architectures: one job each, in a store that loses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.caching import cached_property
from accelnas_training.collect.collector import collect
from accelnas_training.collect.job import Job, Outcome, Task
from accelnas_training.collect.limits import Limits
from accelnas_training.collect.work import WorkDescription
from accelnas_training.errors import ImagesError
from accelnas_training.zero_cost.scoring import Scoring, score_architecture

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from accelnas_training.collect.collector import Progress
    from accelnas_training.collect.runner import Runner
    from accelnas_training.collect.store import Store
    from accelnas_training.images import Images
    from accelnas_training.networks import NetworkFamily

__all__ = ["about", "collect_scores", "scoring_work"]

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


class ScoringWork:
    """A worker's part of `scoring_work`, whose arguments these are."""

    def __init__(self, family: Mapping[str, Any], images: str | None, digest: str | None, device: str) -> None:
        from accelnas_training.images import open_images
        from accelnas_training.networks import NetworkFamily

        self._family, self._device = NetworkFamily.from_dict(family), device
        self._images = None if images is None else open_images(images)
        if self._images is not None and self._images.digest != digest:
            raise ImagesError(f"{images} has other content here than {str(digest)[:12]}; copy it anew")

    def __call__(self, task: Task) -> Outcome:
        """Score the job's architecture."""
        scores = score_architecture(
            self._family,
            np.array(task.job.architecture, np.uint8),
            Scoring.from_dict(task.scheme),
            seed=task.job.seed,
            images=self._images,
            device=self._device,
        )
        values = {name: score.value for name, score in scores.items()}
        seconds = {f"{name}_seconds": score.seconds for name, score in scores.items()}
        return Outcome(values | seconds, self._environment)

    @cached_property
    def _environment(self) -> dict[str, str]:
        from accelnas_training.provenance import environment

        return environment()


def collect_scores(
    store: Store,
    archs: NDArray[np.uint8],
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
