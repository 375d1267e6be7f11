"""``accelnas-training estimate``: cost estimators side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from accelnas.cli.data import SpaceOption, listed, read_space
from accelnas.cli.fit import SplitOption, read_parts
from accelnas.cli.shared import BenchmarkOption, console, load_benchmark, progress
from accelnas.fitting.dataset import read_dataset
from accelnas_training.cli import options
from accelnas_training.cli.measure import SetOption
from accelnas_training.cli.network import ResolutionOption
from accelnas_training.estimators import profile as profiles
from accelnas_training.estimators.comparison import ComparisonPlan, compare, draw, report_text
from accelnas_training.measure import load_protocol
from accelnas_training.networks.family import load_family
from accelnas_training.reports import write_report

EPILOG = """Examples:

  accelnas-training estimate DATA -o docs/estimators.md --metrics throughput_a100,latency_zcu102

  accelnas-training estimate measured.parquet --split random --profile latency_cpu=blocks.json -o estimators.md

  accelnas-training estimate cells.parquet --family nasbench201 --split random -o cells.md
"""
PROFILE = """Examples:

  accelnas-training profile-blocks cpu_latency -o blocks.json

  accelnas-training profile-blocks cpu_latency --family nasbench201 --set resolution=32 -o cells.json
"""

app = typer.Typer()


@app.command(epilog=EPILOG)
def estimate(
    data: options.DataArgument,
    output: options.ReportOption,
    metrics: options.MetricsOption = None,
    few: Annotated[int, typer.Option("--few", min=5, help="Measurements for estimators that need few.")] = 50,
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="Of their draw.")] = 0,
    profile: Annotated[
        list[str] | None,
        typer.Option("--profile", metavar="METRIC=FILE", help="Blocks measured by profile-blocks. May be repeated."),
    ] = None,
    split: SplitOption = "official",
    space: SpaceOption = None,
    family: options.FamilyOption = "mnasnet",
    resolution: ResolutionOption = None,
    benchmark: BenchmarkOption = None,
) -> None:
    """Build measurement, analytical, table, transfer and learned estimators, and compare errors and costs.

    With --space instead of --family, analytical estimators are built where formulas know the layers.
    """
    networks = load_family(family) if space is None else None
    dataset = read_dataset(data, read_space(space) if networks is None else networks.space)
    parts = read_parts(split, data, dataset)
    files = options.read_pairs(profile, "--profile", "METRIC=FILE")
    measured = {metric: profiles.read_profile(str(path)) for metric, path in files.items()}
    plan = ComparisonPlan(listed(metrics), few, seed, measured, networks, resolution)
    with progress("estimating", 1.0, "metrics") as report:
        results = compare(dataset, parts, load_benchmark(benchmark), plan, report)
    shown = split if split in ("official", "random") else "JSON"
    changed = None if family == "mnasnet" else family
    given = {
        "output": output.name,
        "few": few,
        "seed": seed,
        "split": shown,
        "metrics": metrics,
        "profile": profile,
        "family": changed,
        "resolution": resolution,
    }
    text = report_text(results, dataset, parts, output, options.command_text("estimate", "DATA", **given))
    write_report(output, text, results, draw)
    rows = [
        (row["metric"], row["estimator"], f"{row['mape']:.2f}", f"{row['tau']:.3f}")
        for row in results.iter_rows(named=True)
    ]
    options.print_table(("metric", "estimator", "MAPE, %", "tau"), rows, ("MAPE, %", "tau"))


@app.command(epilog=PROFILE)
def profile_blocks(
    protocol: Annotated[str, typer.Argument(help="Name of a shipped protocol, or a TOML file.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="JSON for estimate --profile.")],
    family: options.FamilyOption = "mnasnet",
    changes: SetOption = None,
) -> None:
    """Measure what every block of a network costs in each of its states."""
    with progress("measuring", 1.0, "blocks") as report:
        how = load_protocol(protocol).changed(**options.read_pairs(changes, "--set", "KEY=VALUE, as resolution=64"))
        found = profiles.profile_blocks(load_family(family), how, report)
    found.write(output)
    console().print(f"{output}: {found.measurements} modules measured in {found.seconds:.0f} s")
