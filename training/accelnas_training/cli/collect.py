"""``accelnas-training collect``: train many architectures, unattended."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from accelnas.cli.shared import console, progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from accelnas import Space
    from accelnas_training.collect.collector import Progress
    from accelnas_training.collect.ray_runner import RayRunner
    from accelnas_training.collect.runner import InlineRunner

    Rows = NDArray[np.uint8]

EPILOG = """Examples:

  accelnas-training collect digits.db --images digits --scheme quick.toml --number 100 --workers 2

  accelnas-training collect imagenet.db --images cache:/data/imagenet-256 --scheme p_star --number 5000 --seeds 0
  --workers 16 --gpus-each 1 --cpus-each 8 --loaders 7 --address auto --work-folder /shared/work --timeout 6h

The same command goes on where the last one ended, however it ended. What is done is in the store, in one transaction
a training; `accelnas-training store status` looks at it meanwhile.
"""

_LINE_EVERY = 60.0  # seconds between lines for a log that nobody watches
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("collect", epilog=EPILOG)(collect)


def _seconds(text: str) -> float:
    """Read a duration such as 90, 30m or 6h."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    try:
        return float(number) * _UNITS[unit]
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no duration; write 90, 30m, 6h or 2d") from None


def _seeds(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{text!r} are no seeds; write 0 or 0,1,2") from None


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
    workers: Annotated[int, typer.Option("--workers", "-w", min=0, help="Ray workers; 0 trains in this process.")] = 1,
    cpus_each: Annotated[float, typer.Option("--cpus-each", min=0, help="Cores that a worker occupies.")] = 1,
    gpus_each: Annotated[float, typer.Option("--gpus-each", min=0, help="GPUs that a worker occupies.")] = 0,
    address: Annotated[
        str | None,
        typer.Option("--address", help="Ray cluster: auto or HOST:PORT.", show_default="one on this machine"),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option("--device", help="Where a worker trains.", show_default="cuda with --gpus-each, else cpu"),
    ] = None,
    loaders: Annotated[int, typer.Option("--loaders", min=0, help="Processes that load images, a worker.")] = 0,
    resolution: Annotated[int, typer.Option("--resolution", min=1, help="Pixels a side for which MACs count.")] = 224,
    timeout: Annotated[
        str | None,
        typer.Option("--timeout", metavar="TIME", help="Longest a training may take, as 6h.", show_default="none"),
    ] = None,
    retries: Annotated[int, typer.Option("--retries", min=0, help="Attempts after a failed one.")] = 2,
    work_folder: Annotated[
        Path | None,
        typer.Option("--work-folder", help="For checkpoints; all workers share it.", show_default="STORE.work"),
    ] = None,
) -> None:
    """Train architectures of a search space and keep their accuracies, whatever dies meanwhile.

    A training that fails is tried again, then quarantined; one that diverges is quarantined at once.
    """
    from accelnas_training.collect.collector import collect as collect_jobs
    from accelnas_training.collect.job import Job
    from accelnas_training.collect.limits import Limits
    from accelnas_training.collect.rounds import Sampling, sampled_rounds
    from accelnas_training.collect.store import Store
    from accelnas_training.collect.training_work import TrainingFolders, about, training_work
    from accelnas_training.images import open_images
    from accelnas_training.networks import load_family
    from accelnas_training.schemes import load_scheme

    opened, networks, recipe = open_images(images), load_family(family), load_scheme(scheme)
    numbers = _seeds(seeds)
    choice = Sampling(sampling, number, sampling_seed, rounds, resolution)
    limits = Limits(retries, timeout=None if timeout is None else _seconds(timeout))
    folder = work_folder or store.with_name(f"{store.name}.work")
    folders = TrainingFolders(folder)
    place = device or ("cuda" if gpus_each else "cpu")
    work = training_work(networks, opened, folder, device=place, workers=loaders, resolution=resolution)
    with (
        Store.opened(store, networks.space, about(networks, opened)) as kept,
        _runner(workers, cpus_each, gpus_each, address) as runner,
    ):
        kept.add_scheme(recipe.digest, recipe.name, recipe.to_dict())
        folders.remove_done(kept)
        batches: Iterable[Rows] = (
            sampled_rounds(kept, networks, recipe.digest, choice)
            if architectures is None
            else [_listed(architectures, networks.space)]
        )
        for rows in batches:
            jobs = [Job.of(row, recipe.digest, seed) for seed in numbers for row in rows]
            with _watched(len(jobs)) as report:
                end = collect_jobs(kept, jobs, work, runner, limits, report=report, recorded=folders.remove)
    typer.echo(f"{end.done:,} of {end.jobs:,} trainings are in {store}")
    if end.quarantined:
        typer.echo(f"{end.quarantined:,} failed; `accelnas-training store status {store}` says why", err=True)


def _runner(workers: int, cpus: float, gpus: float, address: str | None) -> InlineRunner | RayRunner:
    if workers == 0:
        from accelnas_training.collect.runner import InlineRunner

        return InlineRunner()
    from accelnas_training.collect.ray_runner import RayRunner

    return RayRunner(workers, cpus_each=cpus, gpus_each=gpus, address=address)


def _listed(path: Path, space: Space) -> Rows:
    """Read architectures of a table, without repetition."""
    import numpy as np
    import polars as pl

    frame = pl.read_csv(path) if path.suffix == ".csv" else pl.read_parquet(path)
    names = [variable.name for variable in space.variables]
    rows = space.encode(frame.select(names) if set(names) <= set(frame.columns) else frame)
    _, first = np.unique(rows, axis=0, return_index=True)
    return rows[np.sort(first)]


@contextmanager
def _watched(jobs: int) -> Iterator[Callable[[Progress], None]]:
    """Show progress: a bar where a person watches, else a line a minute; and whatever hinders it."""
    screen = console(stderr=True)
    said, written = "", time.monotonic()
    with progress("training", jobs, "trainings") as bar:

        def report(now: Progress) -> None:
            nonlocal said, written
            bar(now.done + now.quarantined)
            due = not screen.is_terminal and time.monotonic() - written >= _LINE_EVERY
            if due:
                counts = f"{now.done} of {now.jobs} done, {now.quarantined} failed, {now.running} running"
                screen.print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {counts}")
                written = time.monotonic()
            if now.note and now.note != said and (due or now.in_hand):
                screen.print(now.note)
            said = now.note

        yield report
