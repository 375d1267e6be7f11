"""The work of collecting accuracies: train networks of a family on images, round after round."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, get_args

import numpy as np

from accelnas.fidelities import fidelity_name
from accelnas_training import sampling
from accelnas_training.collect.job import Outcome, Task
from accelnas_training.collect.store import Store
from accelnas_training.collect.work import NetworkWork, WorkDescription
from accelnas_training.schemes import Scheme

Also: TypeAlias = Literal["int8", "corrupted"]
"""What else `collect` may ask of a trained network."""

ALSO: tuple[Also, ...] = get_args(Also)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from torch import nn

    from accelnas_training.arrays import Archs
    from accelnas_training.collect.job import Job
    from accelnas_training.collect.reader import StoreReader
    from accelnas_training.images import Images
    from accelnas_training.networks import NetworkFamily
    from accelnas_training.train import TrainingResult, Validation


@dataclass(frozen=True)
class Sampling:
    """How architectures are chosen."""

    # ``uniform``; ``grid``, an even grid of MACs and parameters; or ``active``: in rounds, the first uniform, each
    # other where an ensemble fitted on the accuracies so far disagrees
    kind: Literal["uniform", "grid", "active"]
    number: int
    seed: int = 0  # of the choice
    rounds: int = 5  # into how many rounds they are divided; others than ``active`` choose all in one
    resolution: int = 224  # pixels a side for which a grid counts MACs


def sampled_rounds(store: StoreReader, family: NetworkFamily, scheme: str, choice: Sampling) -> Iterator[Archs]:
    """Give the architectures of all rounds so far, round after round; each is chosen when it is asked for.

    Distinct ones, uint8 (n, variables). The architectures of the scheme's jobs come first, in their order: a collection
    that was interrupted goes on with those that it chose, and one that is made larger keeps them. Raises SpaceError if
    the space has not that many.
    """
    rounds = choice.rounds if choice.kind == "active" else 1
    for number in np.linspace(0, choice.number, rounds + 1).round().astype(int)[1:]:
        chosen = store.architectures(scheme)
        missing = number - len(chosen)
        if missing > 0:
            chosen = np.concatenate([chosen, _choose(store, family, scheme, choice, chosen, missing)])
        yield chosen[:number]


def _choose(
    store: StoreReader,
    family: NetworkFamily,
    scheme: str,
    choice: Sampling,
    chosen: Archs,
    missing: int,
) -> Archs:
    if choice.kind == "grid":
        return sampling.grid(family, missing, choice.seed, choice.resolution, chosen)
    known, values = store.means(scheme, "accuracy")
    if choice.kind == "uniform" or len(known) == 0:
        return sampling.uniform(family.space, missing, choice.seed, chosen)
    # those that failed have no accuracy to learn from, and are not to be chosen again
    failed = {row.tobytes() for row in chosen} - {row.tobytes() for row in known}
    rows = sampling.active(family.space, missing + len(failed), choice.seed, known, values)
    return np.array([row for row in rows if row.tobytes() not in failed][:missing], np.uint8)


def about(family: NetworkFamily, images: Images) -> dict[str, str]:
    """Say what a store's trainings have in common, for `Store.opened`."""
    return {"family": fitted(family, images).digest, "images": images.digest}


def training_work(
    family: NetworkFamily,
    images: Images,
    work_folder: str | Path,
    *,
    device: str = "cpu",
    workers: int = 0,
    resolution: int = 224,
    validate_every: int | None = None,
    also: Sequence[Also] = (),
) -> WorkDescription:
    """Describe trainings to workers.

    Workers open the same source of images, and refuse other content. In the work folder, which all share, trainings
    leave checkpoints for whoever goes on when a worker dies. Each trains on a device as in
    `accelnas_training.train.train` (on a cluster Ray shows it its own GPUs alone) and loads images in so many `workers`
    processes; `resolution` is that for which MACs are counted. Outcomes have ``accuracy`` and ``accuracy_top5`` (%),
    ``train_time`` (s), ``macs`` and ``params`` (millions, as the data set of Accel-NASBench counts them),
    ``images_per_second``, and ``energy`` (J) where it is measured. With `validate_every`, networks are validated after
    every so many epochs, too, and what was known then is kept as ``accuracy@4``, ``accuracy_top5@4``, ``train_time@4``
    and ``energy@4``, and so on. `also` asks for more of each trained network: ``int8``, its top-1 (%) after
    quantisation (`accelnas_training.accuracy.int8_accuracy`), as ``accuracy_int8``; ``corrupted``, the mean of its
    top-1 over corruptions of severity 3 (`accelnas_training.accuracy.corrupted_accuracy`), as ``accuracy_corrupted``.
    """
    arguments = {
        "family": fitted(family, images).to_dict(),
        "images": images.name,
        "digest": images.digest,
        "work_folder": str(Path(work_folder).resolve()),
        "device": device,
        "workers": workers,
        "resolution": resolution,
        "validate_every": validate_every,
        "also": list(also),
    }
    return WorkDescription(f"{__name__}:TrainingWork", arguments)


