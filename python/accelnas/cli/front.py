"""``accelnas front``: all trade-offs of two or three metrics over the whole space, proven."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from accelnas.cli.exact import (
    CertificateOption,
    CheckpointOption,
    ConstraintsOption,
    Engine,
    EngineOption,
    JsonOption,
    ShardOption,
    TimeLimitOption,
    WithinOption,
    parse_choices,
    parse_direction,
    run_options,
    search,
)
from accelnas.cli.findings import show
from accelnas.cli.shared import BenchmarkOption, DeriveOption, ThreadsOption, load_benchmark
from accelnas.files import replacing

EPILOG = """Examples:

  accelnas front accuracy,latency_zcu102 -o front.csv --certificate front.json

  accelnas front accuracy,throughput_a100 -s 'params <= 6' --plot front.svg

  accelnas front accuracy,macs,peak_memory:maximise -w block0_e=1 -w block1_e=6
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("front", epilog=EPILOG)(front)


def front(
    metrics: Annotated[
        str,
        typer.Argument(
            metavar="A,B[,C]", help="2 or 3 metrics; :maximise or :minimise after one replaces its direction."
        ),
    ],
    subject_to: ConstraintsOption = None,
    within: WithinOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write all points: CSV, or Parquet if the name ends in .parquet.",
            show_default=False,
        ),
    ] = None,
    certificate: CertificateOption = None,
    as_json: JsonOption = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="SVG file to draw the front to.", show_default=False)
    ] = None,
    checkpoint: CheckpointOption = None,
    time_limit: TimeLimitOption = None,
    shard: ShardOption = None,
    engine: EngineOption = Engine.threads,
    derive: DeriveOption = None,
    threads: ThreadsOption = None,
    benchmark: BenchmarkOption = None,
) -> None:
    """Find the Pareto front of the whole space, and prove that no point is missing.

    Ctrl-C ends the search with what is proven so far, marked as interrupted; the exit code is 130 then.
    """
    from accelnas.exact import front_question

    bench = load_benchmark(benchmark, derive)
    objectives = [parse_direction(text) for text in metrics.split(",")]
    choices = parse_choices(bench.space, within)
    question = front_question(bench, objectives, subject_to=subject_to or (), within=choices)
    with run_options(question, threads, engine, checkpoint, time_limit) as options:
        result = search(bench, question, options, shard, output)
    if result is None:
        return
    show(bench, result, certificate=certificate, as_json=as_json, output=output)
    if plot is not None:
        from accelnas.plots.exact import plot_front

        with replacing(plot) as temporary:
            plot_front(temporary, bench.metrics, result)
    if not result.is_complete:
        raise typer.Exit(130)
