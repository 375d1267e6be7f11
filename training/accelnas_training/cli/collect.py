"""``accelnas-training collect``: train many architectures, unattended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from accelnas.cli.data import listed
from accelnas_training.cli import options
from accelnas_training.collect.collector import collect as collect_jobs
from accelnas_training.collect.job import Job
from accelnas_training.collect.training_work import ALSO, Also, Sampling, sampled_rounds, training_store
from accelnas_training.images import open_images
from accelnas_training.networks import load_family
from accelnas_training.schemes import load_scheme

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accelnas_training.arrays import Archs

EPILOG = """Examples:

  accelnas-training collect digits.db --images digits --scheme quick.toml --number 100 --workers 2

  accelnas-training collect digits.db --images digits --scheme quick.toml --number 100 --validate-every 1

  accelnas-training collect digits.db --images digits --scheme quick.toml --number 100 --also int8,corrupted

  accelnas-training collect imagenet.db --images cache:/data/imagenet-256 --scheme p_star --number 5000 --seeds 0
  --workers 16 --gpus-each 1 --cpus-each 8 --loaders 7 --address auto --work-folder /shared/work --timeout 6h

The same command goes on where the last one ended, however it ended. What is done is in the store, in one transaction
a training; `accelnas-training store status` looks at it meanwhile.
"""

app = typer.Typer()


@app.command(epilog=EPILOG)
@options.flat
def collect(
    store: options.StoreArgument,
    images: options.ImagesOption,
    scheme: options.SchemeOption,
    workers: options.Workers,
    family: options.FamilyOption = "mnasnet",
    number: options.NumberOption = 100,
    sampling: Annotated[
        Literal["uniform", "grid", "active"], typer.Option("--sampling", help="How they are chosen.")
    ] = "uniform",
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Rounds of active sampling.")] = 5,
    sampling_seed: Annotated[int, typer.Option("--sampling-seed", min=0, help="Seed of their choice.")] = 0,
    architectures: options.ListOption = None,
    seeds: options.SeedsOption = "0",
    validate_every: Annotated[
        int | None,
        typer.Option(
            "--validate-every",
            metavar="EPOCHS",
            min=1,
            help="Keep what is reached after every so many epochs, too: accuracy@4, train_time@4, …",
            show_default="the last alone",
        ),
    ] = None,
    also: Annotated[
        str | None,
        typer.Option(
            "--also",
            metavar="A,B,…",
            help="More of each network, as accuracy_int8 and accuracy_corrupted: int8, its top-1 in 8 bits; corrupted, "
            "its top-1 of corrupted images.",
            show_default="nothing",
        ),
    ] = None,
    resolution: Annotated[int, typer.Option("--resolution", min=1, help="Pixels a side for which MACs count.")] = 224,
) -> None:
    """Train architectures of a search space and keep their accuracies, whatever dies meanwhile.

    A training that fails is tried again, then quarantined; one that diverges is quarantined at once.
    """
    networks, recipe, numbers = load_family(family), load_scheme(scheme), options.read_integers(seeds)
    choice, limits = Sampling(sampling, number, sampling_seed, rounds, resolution), workers.limits
    folder, source = workers.folder(store), open_images(images)
    opened = training_store(
        store,
        networks,
        source,
        folder,
        workers.place,
        workers.loaders,
        resolution,
        validate_every,
        _read_also(also),
    )
    with opened as (kept, work, recorded), workers.runner() as runner:
        kept.add_scheme(recipe.digest, recipe.name, recipe.to_dict())
        batches: Iterable[Archs] = (
            sampled_rounds(kept, networks, recipe.digest, choice)
            if architectures is None
            else [options.read_architectures(architectures, networks.space)]
        )
        for rows in batches:
            jobs = [Job.of(row, recipe.digest, seed) for seed in numbers for row in rows]
            with options.watched(len(jobs)) as report:
                end = collect_jobs(kept, jobs, work, runner, limits, report=report, recorded=recorded)
    typer.echo(f"{end.done:,} of {end.jobs:,} trainings are in {store}")
    options.tell_failed(end.quarantined, store)


def _read_also(text: str | None) -> list[Also]:
    names = list(dict.fromkeys(listed(text) or ()))
    for name in names:
        if name not in ALSO:
            raise typer.BadParameter(f"--also: {name!r} is none of {', '.join(ALSO)}")
    return cast("list[Also]", names)
