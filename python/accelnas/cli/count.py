"""``accelnas count``: how many architectures of the whole space meet constraints."""

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
    SamplesOption,
    SeedOption,
    ShardOption,
    TimeLimitOption,
    WithinOption,
    drawn_samples,
    parse_choices,
    run_options,
    search,
)
from accelnas.cli.findings import show
from accelnas.cli.shared import BenchmarkOption, DeriveOption, ThreadsOption, load_benchmark

EPILOG = """Examples:

  accelnas count -s 'accuracy >= 65' -s 'latency_zcu102 <= 5' -w block0_e=1

  accelnas count -s 'params < 4' --certificate small.json
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("count", epilog=EPILOG)(count)


def count(
    subject_to: ConstraintsOption = None,
    within: WithinOption = None,
    samples: SamplesOption = None,
    seed: SeedOption = 0,
    certificate: CertificateOption = None,
    as_json: JsonOption = False,
    checkpoint: CheckpointOption = None,
    time_limit: TimeLimitOption = None,
    shard: ShardOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where --shard writes its part.", show_default=False),
    ] = None,
    engine: EngineOption = Engine.threads,
    derive: DeriveOption = None,
    threads: ThreadsOption = None,
    benchmark: BenchmarkOption = None,
) -> None:
    """Count the architectures that meet constraints, exactly and over the whole space."""
    from accelnas.exact import count_question

    if not subject_to:
        raise typer.BadParameter("nothing to count; give --subject-to 'METRIC <= NUMBER'")
    bench = load_benchmark(benchmark, derive)
    choices = parse_choices(bench.space, within)
    question = count_question(bench, subject_to, within=choices, drawn=drawn_samples(samples, seed))
    with run_options(question, threads, engine, checkpoint, time_limit) as options:
        result = search(bench, question, options, shard, output)
    if result is not None:
        show(bench, result, certificate=certificate, as_json=as_json)
