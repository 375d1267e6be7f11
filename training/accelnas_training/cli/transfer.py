"""``accelnas-training transfer``: a new device from few measurements."""

from __future__ import annotations

import shlex
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelnas.cli.fit import SplitOption, read_parts
from accelnas.cli.info import new_table
from accelnas.cli.shared import BenchmarkOption, console, load_benchmark, progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnas_training.transfer.model import Transfer

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

app = typer.Typer(no_args_is_help=True, help="A new device from few measurements: choose, fit, evaluate.")

DataArgument = Annotated[
    Path,
    typer.Argument(metavar="DATA", help="Measured architectures: a .csv or .parquet table, or the archive."),
]


class Design(str, Enum):
    """How architectures are chosen."""

    variance = "variance"
    determinant = "determinant"
    distance = "distance"
    random = "random"


class Link(str, Enum):
    """What is a sum over blocks."""

    identity = "identity"
    reciprocal = "reciprocal"


KnownOption = Annotated[
    str | None,
    typer.Option(
        "--known",
        metavar="A,B,…",
        help="Metrics of the benchmark that are known.",
        show_default="all throughputs and latencies, MACs and parameters",
    ),
]


def register(parent: typer.Typer) -> None:
    """Add the commands to the application."""
    parent.add_typer(app, name="transfer")


@app.command(epilog=CHOOSE)
def choose(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Table to write: .csv or .parquet.")],
    k: Annotated[int, typer.Option("-k", min=1, help="Number of architectures.")] = 50,
    design: Annotated[Design, typer.Option("--design", help="How they are chosen.")] = Design.variance,
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
    import numpy as np

    from accelnas.build.dataset import read_dataset
    from accelnas.files import replacing
    from accelnas_training.transfer import design as designs
    from accelnas_training.transfer.design import Features
    from accelnas_training.transfer.sources import Sources

    bench = load_benchmark(benchmark)
    pool = bench.space.sample(candidates, seed) if source is None else read_dataset(source, bench.space).choices
    archs = np.unique(pool, axis=0)
    features = Features(Sources(bench, _names(known)))
    rows = designs.choose(features.groups(archs), k, design.value, seed)
    import polars as pl

    table = pl.DataFrame(bench.space.decode(archs[rows])).with_row_index("id")
    with replacing(output) as temporary:
        if output.suffix == ".parquet":
            table.write_parquet(temporary)
        else:
            table.write_csv(temporary)
    console().print(f"{output}: {k} architectures of {len(archs):,}, most telling first; measure them, add a column")


@app.command(epilog=FIT)
def fit(
    data: DataArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Benchmark directory to create or update.")],
    metric: Annotated[str, typer.Option("--metric", "-m", help="Column of the data, and name of the new metric.")],
    unit: Annotated[str, typer.Option("--unit", help="Such as ms or images/s.")] = "",
    link: Annotated[
        Link | None,
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
    from accelnas.build.dataset import read_dataset
    from accelnas_training.transfer.model import fit_transfer
    from accelnas_training.transfer.sources import Sources, link_of

    bench = load_benchmark(benchmark)
    dataset = read_dataset(data, bench.space)
    chosen = link_of(metric) if link is None else link.value
    found = fit_transfer(dataset, metric, Sources(bench, _names(known)), chosen)
    found.write(output, unit=unit, description=description)
    _show(found, output)


@app.command(epilog=EVALUATE)
def evaluate(
    data: DataArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Markdown; a plot and a table beside.")
    ],
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", "-m", metavar="A,B,…", help="Devices to hold out.", show_default="all speeds"),
    ] = None,
    split: SplitOption = "official",
    sizes: Annotated[str, typer.Option("--sizes", metavar="N,M,…", help="Measurements.")] = "10,20,50,100,200",
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Draws of the candidates.")] = 5,
    benchmark: BenchmarkOption = None,
) -> None:
    """Hold every device of a data set out in turn, and report the error against the number of measurements."""
    from accelnas.build.dataset import read_dataset
    from accelnas_training.transfer.evaluation import Plan, evaluate_transfer
    from accelnas_training.transfer.report import write_report

    bench = load_benchmark(benchmark)
    dataset = read_dataset(data, bench.space)
    parts = read_parts(split, data, dataset)
    try:
        numbers = sorted({int(size) for size in sizes.split(",")})
    except ValueError:
        raise typer.BadParameter(f"--sizes {sizes!r}; write numbers such as 10,20,50") from None
    with progress("fitting", 1.0, "devices") as report:
        results = evaluate_transfer(
            dataset, parts, bench, Plan(_names(metrics), numbers, seeds), lambda done, total: report(done / total)
        )
    command = ["accelnas-training", "transfer", "evaluate", "DATA", "--output", output.name]
    command += [
        "--split",
        split if split in ("official", "random") else "JSON",
        "--sizes",
        sizes,
        "--seeds",
        str(seeds),
    ]
    command += [] if metrics is None else ["--metrics", metrics]
    write_report(results, dataset, parts, output, shlex.join(command))
    console().print(f"{output}: {results.height:,} fits")


def _names(text: str | None) -> Sequence[str] | None:
    return None if text is None else [name.strip() for name in text.split(",")]


def _show(found: Transfer, output: Path) -> None:
    from accelnas_training.transfer.design import GROUPS

    screen = console()
    left_out = found.left_out
    screen.print(
        f"{output}: {found.metric} from {len(found.rows)} architectures; each one predicted from the others: "
        f"R² {left_out.r2:.3f}, tau {left_out.tau:.3f}, error {left_out.mape:.1f} %",
        soft_wrap=True,
    )
    table = new_table("explained by", "prior scale", numbers=("prior scale",))
    for name, scale in zip(GROUPS, found.regression.scales.groups, strict=True):
        table.add_row(name, f"{scale**0.5:.3g}")
    table.add_row("noise", f"{found.regression.scales.noise**0.5:.3g}")
    screen.print(table)
    share = found.impossible(found.sources.space.sample(10_000, seed=2))
    if share > 0:
        screen.print(f"{100 * share:.2g} % of random architectures have a predicted time of 0 or less: measure more")
