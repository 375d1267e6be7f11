"""``accelnas-training oneshot``: one network whose weights all networks of a family share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from accelnas.cli.shared import progress
from accelnas_training.cli import options
from accelnas_training.cli.oneshot_search import search
from accelnas_training.cli.shared_weights import BatchesOption, SeedsOption, Shared
from accelnas_training.collect.training_work import training_store
from accelnas_training.oneshot.comparison import SharedValues, rankings, write_comparison, zero_cost
from accelnas_training.oneshot.evaluation import Evaluator, evaluate_architectures, write_accuracies
from accelnas_training.proxy.trainings import Collected, train_all
from accelnas_training.schemes import load_scheme
from accelnas_training.train.checkpoint import write_weights
from accelnas_training.zero_cost.proxies import Scoring

if TYPE_CHECKING:
    import polars as pl

    from accelnas_training.arrays import Archs
    from accelnas_training.oneshot.comparison import Ranking

EPILOG = """Examples:

  accelnas-training oneshot train shared --family family.toml --images digits:0.3 --scheme oneshot.toml

  accelnas-training oneshot evaluate shared --number 1000 --family family.toml --images digits:0.3
  --scheme oneshot.toml --output shared.parquet

The same command goes on from the last epoch; `evaluate` trains first what is not trained to its end.
"""

app = typer.Typer(no_args_is_help=True, epilog=EPILOG)


@app.command()
@options.flat
def train(shared: Shared) -> None:
    """Train the weights that all networks of a family share, by sandwiches of networks."""
    _, result = shared.trained(*shared.read())
    typer.echo(
        f"{result.epochs} epochs in {result.seconds:.4g} s; top-1 of the largest network {result.top1:.3f} %, "
        f"loss {result.loss:.4f}"
    )


@app.command()
@options.flat
def evaluate(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Table to write: .parquet or .csv.")],
    shared: Shared,
    architectures: Annotated[
        list[str] | None, typer.Argument(metavar="[ARCHITECTURE…]", help="As `accelnas sample` prints.")
    ] = None,
    number: Annotated[
        int | None, typer.Option("--number", "-n", min=1, help="Draw so many instead.", show_default=False)
    ] = None,
    listed: options.ListOption = None,
    drawing: Annotated[int, typer.Option("--sample-seed", min=0, help="Seed of their drawing.")] = 0,
    batches: BatchesOption = 8,
) -> None:
    """Evaluate architectures with the shared weights, and write their accuracies, as `accelnas fit` reads them."""
    family, images, scheme = shared.read()
    if sum(each is not None for each in (architectures or None, number, listed)) != 1:
        raise typer.BadParameter("name architectures, or give --number, or --architectures; one of the three")
    if listed is not None:
        rows: Archs = options.read_architectures(listed, family.space)
    elif number is not None:
        rows = family.space.sample(number, seed=drawing, unique=True)
    else:
        rows = np.stack([options.read_architecture(text, family.space) for text in architectures or ()])
    elastic, _ = shared.trained(family, images, scheme)
    evaluator = Evaluator.of(images, scheme, batches, shared.seed, shared.device)
    with progress("evaluating", len(rows), "architectures") as bar:
        table = evaluate_architectures(elastic, evaluator, rows, bar)
    write_accuracies(table, output, {**shared.about, "batches": batches})
    typer.echo(_said(table, output))


def _said(table: pl.DataFrame, output: Path) -> str:
    values, seconds = table["accuracy"].to_numpy(), table["seconds"].to_numpy()
    return (
        f"{table.height} architectures, {values.mean():.2f} % on average, {values.max():.2f} % at most, "
        f"{seconds.mean():.3g} s each; in {output}"
    )


@app.command()
@options.flat
def extract(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Weights to write, as safetensors.")],
    architecture: options.ArchitectureArgument,
    shared: Shared,
    batches: BatchesOption = 8,
) -> None:
    """Write the weights of one architecture, as `accelnas-training train --start` takes them."""
    family, images, scheme = shared.read()
    row = options.read_architecture(architecture, family.space)
    elastic, _ = shared.trained(family, images, scheme)
    evaluator = Evaluator.of(images, scheme, batches, shared.seed, shared.device)
    network = evaluator.counted(elastic.extracted(row))
    name = family.space.format(row[None])[0]
    write_weights(output, network, {"family": elastic.family.digest, "architecture": name, "scheme": scheme.digest})
    typer.echo(f"{name}: {sum(each.numel() for each in network.parameters()):,} parameters; in {output}")


@app.command()
@options.flat
def compare(
    reference: Annotated[str, typer.Option("--reference", help="Scheme that networks should be ranked by.")],
    proxy: Annotated[str, typer.Option("--proxy", help="A cheaper one, to compare with.")],
    store: Annotated[Path, typer.Option("--store", help="File for these trainings: made, or gone on with.")],
    output: options.FolderOption,
    shared: Shared,
    number: options.NumberOption = 40,
    drawing: Annotated[int, typer.Option("--sample-seed", min=0, help="Seed of their drawing.")] = 0,
    reference_seeds: Annotated[
        str, typer.Option("--reference-seeds", metavar="A,B,…", help="Seeds of trainings by the reference.")
    ] = "0,1",
    seeds: SeedsOption = None,
    batches: BatchesOption = 8,
) -> None:
    """Report how shared weights, a cheap scheme and zero-cost scores rank networks as a reference does, and their cost.

    Trainings are kept in the store: the same command goes on where the last one ended.
    """
    family, images, scheme = shared.read()
    expensive, cheap = load_scheme(reference), load_scheme(proxy)
    resolution = expensive.resize.validation
    rows = family.space.sample(number, seed=drawing, unique=True)
    folder = store.with_name(f"{store.name}.work")
    opened = training_store(store, family, images, folder, shared.device, shared.workers, resolution)
    with opened as (kept, work, recorded), options.make_runner(0) as runner:
        evaluated = Collected(kept, work, runner, watch=options.watched, recorded=recorded)
        (slow,) = train_all(evaluated, rows, [expensive], options.read_integers(reference_seeds, "--reference-seeds"))
        (fast,) = train_all(evaluated, rows, [cheap], [0])
    each = []
    for one in shared.each(seeds):
        elastic, result = one.trained(family, images, scheme)
        evaluator = Evaluator.of(images, scheme, batches, one.seed, one.device)
        with progress("evaluating", number, "architectures") as bar:
            table = evaluate_architectures(elastic, evaluator, rows, bar)
        accuracy, loss, spent = (table[name].to_numpy() for name in ("accuracy", "loss", "seconds"))
        each.append(SharedValues(one.seed, result.top1, result.seconds, float(spent.mean()), accuracy, loss))
    scoring = Scoring(resolution=resolution, batch_size=scheme.batch_size)
    with progress("scoring", number, "architectures") as bar:
        scores = zero_cost(family, images, rows, scoring, shared.seed, bar)
    found = rankings(slow, fast, each, scores)
    given = {"store": store, "reference": reference, "proxy": proxy, "number": number, "sample_seed": drawing}
    given |= {"reference_seeds": reference_seeds, "shared_seeds": seeds, "batches": batches}
    command = options.command_text("oneshot", "compare", shared.folder, **shared.about, **given, output=output)
    about = f"The proxy trains with 1 seed. Shared weights: {scheme.epochs} epochs, statistics of {batches} batches."
    path = write_comparison(output, family.space, command, slow, each, found, about)
    header = ("method", "τ with the reference", "95 % interval", "seconds")
    shown = [
        (one.method, f"{one.tau:.3f}", f"{one.interval.low:.3f} – {one.interval.high:.3f}", _cost(one)) for one in found
    ]
    options.print_table(header, shown, header[1:2])
    typer.echo(f"report in {path}")


def _cost(one: Ranking) -> str:
    return f"{one.fixed:.3g} + {one.each:.2g} each" if one.fixed else f"{one.each:.2g} each"


app.command()(search)
