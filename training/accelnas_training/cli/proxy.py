"""``accelnas-training proxy``: find a cheap training scheme that ranks as an expensive one does, and validate it."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelnas_training import sampling
from accelnas_training.cli import options
from accelnas_training.collect.training_work import training_store
from accelnas_training.errors import ProxyError
from accelnas_training.images import open_images
from accelnas_training.networks import load_family
from accelnas_training.proxy.search import search_proxy
from accelnas_training.proxy.search_report import PROXY, write_search
from accelnas_training.proxy.settings import load_settings
from accelnas_training.proxy.trainings import Collected, train_all
from accelnas_training.proxy.validation import read_trained
from accelnas_training.proxy.validation import validate as compare
from accelnas_training.proxy.validation_report import write_validation
from accelnas_training.schemes import load_scheme

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelnas_training.arrays import Archs
    from accelnas_training.networks import NetworkFamily
    from accelnas_training.proxy.candidates import Verdict
    from accelnas_training.proxy.settings import ProxySettings

EPILOG = """Examples:

  accelnas-training proxy search proxy-search.toml --store digits.db --output found --workers 2

  accelnas-training proxy validate proxy-search.toml --store digits.db --proxy found/proxy.toml --output found

  accelnas-training proxy validate --proxy 'proxified-seed*.csv' --reference 'fewproxy-seed*.csv' --output fig3

An interrupted command goes on where it ended when it is run again: every training is in the store. A search that is
done trains nothing then, and writes its report anew.
"""

app = typer.Typer(no_args_is_help=True, epilog=EPILOG)


@app.command()
@options.flat
def search(
    settings: Annotated[Path, typer.Argument(metavar="SETTINGS", help="Settings of the search: TOML.")],
    store: Annotated[Path, typer.Option("--store", help="File for the trainings: made, or gone on with.")],
    output: options.FolderOption,
    workers: options.Workers,
    intensity: options.IntensityOption = None,
) -> None:
    """Find the scheme that ranks models most like the reference, among those that are fast enough.

    Trains models on an even grid of MACs × parameters under the reference, then under each candidate.
    """
    asked = load_settings(settings)
    with _trainer(asked, store, workers) as (family, evaluate):
        result = search_proxy(asked, _models(asked, family), evaluate, _say)
    command = options.command_text("proxy", "search", settings, store=store, output=output, workers=workers.workers)
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


@app.command()
@options.flat
def validate(
    proxy: Annotated[str, typer.Option("--proxy", help="The scheme's TOML file; or tables of its trainings.")],
    output: options.FolderOption,
    workers: options.Workers,
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
    number: options.NumberOption = 40,
    seeds: options.SeedsOption = "0,1",
    family: options.FamilyOption = "mnasnet",
    intensity: options.IntensityOption = None,
) -> None:
    """Compare a proxy with the reference, on architectures that had no part in its choice.

    With SETTINGS, uniformly drawn architectures are trained under both. Without, tables are read: as
    `accelnas-training export` writes them, or as Accel-NASBench publishes them, one file a seed.
    """
    if settings is None:
        if reference is None:
            raise typer.BadParameter("name SETTINGS to train, or tables with --reference to compare")
        networks = load_family(family)
        trained = [read_trained(pattern, networks.space) for pattern in (proxy, reference)]
        command = options.command_text("proxy", "validate", proxy=proxy, reference=reference, output=output)
    else:
        if store is None or reference is not None:
            raise typer.BadParameter("with SETTINGS, give --store and no --reference, which they name")
        asked, scheme, numbers = load_settings(settings), load_scheme(proxy), options.read_integers(seeds)
        with _trainer(asked, store, workers) as (networks, evaluate):
            unseen = sampling.uniform(networks.space, number, asked.seed, _models(asked, networks))
            trained = train_all(evaluate, unseen, [scheme, asked.reference], numbers)
        given = {"store": store, "proxy": proxy, "number": number, "seeds": seeds, "workers": workers.workers}
        command = options.command_text("proxy", "validate", settings, **given, output=output)
    found = compare(*trained)
    path = write_validation(found, networks.space, output, command, intensity)
    typer.echo(
        f"τ of {len(found.proxy)} architectures: {found.tau:.3f} "
        f"({found.interval.low:.3f} to {found.interval.high:.3f}), {found.speedup:.1f} times faster; see {path}"
    )


@contextmanager
def _trainer(asked: ProxySettings, store: Path, workers: options.Workers) -> Iterator[tuple[NetworkFamily, Collected]]:
    """Give the networks, and what trains them through the store."""
    images, family = open_images(asked.images), load_family(asked.family)
    resolution = asked.reference.resize.validation
    folder, limits = workers.folder(store), workers.limits
    opened = training_store(store, family, images, folder, workers.place, workers.loaders, resolution)
    with opened as (kept, work, recorded), workers.runner() as runner:
        yield family, Collected(kept, work, runner, limits, options.watched, recorded)


def _models(asked: ProxySettings, family: NetworkFamily) -> Archs:
    """Give the models that candidates are judged on."""
    return sampling.grid(family, asked.models, asked.seed, asked.reference.resize.validation)


def _say(verdict: Verdict) -> None:
    values = ", ".join(f"{key} {value}" for key, value in verdict.candidate.values.items())
    tried = f"{verdict.outcome} after {len(verdict.trained)} models"
    typer.echo(f"{values}: τ {verdict.tau:.3f} in {verdict.seconds:.3g} s, {tried}")
