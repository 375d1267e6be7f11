"""``accelnas-training oneshot``: one network whose weights all networks of a family share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from accelnas.cli.shared import BenchmarkOption, DeriveOption, load_benchmark, optional, progress
from accelnas_training.cli import options
from accelnas_training.collect.training_work import training_store
from accelnas_training.images import open_images
from accelnas_training.networks import load_family
from accelnas_training.oneshot.comparison import rankings, write_comparison, zero_cost
from accelnas_training.oneshot.differentiable import Differentiable
from accelnas_training.oneshot.evaluation import Evaluator, evaluate_architectures, write_accuracies
from accelnas_training.oneshot.scheme import load_oneshot_scheme
from accelnas_training.oneshot.soft import SharedLoss, SoftNetwork
from accelnas_training.oneshot.table_search import Sought, search_tables
from accelnas_training.oneshot.training import train_elastic
from accelnas_training.proxy.trainings import Collected, train_all
from accelnas_training.schemes import load_scheme
from accelnas_training.zero_cost.proxies import Scoring

if TYPE_CHECKING:
    import polars as pl

    from accelnas_training.arrays import Archs
    from accelnas_training.images import Images
    from accelnas_training.networks import NetworkFamily
    from accelnas_training.oneshot.comparison import Ranking
    from accelnas_training.oneshot.elastic import ElasticNetwork
    from accelnas_training.oneshot.scheme import OneShotScheme
    from accelnas_training.train import TrainingResult

EPILOG = """Examples:

  accelnas-training oneshot train shared --family family.toml --images digits:0.3 --scheme oneshot.toml

  accelnas-training oneshot evaluate shared --number 1000 --family family.toml --images digits:0.3
  --scheme oneshot.toml --output shared.parquet

