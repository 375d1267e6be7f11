"""``accelnas-training oneshot``: one network whose weights all networks of a family share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from accelnas.cli.shared import progress
from accelnas_training.cli import options
from accelnas_training.images import open_images
from accelnas_training.networks import load_family
from accelnas_training.oneshot.evaluation import Evaluator, evaluate_architectures, write_accuracies
from accelnas_training.oneshot.scheme import load_oneshot_scheme
from accelnas_training.oneshot.training import train_elastic

if TYPE_CHECKING:
    import polars as pl

    from accelnas_training.arrays import Archs
    from accelnas_training.images import Images
    from accelnas_training.networks import NetworkFamily
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
