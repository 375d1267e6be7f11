"""``accelnas-training zero-cost``: score networks that were not trained, and say what the scores are worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelnas.cli.shared import ErrorGroup, console, progress
from accelnas_training.cli.architectures import read_architecture

if TYPE_CHECKING:
    import polars as pl

    from accelnas_training.collect.collector import Progress
    from accelnas_training.images import Images
    from accelnas_training.ranks import Interval
    from accelnas_training.zero_cost.scoring import Scoring

EPILOG = """Examples:

  accelnas-training zero-cost score $(accelnas sample -n 2 | tail -n 2) --resolution 32 --seeds 0,1,2

  accelnas-training zero-cost evaluate measured.parquet --number 300 --seed 0 --resolution 64 --batch 16 -o scores

  accelnas-training zero-cost compare scores/scores.parquet larger/scores.parquet
"""

FamilyOption = Annotated[str, typer.Option("--family", "-f", help="Networks: mnasnet, or a TOML file.")]
ImagesOption = Annotated[
    str | None,
    typer.Option(
        "--images",
        "-i",
        help="Images: digits, folder:PATH, cache:PATH, …",
        show_default="Gaussian noise, random labels",
    ),
]
ResolutionOption = Annotated[int, typer.Option("--resolution", help="Width and height of the images, pixels.")]
BatchOption = Annotated[int, typer.Option("--batch", help="Number of images.")]
SeedsOption = Annotated[str, typer.Option("--seeds", metavar="A,B,…", help="Seeds of weights and batches.")]
ProxiesOption = Annotated[str | None, typer.Option("--proxies", metavar="A,B,…", help="Proxies.", show_default="all")]
DeviceOption = Annotated[str, typer.Option("--device", help="Where to compute: cpu, cuda, cuda:1, …")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(cls=ErrorGroup, no_args_is_help=True, rich_markup_mode="rich", epilog=EPILOG)
    for command in (score, evaluate, compare):
        group.command(command.__name__)(command)
    app.add_typer(group, name="zero-cost", help="Score networks that were not trained, and judge the scores.")


def score(
    architectures: Annotated[list[str], typer.Argument(metavar="ARCHITECTURE…", help="As `accelnas sample` prints.")],
    family: FamilyOption = "mnasnet",
    images: ImagesOption = None,
    resolution: ResolutionOption = 64,
    batch: BatchOption = 16,
    seeds: SeedsOption = "0",
    proxies: ProxiesOption = None,
    device: DeviceOption = "cpu",
) -> None:
    """Score architectures: mean, and standard deviation over seeds."""
    import numpy as np

    from accelnas.cli.info import new_table
    from accelnas_training.networks import load_family
    from accelnas_training.zero_cost.scoring import score_architecture

    numbers, scoring = _seeds(seeds), _scoring(proxies, resolution, batch)
    networks, opened = load_family(family), _images(images)
    rows = [read_architecture(text, networks.space) for text in architectures]
    for text, arch in zip(architectures, rows, strict=True):
        runs = [
            score_architecture(networks, arch, scoring, seed=seed, images=opened, device=device) for seed in numbers
        ]
        table = new_table("proxy", "score", "± (seeds)", "seconds", numbers=("score", "± (seeds)", "seconds"))
        for name in scoring.proxies:
            values = [run[name].value for run in runs]
            spread = f"{np.std(values, ddof=1):.2g}" if len(values) > 1 else "–"
            seconds = np.mean([run[name].seconds for run in runs])
            table.add_row(name, f"{np.mean(values):.6g}", spread, f"{seconds:.2g}")
        typer.echo(text)
        console().print(table)


def evaluate(
    data: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="The Accel-NASBench archive, or a .parquet or .csv table of measurements."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="For scores and report.")],
    metric: Annotated[str, typer.Option("--metric", "-m", help="Metric to compare with.")] = "accuracy",
    number: Annotated[int, typer.Option("--number", "-n", min=3, help="Number of architectures.")] = 300,
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="Seed of their drawing.")] = 0,
    family: FamilyOption = "mnasnet",
    images: ImagesOption = None,
    resolution: ResolutionOption = 64,
    batch: BatchOption = 16,
    seeds: SeedsOption = "0",
    proxies: ProxiesOption = None,
    device: DeviceOption = "cpu",
    workers: Annotated[
        int, typer.Option("--workers", "-w", min=0, help="Ray workers of one core each; 0: this process.")
    ] = 0,
) -> None:
    """Score measured architectures; report how proxies rank them, and what they add to a surrogate of few of them.

    The same command goes on where the last one ended: scores are kept in FOLDER/scores.db.
    """
    from accelnas.build.dataset import read_dataset
    from accelnas_training.collect.ray_runner import RayRunner
    from accelnas_training.collect.work import InlineRunner
    from accelnas_training.networks import load_family
    from accelnas_training.zero_cost.evaluation import Question, evaluate_proxies

    numbers, scoring = _seeds(seeds), _scoring(proxies, resolution, batch)
    networks, opened = load_family(family), _images(images)
    question = Question(read_dataset(data, networks.space), metric, number, seed)
    with (
        RayRunner(workers, gpus_each=float(device.startswith("cuda"))) if workers else InlineRunner() as runner,
        progress("scoring", number * len(numbers), "scores") as show,
    ):

        def report(now: Progress) -> None:
            show(now.done + now.quarantined)

        found = evaluate_proxies(
            output, question, networks, scoring, runner, seeds=numbers, images=opened, device=device, report=report
        )
    _print_taus("τ with " + metric, [(rank.proxy, rank.tau, rank.interval) for rank in found.ranks])
    typer.echo(f"report in {found.report}")
    if found.failed:
        typer.echo(f"{found.failed} failed; `accelnas-training store status {output}/scores.db` says why", err=True)


def compare(
    first: Annotated[Path, typer.Argument(help="scores.parquet of an evaluation.")],
    second: Annotated[Path, typer.Argument(help="That of another, with other seeds, resolution, batch or images.")],
    family: FamilyOption = "mnasnet",
) -> None:
    """Say how alike two runs rank the architectures that both scored: Kendall's tau of each proxy."""
    from accelnas_training.networks import load_family
    from accelnas_training.zero_cost.ranks import agreements

    variables = [variable.name for variable in load_family(family).space.variables]
    found = agreements(_table(first), _table(second), variables)
    _print_taus("τ between runs", [(one.proxy, one.tau, one.interval) for one in found])


def _print_taus(title: str, rows: list[tuple[str, float, Interval]]) -> None:
    from accelnas.cli.info import new_table

    table = new_table("proxy", title, "95 % interval", numbers=(title,))
    for proxy, tau, (low, high) in rows:
        table.add_row(proxy, f"{tau:.3f}", f"{low:.3f} – {high:.3f}")
    console().print(table)


def _scoring(proxies: str | None, resolution: int, batch: int) -> Scoring:
    from accelnas_training.zero_cost.proxies import PROXIES
    from accelnas_training.zero_cost.scoring import Scoring

    names = tuple(PROXIES) if proxies is None else tuple(name.strip() for name in proxies.split(","))
    return Scoring(names, resolution, batch)


def _images(source: str | None) -> Images | None:
    from accelnas_training.images import open_images

    return None if source is None else open_images(source)


def _seeds(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{text!r} are no seeds; write 0 or 0,1,2") from None


def _table(path: Path) -> pl.DataFrame:
    import polars as pl

    from accelnas.errors import DataError
    from accelnas.lookalikes import check_table

    try:
        check_table(path)
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path} is not a readable Parquet table: {error}; give scores.parquet") from error
