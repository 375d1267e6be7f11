"""``accelnas-training collect``: train many architectures, unattended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from accelnas_training.cli.architectures import read_architectures
from accelnas_training.cli.workers import (
    AddressOption,
    CpusEachOption,
    DeviceOption,
    GpusEachOption,
    LoadersOption,
    RetriesOption,
    TimeoutOption,
    WorkersOption,
    WorkFolderOption,
    make_runner,
    read_seconds,
    read_seeds,
    watched,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

EPILOG = """Examples:

  accelnas-training collect digits.db --images digits --scheme quick.toml --number 100 --workers 2

  accelnas-training collect imagenet.db --images cache:/data/imagenet-256 --scheme p_star --number 5000 --seeds 0
  --workers 16 --gpus-each 1 --cpus-each 8 --loaders 7 --address auto --work-folder /shared/work --timeout 6h

The same command goes on where the last one ended, however it ended. What is done is in the store, in one transaction
a training; `accelnas-training store status` looks at it meanwhile.
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("collect", epilog=EPILOG)(collect)


def collect(
    store: Annotated[Path, typer.Argument(help="File for the results: made, or gone on with.")],
    images: Annotated[str, typer.Option("--images", "-i", help="Images: digits, folder:PATH, cache:PATH, …")],
    scheme: Annotated[str, typer.Option("--scheme", "-s", help="Training scheme: p_star, reference, or a TOML file.")],
    family: Annotated[str, typer.Option("--family", "-f", help="Networks: mnasnet, or a TOML file.")] = "mnasnet",
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="Number of architectures.")] = 100,
    sampling: Annotated[
        Literal["uniform", "grid", "active"], typer.Option("--sampling", help="How they are chosen.")
    ] = "uniform",
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Rounds of active sampling.")] = 5,
    sampling_seed: Annotated[int, typer.Option("--sampling-seed", min=0, help="Seed of their choice.")] = 0,
    architectures: Annotated[
        Path | None,
        typer.Option("--architectures", metavar="FILE", help="Train those of a table instead.", show_default=False),
    ] = None,
    seeds: Annotated[str, typer.Option("--seeds", metavar="A,B,…", help="Seeds of the trainings of each.")] = "0",
    workers: WorkersOption = 1,
    cpus_each: CpusEachOption = 1,
    gpus_each: GpusEachOption = 0,
    address: AddressOption = None,
    device: DeviceOption = None,
    loaders: LoadersOption = 0,
    resolution: Annotated[int, typer.Option("--resolution", min=1, help="Pixels a side for which MACs count.")] = 224,
    timeout: TimeoutOption = None,
    retries: RetriesOption = 2,
    work_folder: WorkFolderOption = None,
) -> None:
    """Train architectures of a search space and keep their accuracies, whatever dies meanwhile.

    A training that fails is tried again, then quarantined; one that diverges is quarantined at once.
    """
    from accelnas_training.collect.collector import collect as collect_jobs
    from accelnas_training.collect.job import Job, Limits
    from accelnas_training.collect.rounds import Sampling, sampled_rounds
    from accelnas_training.collect.store import Store
    from accelnas_training.collect.training_work import TrainingFolders, about, training_work
    from accelnas_training.images import open_images
    from accelnas_training.networks import load_family
    from accelnas_training.schemes import load_scheme

    opened, networks, recipe = open_images(images), load_family(family), load_scheme(scheme)
    numbers = read_seeds(seeds)
    choice = Sampling(sampling, number, sampling_seed, rounds, resolution)
    limits = Limits(retries, timeout=None if timeout is None else read_seconds(timeout))
    folder = work_folder or store.with_name(f"{store.name}.work")
    folders = TrainingFolders(folder)
    place = device or ("cuda" if gpus_each else "cpu")
    work = training_work(networks, opened, folder, device=place, workers=loaders, resolution=resolution)
    with (
        Store.opened(store, networks.space, about(networks, opened)) as kept,
        make_runner(workers, cpus_each, gpus_each, address) as runner,
    ):
        kept.add_scheme(recipe.digest, recipe.name, recipe.to_dict())
        folders.remove_done(kept)
        batches: Iterable[NDArray[np.uint8]] = (
            sampled_rounds(kept, networks, recipe.digest, choice)
            if architectures is None
            else [read_architectures(architectures, networks.space)]
        )
        for rows in batches:
            jobs = [Job.of(row, recipe.digest, seed) for seed in numbers for row in rows]
            with watched(len(jobs)) as report:
                end = collect_jobs(kept, jobs, work, runner, limits, report=report, recorded=folders.remove)
    typer.echo(f"{end.done:,} of {end.jobs:,} trainings are in {store}")
    if end.quarantined:
        typer.echo(f"{end.quarantined:,} failed; `accelnas-training store status {store}` says why", err=True)
