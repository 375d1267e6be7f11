"""``accelnas fit``: from measured data to a benchmark directory."""

from __future__ import annotations

import math
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelnas.cli.commands import command
from accelnas.cli.data import DataArgument, MetricsOption, SpaceOption, listed, read
from accelnas.cli.directed import Directed, FidelitiesOption, epochs_of, show_agreements
from accelnas.cli.info import new_table, print_fitting, significant
from accelnas.cli.shared import ThreadsOption, console, load_benchmark, optional, progress
from accelnas.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console
    from rich.table import Table

    from accelnas.fitting.automatic.fit import AutomaticResult
    from accelnas.fitting.automatic.known import KnownOutcome
    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.fit import MetricResult
    from accelnas.fitting.metric import MetricSpec
    from accelnas.fitting.splits import Split

SplitOption = Annotated[
    str,
    typer.Option(
        "--split",
        metavar="official|random|all|JSON",
        help="Parts of the data: the published split, a random one (seed 0) that holds a tenth back for the figures, "
        "all rows and no figures (fit and tune alone), or a file.",
    ),
]


BudgetOption = Annotated[
    str | None,
    optional(
        "--budget",
        metavar="TIME",
        text="Work on choosing models for each metric: 90s, 2m, 1h.",
        default="2m, where models are chosen",
    ),
]


@command(
    "accelnas data fetch && accelnas fit -o mybench",
    "accelnas fit measured.csv --space space.toml --maximise top1 --minimise latency -o mybench",
    "accelnas fit measured.csv --space space.toml --maximise top1 --budget 10m --split random -o mybench",
    "accelnas fit measured.csv --space space.toml --maximise top1 --known scores -o mybench",
    "accelnas fit measured.csv --space space.toml --maximise top1 --fidelities 1,4,16 -o mybench",
    "accelnas fit measured.parquet --space space.toml --settings mine.toml --split random -o mybench",
    "accelnas fit measured.parquet --space space.toml --settings mine.toml --split all -o mybench",
    "accelnas fit --metrics accuracy --settings published -o published",
)
def fit(
    output: Annotated[Path, typer.Option("--output", "-o", help="Benchmark directory to create or update.")],
    *,
    data: DataArgument = None,
    space: SpaceOption = None,
    settings: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|TOML",
            help="Settings: bundled, own, epyc, boosted, published, published_lightgbm, published_forest, or a file.",
            show_default="bundled for MnasNet's data; else models are chosen",
        ),
    ] = None,
    budget: BudgetOption = None,
    split: Annotated[
        str | None,
        optional(
            "--split",
            metavar="official|random|all|JSON",
            text="Parts of the data: the published split, a random one (seed 0) that holds a tenth back for the "
            "figures, all rows (figures are of rows left out, where models are chosen), or a file.",
            default="official with settings, else all",
        ),
    ] = None,
    known: Annotated[
        list[str] | None,
        optional(
            "--known",
            metavar="BENCHMARK",
            text="Benchmark over the same variables and choices, a folder or a name, whose metrics the models see: "
            "scores, sizes, other data sets or devices; repeatable. For choosing models.",
            default="none",
        ),
    ] = None,
    known_metrics: Annotated[
        str | None,
        optional("--known-metrics", metavar="A,B,…", text="Which of their metrics.", default="all"),
    ] = None,
    metrics: MetricsOption = None,
    directed: Directed,
    fidelities: FidelitiesOption = None,
    members: Annotated[
        int | None, typer.Option(min=1, help="Ensemble members of every metric.", show_default="as in the settings")
    ] = None,
    threads: ThreadsOption = None,
) -> None:
    """Fit models to measured data, compile them, and write a benchmark.

    Without settings, families and scales are tried on rows that they did not see, and the best are joined; metrics are
    those that --maximise and --minimise name, or all of the table with the directions that their names suggest. With
    settings, metrics are theirs, or named ones fitted by their first recipe. The test part of a split serves for the
    figures alone.
    """
    from accelnas.fitting.fit import fit_benchmark

    dataset = read(data, space)
    if settings is None and (space is not None or directed.specs()):
        if metrics is not None or members is not None:
            raise DataError("--metrics and --members are for settings; name metrics with --maximise and --minimise")
        parts = None if split in (None, "all") else read_parts(str(split), data, dataset)
        specs = _specs(dataset, directed, fidelities)
        _choose(dataset, specs, output, parts, seconds_of(budget), known or (), listed(known_metrics), threads)
        return
    if known or known_metrics:
        raise DataError("--known is for choosing models; leave out --settings, or name metrics or a space")
    if budget is not None:
        raise DataError("--budget is for choosing models; leave out --settings, or name metrics or a space")
    chosen = directed.settings(settings, fidelities, dataset.measurable)
    parts = read_parts(split or "official", data, dataset, whole=True)
    with ExitStack() as bars:
        names, tell = listed(metrics), metric_bars(bars)
        results = fit_benchmark(
            dataset, parts, chosen, output, metrics=names, members=members, threads=threads, progress=tell
        )
    screen = console()
    print_fitting(screen, results_table(results), "size", "family", "members", "seconds", "test rows", "RMSE")
    show_agreements(dataset, (chosen.metrics[result.name] for result in results))
    seconds = sum(result.seconds for result in results)
    screen.print(f"{output}: {len(results)} metrics in {seconds:.0f} s, split {parts.name}")
    held = len(dataset) - len(parts.train) - len(parts.val)
    if held:
        screen.print(
            f"{held:,} of {len(dataset):,} rows are held back for the figures and were not fitted; "
            "--split all fits all of them, without figures"
        )


