"""``accelnas-training proxy``: find a cheap training scheme that ranks as an expensive one does, and validate it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelnas.cli.shared import ErrorGroup
from accelnas_training.cli.workers import (
    AddressOption,
    CpusEachOption,
    DeviceOption,
    GpusEachOption,
    LoadersOption,
    TimeoutOption,
    WorkersOption,
    WorkFolderOption,
    make_runner,
    read_seconds,
    read_seeds,
    watched,
)
from accelnas_training.errors import ProxyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from accelnas_training.networks import NetworkFamily
    from accelnas_training.proxy.candidates import SearchResult, Verdict
    from accelnas_training.proxy.settings import ProxySettings
    from accelnas_training.proxy.trainings import Collected, Evaluate

EPILOG = """Examples:

  accelnas-training proxy search proxy-search.toml --store digits.db --output found --workers 2

  accelnas-training proxy validate proxy-search.toml --store digits.db --proxy found/proxy.toml --output found

  accelnas-training proxy validate --proxy 'proxified-seed*.csv' --reference 'fewproxy-seed*.csv' --output fig3

An interrupted command goes on where it ended when it is run again: every training is in the store.
"""

SettingsArgument = Annotated[Path, typer.Argument(metavar="SETTINGS", help="Settings of the search: TOML.")]
StoreOption = Annotated[Path, typer.Option("--store", help="File for the trainings: made, or gone on with.")]
OutputOption = Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where to write the report.")]
IntensityOption = Annotated[
    float | None,
    typer.Option(
        "--grid-intensity", metavar="G/KWH", min=0, help="Show CO₂ by the grid's intensity.", show_default=False
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(cls=ErrorGroup, no_args_is_help=True, rich_markup_mode="rich", epilog=EPILOG)
    for command in (search, validate, report):
        group.command(command.__name__)(command)
    app.add_typer(group, name="proxy", help="Find a cheap training scheme that ranks as an expensive one, validate it.")


def search(
    settings: SettingsArgument,
    store: StoreOption,
    output: OutputOption,
    workers: WorkersOption = 1,
    cpus_each: CpusEachOption = 1,
    gpus_each: GpusEachOption = 0,
    address: AddressOption = None,
    device: DeviceOption = None,
    loaders: LoadersOption = 0,
    timeout: TimeoutOption = None,
    work_folder: WorkFolderOption = None,
    intensity: IntensityOption = None,
) -> None:
    """Find the scheme that ranks models most like the reference, among those that are fast enough.

    Trains models on an even grid of MACs × parameters under the reference, then under each candidate.
    """
    from accelnas_training.proxy.settings import load_settings

    asked = load_settings(settings)
    place = _Place(workers, cpus_each, gpus_each, address, device, loaders, timeout, work_folder)
    with _trainer(asked, store, place) as (family, evaluate):
        result = _search(asked, family, evaluate)
    command = f"accelnas-training proxy search {settings} --store {store} --output {output} --workers {workers}"
    _finish(result, family, output, command, intensity)


def report(
    settings: SettingsArgument, store: StoreOption, output: OutputOption, intensity: IntensityOption = None
) -> None:
    """Write the report of a search again from its store, and train nothing."""
    from accelnas_training.collect.reader import StoreReader
    from accelnas_training.networks import load_family
    from accelnas_training.proxy.settings import load_settings
    from accelnas_training.proxy.trainings import Known

    asked = load_settings(settings)
    family = load_family(asked.family)
    with StoreReader.opened(store) as reader:
        result = _search(asked, family, Known(reader))
    command = f"accelnas-training proxy report {settings} --store {store} --output {output}"
    _finish(result, family, output, command, intensity)


def validate(
    proxy: Annotated[str, typer.Option("--proxy", help="The scheme's TOML file; or tables of its trainings.")],
    output: OutputOption,
    settings: Annotated[
        Path | None,
        typer.Argument(metavar="[SETTINGS]", help="Settings of the search, to train; none compares tables."),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option("--reference", help="Tables of the reference's trainings: 'r-seed*.csv'.", show_default=False),
    ] = None,
    store: Annotated[
        Path | None, typer.Option("--store", help="File for the trainings, with SETTINGS.", show_default=False)
    ] = None,
    number: Annotated[int, typer.Option("--number", "-n", min=5, help="Architectures to train.")] = 40,
    seeds: Annotated[str, typer.Option("--seeds", metavar="A,B,…", help="Seeds of each, under either scheme.")] = "0,1",
    family: Annotated[str, typer.Option("--family", "-f", help="Space of the tables: mnasnet, or TOML.")] = "mnasnet",
    workers: WorkersOption = 1,
    cpus_each: CpusEachOption = 1,
    gpus_each: GpusEachOption = 0,
    address: AddressOption = None,
    device: DeviceOption = None,
    loaders: LoadersOption = 0,
    timeout: TimeoutOption = None,
    work_folder: WorkFolderOption = None,
    intensity: IntensityOption = None,
) -> None:
    """Compare a proxy with the reference, on architectures that had no part in its choice.

    With SETTINGS, uniformly drawn architectures are trained under both. Without, tables are read: as
    `accelnas-training export` writes them, or as Accel-NASBench publishes them, one file a seed.
    """
    from accelnas_training.networks import load_family
    from accelnas_training.proxy.tables import read_trained
    from accelnas_training.proxy.validation import validate as compare
    from accelnas_training.proxy.validation_report import write_validation

    if settings is None:
        if reference is None:
            raise typer.BadParameter("name SETTINGS to train, or tables with --reference to compare")
        networks = load_family(family)
        trained = [read_trained(pattern, networks.space) for pattern in (proxy, reference)]
        command = f"accelnas-training proxy validate --proxy '{proxy}' --reference '{reference}' --output {output}"
    else:
        if store is None or reference is not None:
            raise typer.BadParameter("with SETTINGS, give --store and no --reference, which they name")
        from accelnas_training import sampling
        from accelnas_training.proxy.settings import load_settings
        from accelnas_training.proxy.trainings import train_all
        from accelnas_training.schemes import load_scheme

        asked, scheme, numbers = load_settings(settings), load_scheme(proxy), read_seeds(seeds)
        place = _Place(workers, cpus_each, gpus_each, address, device, loaders, timeout, work_folder)
        with _trainer(asked, store, place) as (networks, evaluate):
            known = _models(asked, networks)
            unseen = sampling.uniform(networks.space, number, asked.seed, known)
            trained = train_all(evaluate, unseen, [scheme, asked.reference], numbers)
        command = (
            f"accelnas-training proxy validate {settings} --store {store} --proxy {proxy} --number {number} "
            f"--seeds {seeds} --workers {workers} --output {output}"
        )
    found = compare(*trained)
    path = write_validation(found, networks.space, output, command, intensity)
    typer.echo(
        f"τ of {len(found.proxy)} architectures: {found.tau:.3f} "
        f"({found.interval.low:.3f} to {found.interval.high:.3f}), {found.speedup:.1f} times faster; see {path}"
    )


@dataclass(frozen=True)
class _Place:
    """Where trainings are done, as the options say."""

    workers: int
    cpus_each: float
    gpus_each: float
    address: str | None
    device: str | None
    loaders: int
    timeout: str | None
    work_folder: Path | None


@contextmanager
def _trainer(asked: ProxySettings, store: Path, place: _Place) -> Iterator[tuple[NetworkFamily, Collected]]:
    """Give the networks, and what trains them through the store."""
    from accelnas_training.collect.job import Limits
    from accelnas_training.collect.store import Store
    from accelnas_training.collect.training_work import TrainingFolders, about, training_work
    from accelnas_training.images import open_images
    from accelnas_training.networks import load_family
    from accelnas_training.proxy.trainings import Collected

    images, family = open_images(asked.images), load_family(asked.family)
    folder = place.work_folder or store.with_name(f"{store.name}.work")
    folders = TrainingFolders(folder)
    device = place.device or ("cuda" if place.gpus_each else "cpu")
    resolution = asked.reference.resize.validation
    work = training_work(family, images, folder, device=device, workers=place.loaders, resolution=resolution)
    limits = Limits(timeout=None if place.timeout is None else read_seconds(place.timeout))
    with (
        Store.opened(store, family.space, about(family, images)) as kept,
        make_runner(place.workers, place.cpus_each, place.gpus_each, place.address) as runner,
    ):
        folders.remove_done(kept)
        yield family, Collected(kept, work, runner, limits, watched, folders.remove)


def _models(asked: ProxySettings, family: NetworkFamily) -> NDArray[np.uint8]:
    """Give the models that candidates are judged on."""
    from accelnas_training import sampling

    return sampling.grid(family, asked.models, asked.seed, asked.reference.resize.validation)


def _search(asked: ProxySettings, family: NetworkFamily, evaluate: Evaluate) -> SearchResult:
    from accelnas_training.proxy.search import search_proxy

    return search_proxy(asked, _models(asked, family), evaluate, _say)


def _say(verdict: Verdict) -> None:
    values = ", ".join(f"{key} {value}" for key, value in verdict.candidate.values.items())
    tried = f"{verdict.outcome} after {len(verdict.trained)} models"
    typer.echo(f"{values}: τ {verdict.tau:.3f} in {verdict.seconds:.3g} s, {tried}")


def _finish(result: SearchResult, family: NetworkFamily, output: Path, command: str, intensity: float | None) -> None:
    from accelnas_training.proxy.search_report import PROXY, write_search

    path = write_search(result, family.space, output, command, intensity)
    best = result.best
    if best is None:
        raise ProxyError(
            f"no candidate trains in {result.settings.longest:g} s on average and gives an order; see {path}, then "
            "allow longer or add cheaper choices"
        )
    typer.echo(
        f"p* has τ {best.tau:.3f} ({best.interval.low:.3f} to {best.interval.high:.3f}) and is {result.speedup:.1f} "
        f"times faster; its scheme is {output / PROXY}, the report {path}"
    )
