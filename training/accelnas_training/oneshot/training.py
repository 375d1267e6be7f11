"""Train a network of shared weights: sandwiches, distillation in place, and phases."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from accelnas_training.errors import TrainingError
from accelnas_training.oneshot.elastic import ElasticNetwork
from accelnas_training.train.learner import Learner
from accelnas_training.train.loop import TrainingPlan, train_at
from accelnas_training.train.places import Place, check_device, under_torchrun

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelnas_training.images import Images
    from accelnas_training.networks import NetworkFamily
    from accelnas_training.oneshot.scheme import OneShotScheme
    from accelnas_training.train import EpochRow, TrainingResult


class SandwichLearner(Learner):
    """Learns from a batch with the largest network, the smallest, and some between them (BigNAS, section 3.1).

    Which are drawn depends on the seed and the number of the update alone, so that a restart draws the same.
    """

    def __init__(
        self, network: ElasticNetwork, scheme: OneShotScheme, place: Place, updates_per_epoch: int, *, seed: int
    ) -> None:
        super().__init__(network, scheme, place, updates_per_epoch)
        self._elastic, self._sandwich, self._seed, self._per_epoch = network, scheme.sandwich, seed, updates_per_epoch

    def gather(self, inputs: torch.Tensor, targets: torch.Tensor, share: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Gather the gradients of all networks of the sandwich; give loss and outputs of the largest."""
        loss, outputs = super().gather(inputs, targets, share)
        soft = outputs.detach().float().softmax(1)
        space, epoch = self._elastic.family.space, self.updates // self._per_epoch
        for architecture in self._sandwich.smaller(space, epoch, self._seed, self.updates):
            with self.precision():
                smaller = self._elastic(inputs, architecture)
                if self._sandwich.distillation:
                    own = functional.cross_entropy(smaller.float(), soft)
                else:
                    own = self.criterion(smaller, targets)
            scaled: torch.Tensor = self.scaler.scale(own / share)
            scaled.backward()  # type: ignore[no-untyped-call]
        return loss, outputs


def train_elastic(
    family: NetworkFamily,
    images: Images,
    scheme: OneShotScheme,
    *,
    seed: int = 0,
    device: str = "cpu",
    folder: str | Path | None = None,
    resume: bool = True,
    workers: int = 0,
    validate_every: int = 1,
    report: Callable[[EpochRow], None] | None = None,
) -> tuple[ElasticNetwork, TrainingResult]:
    """Train the weights that all networks of a family share; losses and accuracies are those of the largest.

    Parameters
    ----------
    family
        The networks; classes and channels are those of the images.
    images, scheme
        What to train on, and how.
    seed
        Of the first weights, the order of images and their augmentation, and which networks are drawn.
    device
        One: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
    folder, resume, workers, validate_every, report
        As for `accelnas_training.train.train`: with a folder, a training goes on from its last epoch, and one that is
        done is read.

    Raises
    ------
    TrainingFailure, TrainingError
        As `accelnas_training.train.train`; TrainingError if there are several devices.
    NetworkError
        As `ElasticNetwork`.
    SchemeError
        If the scheme has phases of variables that the space does not have.
    """
    if "," in device or under_torchrun():
        raise TrainingError(
            f"device is {device}{' of several processes' * under_torchrun()}; shared weights are trained on one "
            "device, choose one, without torchrun"
        )
    if validate_every < 1:
        raise TrainingError(f"validate_every is {validate_every}; choose at least 1")
    scheme.sandwich.check(family.space)
    fitting = family.with_options(num_classes=images.classes, in_channels=images.channels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        elastic = ElasticNetwork(fitting, kernel_transforms=scheme.kernel_transforms)
    plan = TrainingPlan(
        images,
        scheme,
        seed,
        None if folder is None else Path(folder),
        resume,
        workers,
        validate_every,
        {"family": fitting.digest, "architecture": "all, with shared weights"},
        partial(SandwichLearner, seed=seed),
    )
    return elastic, train_at(elastic, plan, Place(check_device(device)), report)
