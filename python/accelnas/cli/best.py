"""``accelnas best``: the best architectures of the whole space, proven."""

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
    run_options,
    search,
)
from accelnas.cli.findings import show
from accelnas.cli.shared import BenchmarkOption, DeriveOption, ThreadsOption, load_benchmark

EPILOG = """Examples:

  accelnas best accuracy

  accelnas best accuracy -s 'latency_zcu102 <= 5' -s 'params < 6' -k 10 -o best.csv

  accelnas best throughput_a100 -s 'accuracy >= 66' -w block0_e=1,4 --certificate fastest.json
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("best", epilog=EPILOG)(best)


def best(
    metric: Annotated[str, typer.Argument(metavar="METRIC", help="Metric to maximise or minimise, as it is better.")],
    subject_to: ConstraintsOption = None,
    within: WithinOption = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many of the best.")] = 1,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Also write a table: CSV, or Parquet if the name ends in .parquet.",
            show_default=False,
        ),
    ] = None,
    certificate: CertificateOption = None,
    as_json: JsonOption = False,
    checkpoint: CheckpointOption = None,
    time_limit: TimeLimitOption = None,
    shard: ShardOption = None,
    engine: EngineOption = Engine.threads,
    derive: DeriveOption = None,
    threads: ThreadsOption = None,
    benchmark: BenchmarkOption = None,
) -> None:
    """Find the best architectures of the whole space, and prove that none is better.

    Nothing is sampled: bounds exclude most architectures, the others are evaluated one by one. Values are
    predictions, exact in float64; how far measurements lie from them is another question.
    """
    from accelnas.exact import best_question

    bench = load_benchmark(benchmark, derive)
    choices = parse_choices(bench.space, within)
    question = best_question(bench, metric, subject_to=subject_to or (), within=choices, k=k)
    with run_options(question, threads, engine, checkpoint, time_limit) as options:
        result = search(bench, question, options, shard, output)
    if result is not None:
        show(bench, result, certificate=certificate, as_json=as_json, output=output)
