"""``accelnas-training zero-cost``: score networks that were not trained, and say what the scores are worth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import polars as pl
import typer

from accelnas.cli.data import listed
from accelnas.cli.shared import progress
from accelnas.errors import DataError
from accelnas.fitting.dataset import read_dataset
from accelnas.fitting.lookalikes import check_table
from accelnas_training.cli import options
from accelnas_training.images import open_images
from accelnas_training.networks import load_family
from accelnas_training.zero_cost.evaluation import Question, evaluate_proxies
from accelnas_training.zero_cost.proxies import PROXIES, Scoring, score_architecture
from accelnas_training.zero_cost.ranks import agreements

if TYPE_CHECKING:
    from accelnas_training.images import Images
    from accelnas_training.networks import NetworkFamily
    from accelnas_training.ranks import Interval

EPILOG = """Examples:

  accelnas-training zero-cost score $(accelnas sample -n 2 | tail -n 2) --resolution 32 --seeds 0,1,2

  accelnas-training zero-cost evaluate measured.parquet --number 300 --seed 0 --resolution 64 --batch 16 -o scores

  accelnas-training zero-cost compare scores/scores.parquet larger/scores.parquet
"""

app = typer.Typer(no_args_is_help=True, epilog=EPILOG)


@dataclass(frozen=True)
class _How:
    """How networks are scored: options of `score` and `evaluate`."""

    family: options.FamilyOption = "mnasnet"
    images: Annotated[
        str | None,
        typer.Option(
            "--images",
            "-i",
            help="Images: digits, folder:PATH, cache:PATH, …",
            show_default="Gaussian noise, random labels",
        ),
    ] = None
    resolution: Annotated[int, typer.Option("--resolution", help="Width and height of the images, pixels.")] = 64
    batch: Annotated[int, typer.Option("--batch", help="Number of images.")] = 16
    seeds: options.SeedsOption = "0"
    proxies: Annotated[str | None, typer.Option("--proxies", metavar="A,B,…", help="Proxies.", show_default="all")] = (
        None
    )
    device: options.WhereOption = "cpu"

    def read(self) -> tuple[list[int], Scoring, NetworkFamily, Images | None]:
        """Give seeds, what is computed, the networks, and the images, if there are any."""
        scoring = Scoring(tuple(listed(self.proxies) or PROXIES), self.resolution, self.batch)
        images = None if self.images is None else open_images(self.images)
        return options.read_integers(self.seeds), scoring, load_family(self.family), images


@app.command()
@options.flat
def score(
    architectures: Annotated[list[str], typer.Argument(metavar="ARCHITECTURE…", help="As `accelnas sample` prints.")],
    how: _How,
) -> None:
    """Score architectures: mean, and standard deviation over seeds."""
    numbers, scoring, networks, images = how.read()
    rows = [options.read_architecture(text, networks.space) for text in architectures]
    numeric = ("score", "± (seeds)", "seconds")
    for text, arch in zip(architectures, rows, strict=True):
        runs = [
            score_architecture(networks, arch, scoring, seed=seed, images=images, device=how.device) for seed in numbers
        ]
        table = []
        for name in scoring.proxies:
            values = [run[name].value for run in runs]
            spread = f"{np.std(values, ddof=1):.2g}" if len(values) > 1 else "–"
            seconds = np.mean([run[name].seconds for run in runs])
            table.append((name, f"{np.mean(values):.6g}", spread, f"{seconds:.2g}"))
        typer.echo(text)
        options.print_table(("proxy", *numeric), table, numeric)


@app.command()
@options.flat
def evaluate(
    data: options.DataArgument,
    output: options.FolderOption,
    how: _How,
    metric: Annotated[str, typer.Option("--metric", "-m", help="Metric to compare with.")] = "accuracy",
    number: options.NumberOption = 300,
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="Seed of their drawing.")] = 0,
    workers: Annotated[
        int, typer.Option("--workers", "-w", min=0, help="Ray workers of one core each; 0: this process.")
    ] = 0,
) -> None:
    """Score measured architectures; report how proxies rank them, and what they add to a surrogate of few of them.

    The same command goes on where the last one ended: scores are kept in FOLDER/scores.db.
    """
    numbers, scoring, networks, images = how.read()
    question = Question(read_dataset(data, networks.space), metric, number, seed)
    with (
        options.make_runner(workers, gpus=float(how.device.startswith("cuda"))) as runner,
        progress("scoring", number * len(numbers), "scores") as show,
    ):
        found = evaluate_proxies(
            output,
            question,
            networks,
            scoring,
            runner,
            seeds=numbers,
            images=images,
            device=how.device,
            report=lambda now: show(now.done + now.quarantined),
        )
    _print_taus("τ with " + metric, [(rank.proxy, rank.tau, rank.interval) for rank in found.ranks])
    typer.echo(f"report in {found.report}")
    options.tell_failed(found.failed, output / "scores.db")


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(help="scores.parquet of an evaluation.")],
    second: Annotated[Path, typer.Argument(help="That of another, with other seeds, resolution, batch or images.")],
    family: options.FamilyOption = "mnasnet",
) -> None:
    """Say how alike two runs rank the architectures that both scored: Kendall's tau of each proxy."""
    variables = [variable.name for variable in load_family(family).space.variables]
    _print_taus("τ between runs", agreements(_table(first), _table(second), variables))


def _print_taus(title: str, rows: list[tuple[str, float, Interval]]) -> None:
    shown = [(proxy, f"{tau:.3f}", f"{low:.3f} – {high:.3f}") for proxy, tau, (low, high) in rows]
    options.print_table(("proxy", title, "95 % interval"), shown, (title,))


def _table(path: Path) -> pl.DataFrame:
    try:
        check_table(path)
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path} is not a readable Parquet table: {error}; give scores.parquet") from error
