"""``accelnas report``: one HTML file to look at, without a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelnas.cli.commands import command
from accelnas.cli.shared import Computed, console, load_benchmark, progress
from accelnas.errors import AccelnasError, FileError
from accelnas.files import replacing

if TYPE_CHECKING:
    from accelnas import Benchmark

_EXPECTED = (
    "give a certificate (--certificate of a question), a folder of runs (accelnas simulate --folder), or what accelnas "
    "evaluate -o wrote"
)


@command(
    "accelnas report -o explorer.html",
    "accelnas report front.json -o front.html",
    "accelnas simulate random_search,local_search,reinforce accuracy --folder runs && "
    "accelnas report runs -o runs.html",
    "accelnas report evaluation -o evaluation.html",
    "accelnas report -b nasbench201 --primary cifar100 -o explorer.html",
    "accelnas report --metrics accuracy,latency_zcu102 --named 'EfficientNet-B0=ARCHITECTURE' -o explorer.html",
)
def report(
    shown: Annotated[
        Path | None,
        typer.Argument(
            metavar="CERTIFICATE|RUNS|EVALUATION",
            help="What a question found (--certificate), or the folder of accelnas simulate or evaluate.",
            show_default="an explorer",
        ),
    ] = None,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The page to write.")],
    metrics: Annotated[
        str | None, typer.Option("--metrics", "-m", metavar="METRIC,…", help="Metrics of the page.", show_default="all")
    ] = None,
    primary: Annotated[
        str | None,
        typer.Option(
            "--primary",
            metavar="METRIC",
            help="The metric that fronts have besides each other one.",
            show_default="accuracy, or the first",
        ),
    ] = None,
    named: Annotated[
        list[str] | None,
        typer.Option(
            "--named", "-n", metavar="NAME=ARCHITECTURE", help="An architecture to mark on fronts. May be repeated."
        ),
    ] = None,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact", help="Count all architectures of distributions that no certificate holds: minutes a metric."
        ),
    ] = False,
    opened: Computed,
) -> None:
    """Write a page that needs no network: an explorer of a benchmark, or what was found.

    An explorer predicts any architecture. It holds the metrics' tables and this package's core, exact fronts,
    distributions of the space and importances. Pages of runs compare algorithms after any number of evaluations; they
    open the benchmark of the runs unless --benchmark names where it is now. Pages of an evaluation compare settings.
    """
    page = _explorer(opened, metrics, primary, named or [], exact) if shown is None else _page(shown, opened)
    with replacing(output) as temporary:
        temporary.write_text(page, encoding="utf-8")
    console().print(f"{output}: {output.stat().st_size / 1e6:.1f} MB")


def _page(path: Path, opened: Computed) -> str:
    """Write the page of what is at a path, whatever it is."""
    if path.is_dir():
        if (path / "results.parquet").is_file():
            return _evaluation(path)
        if any(path.glob("*.parquet")):
            return _runs(path, opened)
        held = sorted(entry.name for entry in path.iterdir())
        few = f"{', '.join(held[:3])}{', …' if len(held) > 3 else ''}" if held else "nothing"
        raise FileError(f"{path} is a folder that holds {few}; {_EXPECTED}")
    if not path.exists():
        raise FileError(f"{path} does not exist; {_EXPECTED}")
    if path.suffix == ".parquet":
        return _evaluation(path)
    from accelnas import Certificate
    from accelnas.pages.proof import proof

    try:
        return proof(Certificate.load(path))
    except AccelnasError as error:
        raise type(error)(f"{error}. Of {path} no page can be made; {_EXPECTED}") from error


def _runs(folder: Path, opened: Computed) -> str:
    from accelnas.pages.searches import searches
    from accelnas.search.runs import read_runs

    def benchmark(recorded: Path) -> Benchmark:
        return opened.bench if opened.benchmark is not None else load_benchmark(recorded, opened.derive)

    return searches(read_runs(folder, benchmark), threads=opened.threads)


def _evaluation(path: Path) -> str:
    from accelnas.fitting.evaluation.results import averaged, read_evaluation
    from accelnas.pages.evaluations import evaluations

    results, predictions = read_evaluation(path)
    pairs = [
        {"metric": metric, "settings": settings, **own.select("measured", "predicted").to_dict(as_series=False)}
        for (metric, settings), own in predictions.group_by("metric", "settings", maintain_order=True)
    ]
    return evaluations(averaged(results), pairs)


def _explorer(opened: Computed, metrics: str | None, primary: str | None, named: list[str], exact: bool) -> str:
    from accelnas.pages.explorer import explorer

    landmarks = {}
    for text in named:
        name, equals, architecture = text.partition("=")
        if not (name.strip() and equals and architecture.strip()):
            raise typer.BadParameter(f"--named {text!r}; write NAME=ARCHITECTURE")
        landmarks[name.strip()] = architecture.strip()
    with progress("report", None, "steps") as tell:
        return explorer(
            opened.bench,
            primary=primary,
            metrics=None if metrics is None else [name.strip() for name in metrics.split(",") if name.strip()],
            landmarks=landmarks,
            exact=exact,
            threads=opened.threads,
            progress=lambda _, done, __: tell(done),
        )