The same command goes on from the last epoch; `evaluate` trains first what is not trained to its end.
"""

app = typer.Typer(no_args_is_help=True, epilog=EPILOG)


@dataclass(frozen=True)
class _Shared:
    """The shared weights: options of all commands."""

    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Of the training: made, or gone on with.")]
    images: options.ImagesOption
    scheme: Annotated[str, typer.Option("--scheme", "-s", help="TOML file: a scheme with a table `sandwich`.")]
    family: options.FamilyOption = "mnasnet"
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of weights, order, augmentation and drawing.")] = 0
    device: options.WhereOption = "cpu"
    workers: Annotated[int, typer.Option("--workers", min=0, help="Processes that load images.")] = 0

    def read(self) -> tuple[NetworkFamily, Images, OneShotScheme]:
        """Give the networks, the images and the scheme."""
        return load_family(self.family), open_images(self.images), load_oneshot_scheme(self.scheme)

    def trained(
        self, family: NetworkFamily, images: Images, scheme: OneShotScheme
    ) -> tuple[ElasticNetwork, TrainingResult]:
        """Train to the end what the folder has not."""
        with progress("training", scheme.epochs, "epochs") as bar:
            return train_elastic(
                family,
                images,
                scheme,
                seed=self.seed,
                device=self.device,
                folder=self.folder,
                workers=self.workers,
                validate_every=scheme.epochs,
                report=lambda row: bar(row.epoch + 1),
            )

    @property
    def about(self) -> dict[str, str | int]:
        """What was asked for, for files beside results."""
        return {"family": self.family, "images": self.images, "scheme": self.scheme, "seed": self.seed}


BatchesOption = Annotated[
    int, typer.Option("--batches", min=1, help="Training batches from which batch normalisation counts.")
]


@app.command()
@options.flat
def train(shared: _Shared) -> None:
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
    shared: _Shared,
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
def compare(
    reference: Annotated[str, typer.Option("--reference", help="Scheme that networks should be ranked by.")],
    proxy: Annotated[str, typer.Option("--proxy", help="A cheaper one, to compare with.")],
    store: Annotated[Path, typer.Option("--store", help="File for these trainings: made, or gone on with.")],
    output: options.FolderOption,
    shared: _Shared,
    number: options.NumberOption = 40,
    drawing: Annotated[int, typer.Option("--sample-seed", min=0, help="Seed of their drawing.")] = 0,
    reference_seeds: Annotated[
        str, typer.Option("--reference-seeds", metavar="A,B,…", help="Seeds of trainings by the reference.")
    ] = "0,1",
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
    elastic, result = shared.trained(family, images, scheme)
    evaluator = Evaluator.of(images, scheme, batches, shared.seed, shared.device)
    with progress("evaluating", number, "architectures") as bar:
        table = evaluate_architectures(elastic, evaluator, rows, bar)
    scoring = Scoring(resolution=resolution, batch_size=scheme.batch_size)
    with progress("scoring", number, "architectures") as bar:
        scores = zero_cost(family, images, rows, scoring, shared.seed, bar)
    values = table["accuracy"].to_numpy()
    found = rankings(slow, fast, (values, result.seconds, float(np.mean(table["seconds"].to_numpy()))), scores)
    given = {"store": store, "reference": reference, "proxy": proxy, "number": number, "sample_seed": drawing}
    given |= {"reference_seeds": reference_seeds, "batches": batches, "output": output}
    command = options.command_text("oneshot", "compare", shared.folder, **shared.about, **given)
    about = (
        f"The proxy trains with 1 seed. Shared weights: {result.epochs} epochs, statistics of {batches} batches; the "
        f"largest network has {result.top1:.2f} %."
    )
    path = write_comparison(output, family.space, command, slow, found, about)
    header = ("method", "τ with the reference", "95 % interval", "seconds")
    shown = [
        (one.method, f"{one.tau:.3f}", f"{one.interval.low:.3f} – {one.interval.high:.3f}", _cost(one)) for one in found
    ]
    options.print_table(header, shown, header[1:2])
    typer.echo(f"report in {path}")


def _cost(one: Ranking) -> str:
    return f"{one.fixed:.3g} + {one.each:.2g} each" if one.fixed else f"{one.each:.2g} each"


@app.command()
def search(
    method: Annotated[str, typer.Option("--method", help="fbnet or proxylessnas.")] = "fbnet",
    objective: Annotated[str, typer.Option("--objective", help="Metric to be good.")] = "accuracy",
    metric: Annotated[str, typer.Option("--metric", "-m", help="Metric that is paid.")] = "latency_zcu102",
    budget: Annotated[float | None, optional("--budget", text="Most of that metric.")] = None,
    weight: Annotated[float, typer.Option("--weight", min=0, help="Or what a unit of it takes off.")] = 0.0,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Updates of a run.")] = 200,
    learning_rate: Annotated[float, typer.Option("--learning-rate", help="Of Adam.")] = 0.1,
    runs: Annotated[int, typer.Option("--runs", "-r", min=1, help="Number of runs.")] = 5,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the first run; the next has the next.")] = 0,
    weights: Annotated[
        Path | None, optional("--shared", metavar="FOLDER", text="Follow the loss of these shared weights instead.")
    ] = None,
    images: Annotated[str, typer.Option("--images", "-i", help="Of the shared weights.")] = "digits",
    scheme: Annotated[Path | None, optional("--scheme", "-s", metavar="TOML", text="Of the shared weights.")] = None,
    family: options.FamilyOption = "mnasnet",
    derive: DeriveOption = None,
    benchmark: BenchmarkOption = None,
) -> None:
    """Search by gradients of a benchmark's tables, or of shared weights, under independent choices.

    The regret is that of the benchmark's proven optimum; beside it, random search and evolution (100 runs each) have
    as many evaluations as a run has steps. With --shared, objective and regret are as the benchmark predicts them.
    """
    bench = load_benchmark(benchmark, derive)
    how = Differentiable(method=method, steps=steps, learning_rate=learning_rate)
    sought = Sought(objective, metric, weight, budget)
    loss = None
    if weights is not None:
        if scheme is None:
            raise typer.BadParameter("with --shared, give the --scheme of these weights")
        shared = _Shared(weights, images, str(scheme), family)
        networks, source, recipe = shared.read()
        soft = SoftNetwork(shared.trained(networks, source, recipe)[0])
        loss = partial(SharedLoss.of, soft, source, recipe)
    with progress("searching", steps * (1 if loss is None else runs), "steps") as bar:
        found = search_tables(bench, sought, how, runs, seed, bar, loss)
    best = int(np.nanargmin(found.regrets[method])) if not np.isnan(found.regrets[method]).all() else 0
    text = bench.space.format(found.architectures[best : best + 1])[0]
    typer.echo(f"best of {runs}: {text}, {objective} {found.values[best]:.5g}, {metric} {found.costs[best]:.5g}")
    rows = [
        (name, f"{np.nanmean(each):.4g}", f"{np.nanmax(each):.4g}", str(int(np.isnan(each).sum())))
        for name, each in found.regrets.items()
    ]
    header = (f"after {steps:,} evaluations", "regret, mean", "worst", "found nothing")
    options.print_table(header, rows, header[1:])
    typer.echo(f"the proven optimum is {found.optimum:.6g}")
