"""``accelnas evaluate``: how well settings predict held-out measurements."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelnas.cli.commands import command
from accelnas.cli.data import DataArgument, FoldsOption, MetricsOption, SpaceOption, listed, read
from accelnas.cli.directed import Directed
from accelnas.cli.fit import SplitOption, read_parts
from accelnas.cli.info import new_table, print_fitting, significant
from accelnas.cli.shared import BenchmarkOption, ThreadsOption, console, load_benchmark, progress

if TYPE_CHECKING:
    from rich.table import Table

    from accelnas.fitting.evaluation import Evaluation
    from accelnas.models.importances import Importances


@command(
    "accelnas data fetch && accelnas evaluate",
    "accelnas evaluate --settings bundled --settings published --metrics accuracy -o report",
    "accelnas evaluate --settings bundled --settings boosted --runs bundled=cross-validation,learning-curve -o report",
    "accelnas evaluate measured.csv --space space.toml --maximise top1 --split random",
    "accelnas evaluate measured.parquet --space space.toml --settings mine.toml --split random "
    "--runs official,cross-validation,learning-curve -o report",
)
def evaluate(
    *,
    data: DataArgument = None,
    space: SpaceOption = None,
    split: SplitOption = "official",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|TOML",
            help="Settings to compare, as of `accelnas fit`. May be repeated.",
            show_default="bundled for MnasNet's data; all families and two baselines for named metrics",
        ),
    ] = None,
    metrics: MetricsOption = None,
    directed: Directed,
    runs: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]A,B,…",
            help="official: fit train and val, predict test. cross-validation: folds of all rows. "
            "learning-curve: fit draws of train and val of growing size. May be repeated; with a name, for "
            "the settings of this name only.",
            show_default="official",
        ),
    ] = None,
    folds: FoldsOption = 10,
    sizes: Annotated[
        str, typer.Option(metavar="N,M,…", help="Rows fitted on in learning curves.")
    ] = "500,1000,2000,3000,4100",
    seeds: Annotated[int, typer.Option(min=1, help="Draws of each size in learning curves.")] = 5,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder for report.md, tables and figures; accelnas report makes a page of it.",
            show_default="only the table on the screen",
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            help="SQLite file of finished fits: a report that is interrupted goes on from there.",
            show_default="evaluation.sqlite in the cache folder",
        ),
    ] = None,
    benchmark: BenchmarkOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Compare settings on measurements that they did not see, and write a report.

    Metrics that --maximise and --minimise name are predicted by all families, and by two baselines: a sum of one
    number a choice, and the median.

    Finished fits are kept, so only what is new or changed is fitted again. Importances in the report are those
    of the metrics of a benchmark, bundled or named, if it is of the data's space.
    """
    from accelnas.fitting.automatic.candidates import of_families
    from accelnas.fitting.evaluation import Cache, Plan, plan_cells, run_evaluation, write_report
    from accelnas.fitting.fetch import cache_folder

    dataset, specs = read(data, space), directed.specs()
    if specs and not settings:
        chosen = of_families(dataset.space, specs, len(dataset))
    else:
        chosen = [directed.settings(name) for name in settings or [""]]
    parts = read_parts(split, data, dataset)
    names = listed(metrics)
    of_all, further = _runs(runs or ["official"])
    plan = Plan(chosen, names, of_all, further, folds, _sizes(sizes), seeds)
    store = Cache(cache or cache_folder() / "evaluation.sqlite")
    with progress("fits", len(plan_cells(dataset, parts, plan)), "fits") as done:
        evaluation = run_evaluation(dataset, parts, plan, store, threads, done)
    screen = console()
    print_fitting(screen, _table(evaluation), "seconds", "Spearman", "rows", "run", "top 50", "RMSE")
    if output is not None:
        found = _importances(benchmark, dataset.space.sha256, names)
        screen.print(f"{write_report(evaluation, output, found)}: {len(evaluation.cells)} fits")


def _runs(texts: list[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Divide runs of all settings from runs of settings of one name."""
    of_all: list[str] = []
    further: dict[str, list[str]] = {}
    for text in texts:
        name, equals, runs = text.rpartition("=")
        if equals:
            further.setdefault(name.strip(), []).extend(listed(runs) or ())
        else:
            of_all += listed(text) or ()
    return of_all or ["official"], further


def _sizes(text: str) -> list[int]:
    try:
        sizes = sorted({int(size) for size in listed(text) or ()})
    except ValueError:
        sizes = []
    if not sizes or sizes[0] < 1:
        raise typer.BadParameter(f"--sizes {text!r}; give numbers of rows, such as 500,1000,2000")
    return sizes


def _importances(path: Path | None, space_sha256: str, wanted: list[str] | None) -> list[Importances]:
    """Give importances of the wanted or all metrics of a benchmark, if it is of the space; a forest has none."""
    from accelnas.errors import MetricError

    bench = load_benchmark(path)
    if bench.space.sha256 != space_sha256:
        return []
    found = []
    for metric in bench.metrics:
        if wanted is not None and metric not in wanted:
            continue
        try:
            found.append(bench.importances(metric))
        except MetricError:
            continue
    return found


def _table(evaluation: Evaluation) -> Table:
    """Average the figures of each run's parts."""
    from accelnas.fitting.evaluation.results import averaged

    numbers = ("R²", "tau", "Spearman", "MAE", "RMSE", "top 50", "rows", "MAE / noise's", "seconds")
    table = new_table("metric", "settings", "run", *numbers, numbers=numbers)
    for row in averaged(evaluation.results):
        ceiling = row["ceiling_mae"]
        table.add_row(
            *(row[name] for name in ("metric", "settings", "run")),
            *("–" if isnan(row[name]) else f"{row[name]:.4f}" for name in ("r2", "tau", "spearman")),
            significant(row["mae"], 4),
            significant(row["rmse"], 4),
            f"{row['overlap_50']:.2f}",
            f"{row['rows']:.0f}",
            f"{row['mae'] / ceiling:.2f}" if ceiling else "",
            f"{row['seconds']:.1f}",
        )
    return table