@contextmanager
def training_store(
    path: Path,
    family: NetworkFamily,
    images: Images,
    folder: Path,
    device: str,
    loaders: int,
    resolution: int,
    validate_every: int | None = None,
    also: Sequence[Also] = (),
) -> Iterator[tuple[Store, WorkDescription, Callable[[Job], None]]]:
    """Open the store of trainings of a family on images; arguments are those of `training_work`.

    Yields
    ------
    tuple
        The store, what workers do, and what to call with each job whose result is on disk.
    """

    def forget(job: Job) -> None:
        if not store.content(job.scheme).get("stop"):  # else it may go on
            shutil.rmtree(Path(folder) / job.key, ignore_errors=True)

    work = training_work(
        family,
        images,
        folder,
        device=device,
        workers=loaders,
        resolution=resolution,
        validate_every=validate_every,
        also=also,
    )
    with Store.opened(path, family.space, about(family, images)) as store:
        for job in store.jobs("done"):  # a driver that died after recording could not
            forget(job)
        yield store, work, forget


def job_folder(work_folder: str | Path, job: Job, scheme: Scheme) -> Path:
    """Where a job's training leaves its checkpoints, until its result reaches the store; one for all its stops."""
    return Path(work_folder) / replace(job, scheme=scheme.whole.digest).key


class TrainingWork(NetworkWork):
    """A worker's part of `training_work`, whose arguments these are."""

    def __init__(
        self,
        family: Mapping[str, Any],
        images: str,
        digest: str,
        work_folder: str,
        device: str,
        workers: int,
        resolution: int,
        validate_every: int | None,
        also: Sequence[Also],
    ) -> None:
        super().__init__(family, images, digest)
        if "int8" in also:
            from accelnas_training.networks.export import needed

            needed("onnx", "onnxscript", "onnxruntime")  # rather before a training than after it
        self._validate_every, self._also = validate_every, also
        self._images = cast("Images", self.images)
        self._folder, self._device, self._workers, self._resolution = work_folder, device, workers, resolution

    def __call__(self, task: Task) -> Outcome:
        """Train the job's architecture, from the checkpoint of an attempt that died if there is one."""
        from accelnas_training.networks.complexity import complexities  # PyTorch takes seconds to import
        from accelnas_training.train.run import trained_network

        job, scheme = task.job, Scheme.from_dict(task.scheme)
        architecture = np.array(job.architecture, np.uint8)
        folder = job_folder(self._folder, job, scheme)
        folder.mkdir(parents=True, exist_ok=True)
        network, result = trained_network(
            self.family,
            architecture,
            self._images,
            scheme,
            seed=job.seed,
            device=self._device,
            folder=folder,
            workers=self._workers,
            validate_every=self._validate_every or scheme.epochs,
        )
        (cost,) = complexities(self.family, architecture[None], self._resolution)
        values = _learnt(result) | {
            "macs": cost.dataset_macs / 1e6,
            "params": cost.params / 1e6,
            "images_per_second": result.images_per_second,
        }
        for name in self._also:
            values[f"accuracy_{name}"] = _accuracy(name, network, self._images, scheme)
        for validation in result.validations:
            if validation.epochs < result.epochs:
                known = _learnt(validation).items()
                values |= {fidelity_name(name, validation.epochs): value for name, value in known}
        return Outcome(values, self.environment)


def _accuracy(name: Also, network: nn.Module, images: Images, scheme: Scheme) -> float:
    """Give one more top-1 of a trained network, %."""
    from accelnas_training.accuracy import corrupted_accuracy, int8_accuracy

    if name == "int8":
        return int8_accuracy(network, images, scheme)
    return float(np.mean(list(corrupted_accuracy(network, images, scheme).values())))


def _learnt(known: TrainingResult | Validation) -> dict[str, float]:
    """Give what a training had reached, at its end or before, and what it had cost."""
    energy = np.nan if known.energy_joules is None else known.energy_joules
    return {"accuracy": known.top1, "accuracy_top5": known.top5, "train_time": known.seconds, "energy": energy}


def fitted(family: NetworkFamily, images: Images) -> NetworkFamily:
    """Give the family with the classes and channels of images."""
    return family.with_options(num_classes=images.classes, in_channels=images.channels)