def _specs(dataset: Dataset, directed: Directed, fidelities: str | None) -> list[MetricSpec]:
    """Say what is fitted: metrics that are named, or those of the table."""
    from accelnas.fitting.fidelities import highest, with_fidelities
    from accelnas.fitting.infer import suggested
    from accelnas.fitting.metric import MetricSpec

    if specs := directed.specs(fidelities, dataset.measurable):
        return specs
    screen, whole = console(), highest(dataset.measurable)
    specs = [MetricSpec(name, "", direction) for name, direction in suggested(whole).items()]
    screen.print("metrics: " + ", ".join(f"{spec.direction} {spec.name}" for spec in specs))
    if fidelities:
        return with_fidelities(specs, epochs_of(fidelities), dataset.measurable)
    if fewer := [name for name in dataset.measurable if name not in whole]:
        screen.print(f"after fewer epochs, and fitted with --fidelities alone: {', '.join(fewer)}")
    return specs


def _choose(
    dataset: Dataset,
    specs: Sequence[MetricSpec],
    output: Path,
    split: Split | None,
    budget: float,
    known: Sequence[str],
    known_metrics: Sequence[str] | None,
    threads: int | None,
) -> None:
    """Fit models that are chosen, and show what was tried."""
    from accelnas.fitting.automatic import fit_automatically

    screen, benchmarks = console(), [load_benchmark(Path(source)) for source in known]
    with ExitStack() as bars:
        tell = metric_bars(bars)
        results = fit_automatically(
            dataset, specs, output, split=split, budget=budget, threads=threads,
            progress=lambda metric, share: tell(metric, round(100 * share), 100),
            known=benchmarks, known_metrics=known_metrics,
        )  # fmt: skip
    show_attempts(screen, results, 0 if split is None else len(split.test))
    show_agreements(dataset, specs)
    screen.print(f"{output}: {len(results)} metrics; figures in tables are of rows that models did not see")


