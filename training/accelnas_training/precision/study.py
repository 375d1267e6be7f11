"""The study of few bits: train networks, validate them with few bits, report."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from accelnas_training.collect.collector import collect
from accelnas_training.collect.job import Job
from accelnas_training.collect.store import Store
from accelnas_training.collect.summary import export
from accelnas_training.collect.training_work import about
from accelnas_training.precision.losses import losses
from accelnas_training.precision.report import write_report
from accelnas_training.precision.work import precision_work

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from accelnas_training.arrays import Archs
    from accelnas_training.collect.collector import Progress
    from accelnas_training.collect.job import Limits
    from accelnas_training.collect.work import Runner
    from accelnas_training.images import Images
    from accelnas_training.networks import NetworkFamily
    from accelnas_training.precision.losses import Losses
    from accelnas_training.precision.settings import PrecisionSettings


def study_precision(
    folder: Path,
    archs: Archs,
    family: NetworkFamily,
    images: Images,
    settings: PrecisionSettings,
    runner: Runner,
    limits: Limits,
    *,
    made_by: str,
    seed: int = 0,
    device: str = "cpu",
    report: Callable[[Progress], None] | None = None,
) -> Losses:
    """Train architectures, uint8 (n, variables), validate them with few bits, and write what they lose to a folder.

    The folder gets ``report.md`` and what belongs to it, and a store, ``precision.db``: what it has is not trained
    again. `seed` is of the trainings; `made_by` says in the report how it was made.

    Raises
    ------
    NetworkError
        If a network's blocks can't be told apart, or it can't be exported.
    DataError
        If fewer than 5 networks were validated: ``accelnas-training store status`` says why.
    StoreError
        If the store is of another family or other images, or in use.
    """
    folder.mkdir(parents=True, exist_ok=True)
    trainings = folder / "trainings"
    work = precision_work(family, images, trainings, device)
    jobs = [Job.of(arch, settings.digest, seed) for arch in archs]
    with Store.opened(folder / "precision.db", family.space, about(family, images)) as store:
        store.add_scheme(settings.digest, "precision", settings.to_dict())
        collect(
            store,
            jobs,
            work,
            runner,
            limits,
            report=report,
            recorded=lambda job: shutil.rmtree(trainings / job.key, ignore_errors=True),
        )
        known = [(job, each) for job, each in zip(jobs, store.values(jobs), strict=True) if each is not None]
        found = losses(settings, family.space, [job for job, _ in known], [each for _, each in known])
        export(store, folder / "precision.parquet", settings.digest)
    options = family.options
    networks = f"space {family.space.name}, width {options.width:g}, trained on {images.name} by {settings.scheme.name}"
    write_report(folder, found, made_by, networks)
    return found
