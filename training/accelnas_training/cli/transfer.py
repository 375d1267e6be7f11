"""``accelnas-training transfer``: a new device from few measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import polars as pl
import typer

from accelnas.cli.data import listed
from accelnas.cli.fit import SplitOption, read_parts
from accelnas.cli.shared import BenchmarkOption, console, load_benchmark, progress
from accelnas.files import write_frame
from accelnas.fitting.dataset import read_dataset
from accelnas_training.cli import options
from accelnas_training.reports import write_report
from accelnas_training.transfer.design import GROUPS, Features
from accelnas_training.transfer.design import choose as choose_rows
from accelnas_training.transfer.evaluation import TransferPlan, evaluate_transfer
from accelnas_training.transfer.model import Transfer, fit_transfer
from accelnas_training.transfer.report import draw, report_text
from accelnas_training.transfer.sources import Sources, link_of

CHOOSE = """Examples:

  accelnas-training transfer choose -k 50 -o chosen.csv

  accelnas-training transfer choose -k 20 --from measured_elsewhere.parquet -o chosen.csv
"""
FIT = """Examples:

  accelnas-training transfer fit measured.csv --metric latency_mine --unit ms -o mybench

  accelnas-training transfer fit measured.csv --metric throughput_mine --unit images/s -o mybench
"""
EVALUATE = """Example:

  accelnas-training transfer evaluate DATA -o docs/transfer.md
"""

app = typer.Typer(no_args_is_help=True)

KnownOption = Annotated[
    str | None,
    typer.Option(
        "--known",
        metavar="A,B,…",
        help="Metrics of the benchmark that are known.",
        show_default="all throughputs and latencies, MACs and parameters",
    ),
]


@app.command(epilog=CHOOSE)
def choose(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Table to write: .csv or .parquet.")],
    k: Annotated[int, typer.Option("-k", min=1, help="Number of architectures.")] = 50,
    design: Annotated[
        Literal["variance", "determinant", "distance", "random"],
        typer.Option("--design", help="How they are chosen."),
    ] = "variance",
    candidates: Annotated[int, typer.Option("--candidates", min=1, help="Random ones to choose among.")] = 2000,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="DATA", help="Choose among a table's architectures.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="Of the candidates.")] = 0,
    known: KnownOption = None,
    benchmark: BenchmarkOption = None,
) -> None:
    """Choose which architectures to measure; the table has a column for each variable, and ids."""
    bench = load_benchmark(benchmark)
    pool = bench.space.sample(candidates, seed) if source is None else read_dataset(source, bench.space).choices
    archs = np.unique(pool, axis=0)
    features = Features(Sources(bench, listed(known)))
    rows = choose_rows(features.groups(archs), k, design, seed)
    table = pl.DataFrame(bench.space.decode(archs[rows])).with_row_index("id")
    write_frame(table, output, "parquet" if output.suffix == ".parquet" else "csv")
    console().print(f"{output}: {k} architectures of {len(archs):,}, most telling first; measure them, add a column")


@app.command(epilog=FIT)
def fit(
    data: options.DataArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Benchmark directory to create or update.")],
    metric: Annotated[str, typer.Option("--metric", "-m", help="Column of the data, and name of the new metric.")],
    unit: Annotated[str, typer.Option("--unit", help="Such as ms or images/s.")] = "",
    link: Annotated[
        Literal["identity", "reciprocal"] | None,
        typer.Option(
            "--link",
            help="Whether the metric is a sum over blocks, or its reciprocal is.",
            show_default="reciprocal for throughput…, else identity",
        ),
    ] = None,
    description: Annotated[str, typer.Option("--description", help="What was measured.")] = "",
    known: KnownOption = None,
    benchmark: BenchmarkOption = None,
) -> None:
    """Fit few measurements beside the known devices, and write tables of the new metric.

    Reports how well each measured architecture is predicted from the others.
    """
    bench = load_benchmark(benchmark)
    dataset = read_dataset(data, bench.space)
    chosen = link or link_of(metric)
    found = fit_transfer(dataset, metric, Sources(bench, listed(known)), chosen)
    found.write(output, unit=unit, description=description)
    _show(found, output)


@app.command(epilog=EVALUATE)
def evaluate(
    data: options.DataArgument,
    output: options.ReportOption,
    metrics: options.MetricsOption = None,
    split: SplitOption = "official",
    sizes: Annotated[str, typer.Option("--sizes", metavar="N,M,…", help="Measurements.")] = "10,20,50,100,200",
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Draws of the candidates.")] = 5,
    known: KnownOption = None,
    benchmark: BenchmarkOption = None,
) -> None:
    """Hold every device of a data set out in turn, and report the error against the number of measurements."""
    bench = load_benchmark(benchmark)
    dataset = read_dataset(data, bench.space)
    parts = read_parts(split, data, dataset)
    numbers = sorted(set(options.read_integers(sizes, "--sizes")))
    plan = TransferPlan(listed(metrics), numbers, seeds, listed(known))
    with progress("fitting", 1.0, "devices") as report:
        results = evaluate_transfer(dataset, parts, bench, plan, report)
    shown = split if split in ("official", "random") else "JSON"
    given = {"output": output.name, "split": shown, "sizes": sizes, "seeds": seeds, "metrics": metrics, "known": known}
    text = report_text(results, dataset, parts, output, options.command_text("transfer", "evaluate", "DATA", **given))
    write_report(output, text, results, draw)
    console().print(f"{output}: {results.height:,} fits")


def _show(found: Transfer, output: Path) -> None:
    screen = console()
    left_out = found.left_out
    screen.print(
        f"{output}: {found.metric} from {len(found.rows)} architectures; each one predicted from the others: "
        f"R² {left_out.r2:.3f}, tau {left_out.tau:.3f}, error {left_out.mape:.1f} %",
        soft_wrap=True,
    )
    scales = found.regression.scales
    rows = zip((*GROUPS, "noise"), (f"{scale**0.5:.3g}" for scale in (*scales.groups, scales.noise)), strict=True)
    options.print_table(("explained by", "prior scale"), rows, ("prior scale",))
    share = found.impossible(found.sources.space.sample(10_000, seed=2))
    if share > 0:
        screen.print(f"{100 * share:.2g} % of random architectures have a predicted time of 0 or less: measure more")