def show_attempts(screen: Console, results: Sequence[AutomaticResult], test_rows: int) -> None:
    """Show what was tried for each metric, and the figures of so many rows that were held back."""
    for result in results:
        numbers = ("R²", "tau", "MAE", "seconds")
        table = new_table(result.name, *numbers, "", numbers=numbers)
        for attempt in result.attempts:
            f = attempt.figures
            figures = ["", "", ""] if f is None else [f"{f.r2:.4f}", f"{f.tau:.4f}", significant(f.mae, 4)]
            figures = ["–" if text == "nan" else text for text in figures]
            table.add_row(attempt.name, *figures, f"{attempt.seconds:.1f}", attempt.note)
        screen.print(table)
        if result.known is not None:
            screen.print(f"{result.name}: {_told(result.known)}")
        if result.curve is not None:
            rows = ", ".join(f"{n:,}" for n in result.curve.rows)
            errors = ", ".join(significant(mae, 3) for mae in result.curve.mae)
            screen.print(
                f"{result.name}: MAE {errors} from {rows} rows; twice as many as now would give about "
                f"{significant(result.curve.doubled, 3)}"
            )
        if test_rows and (f := result.figures) is not None:
            rows = f"the {test_rows:,} rows of the test part"
            screen.print(f"{result.name}: R² {f.r2:.4f}, tau {f.tau:.4f}, MAE {significant(f.mae, 4)} on {rows}")


def _told(known: KnownOutcome) -> str:
    """Say whether known metrics were of use."""
    use = "models with known metrics were chosen" if known.used else "models without known metrics were chosen"
    errors = [
        f"MAE {significant(mae, 4)} {how}"
        for mae, how in ((known.mae_with, "with them"), (known.mae_without, "without"))
        if mae is not None
    ]
    return f"{use} ({', '.join(known.names)}; the best has {', '.join(errors)})"


def seconds_of(text: str | None) -> float:
    """Read a budget such as 90s, 2m or 1h; 2m where none is given."""
    text = text or "2m"
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    number, unit = (text[:-1], text[-1:]) if text[-1:] in units else (text, "s")
    try:
        seconds = float(number) * units[unit]
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise DataError(f"--budget is {text!r}; write a time such as 90s, 2m or 1h")
    return seconds


def metric_bars(bars: ExitStack) -> Callable[[str, int, int], None]:
    """One bar a metric, which goes when the next one starts."""
    current: list[Callable[[float], None]] = []

    def tell(metric: str, done: int, members: int) -> None:
        if done == 0:
            bars.close()
            current[:] = [bars.enter_context(progress(metric, members, "models"))]
        current[0](done)

    return tell


def read_parts(name: str, data: Path | None, dataset: Dataset, *, whole: bool = False) -> Split:
    """Read the named split; the official one lies beside the data or in the cache folder.

    Parameters
    ----------
    name, data, dataset
        What the user gave, and what was read.
    whole
        Whether all rows may be fitted, with none to test on.
    """
    from accelnas.fitting.fetch import cache_folder
    from accelnas.fitting.splits import random_split, read_split, whole_split

    if name == "all":
        if not whole:
            raise DataError("--split all leaves no rows to compare with; use official, random or a file")
        return whole_split(dataset)

    if name == "random":
        return random_split(dataset)
    if name != "official":
        return read_split(name, dataset)
    folders = [cache_folder()] if data is None else [data.parent, cache_folder()]
    for folder in folders:
        if (folder / "official_split.json").is_file():
            return read_split(folder / "official_split.json", dataset)
    raise DataError(
        f"no official_split.json in {' or '.join(str(folder) for folder in folders)}; use --split random for data of "
        "your own; that of Accel-NASBench comes with: accelnas data fetch"
    )


def results_table(results: Sequence[MetricResult]) -> Table:
    """Show what was fitted, and how well."""
    numbers = ("R²", "tau", "MAE", "RMSE", "test rows", "noise", "members", "size", "seconds")
    table = new_table("metric", "family", *numbers, numbers=numbers)
    for result in results:
        figures = ["", "", "", "", "0"]
        if result.figures is not None:
            f = result.figures
            errors = (significant(f.mae, 4), significant(f.rmse, 4))
            figures = [f"{f.r2:.4f}", f"{f.tau:.4f}", *errors, str(f.rows)]
        counts = (str(result.members), f"{result.size:,}", f"{result.seconds:.1f}")
        noise = "" if result.noise is None else significant(result.noise, 3)
        table.add_row(result.name, result.family, *figures, noise, *counts)
    return table
