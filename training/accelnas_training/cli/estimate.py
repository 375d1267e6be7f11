"""``accelnas-training estimate``: cost estimators side by side."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from accelnas.cli.data import SpaceOption, read_space
from accelnas.cli.fit import SplitOption, read_parts
from accelnas.cli.info import new_table
from accelnas.cli.shared import BenchmarkOption, console, load_benchmark, progress
from accelnas_training.cli.transfer import DataArgument  # noqa: TC001 Typer reads it

EPILOG = """Examples:

  accelnas-training estimate DATA -o docs/estimators.md --metrics throughput_a100,latency_zcu102

  accelnas-training estimate measured.parquet --split random --profile latency_cpu=blocks.json -o estimators.md
"""
PROFILE = """Example:

  accelnas-training profile-blocks cpu_latency -o blocks.json
"""


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("estimate", epilog=EPILOG)(estimate)
    app.command("profile-blocks", epilog=PROFILE)(profile_blocks)


def estimate(
    data: DataArgument,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Markdown; plot and table beside.")],
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", "-m", metavar="A,B,…", help="Metrics.", show_default="all speeds"),
    ] = None,
    few: Annotated[int, typer.Option("--few", min=5, help="Measurements for estimators that need few.")] = 50,
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="Of their draw.")] = 0,
    profile: Annotated[
        list[str] | None,
        typer.Option("--profile", metavar="METRIC=FILE", help="Blocks measured by profile-blocks. May be repeated."),
    ] = None,
    split: SplitOption = "official",
    space: SpaceOption = None,
    benchmark: BenchmarkOption = None,
) -> None:
    """Build measurement, analytical, table, transfer and learned estimators, and compare errors and costs."""
    from accelnas.build.dataset import read_dataset
    from accelnas_training.estimators.comparison import Plan, compare
    from accelnas_training.estimators.profile import read_profile
    from accelnas_training.estimators.report import write_report

    dataset = read_dataset(data, read_space(space))
    parts = read_parts(split, data, dataset)
    profiles = {}
    for text in profile or ():
        metric, _, path = text.partition("=")
        if not path:
            raise typer.BadParameter(f"--profile {text!r}; write METRIC=FILE")
        profiles[metric] = read_profile(path)
    names = None if metrics is None else [name.strip() for name in metrics.split(",")]
    with progress("estimating", 1.0, "metrics") as report:
        results = compare(
            dataset,
            parts,
            load_benchmark(benchmark),
            Plan(names, few, seed, profiles),
            lambda _metric, done, total: report(done / total),
        )
    command = ["accelnas-training", "estimate", "DATA", "--output", output.name, "--few", str(few), "--seed", str(seed)]
    command += ["--split", split if split in ("official", "random") else "JSON"]
    command += [] if metrics is None else ["--metrics", metrics]
    command += [part for text in profile or () for part in ("--profile", text)]
    write_report(results, dataset, parts, output, shlex.join(command))
    table = new_table("metric", "estimator", "MAPE, %", "tau", numbers=("MAPE, %", "tau"))
    for row in results.iter_rows(named=True):
        table.add_row(row["metric"], row["estimator"], f"{row['mape']:.2f}", f"{row['tau']:.3f}")
    console().print(table)


def profile_blocks(
    protocol: Annotated[str, typer.Argument(help="Name of a shipped protocol, or a TOML file.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="JSON for estimate --profile.")],
    family: Annotated[str, typer.Option("--family", help="mnasnet, or a TOML file.")] = "mnasnet",
) -> None:
    """Measure every block of a network in each of its states, apart."""
    from accelnas_training.estimators import profile
    from accelnas_training.measure import load_protocol
    from accelnas_training.networks.family import load_family

    with progress("measuring", 1.0, "blocks") as report:
        found = profile.profile_blocks(
            load_family(family), load_protocol(protocol), lambda done, total: report(done / total)
        )
    found.write(output)
    console().print(f"{output}: {found.measurements} modules measured in {found.seconds:.0f} s")
