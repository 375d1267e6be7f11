"""``accelnas rank``: where architectures stand in the whole space."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from accelnas.cli.exact import (
    CertificateOption,
    CheckpointOption,
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
from accelnas.cli.predict import parses
from accelnas.cli.shared import BenchmarkOption, DeriveOption, ThreadsOption, load_benchmark

EPILOG = """Examples:

  accelnas rank accuracy archs.csv -o ranked.csv

  accelnas sample -n 5 | accelnas rank latency_zcu102 - --samples 1000000
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("rank", epilog=EPILOG)(rank)


def rank(
    metric: Annotated[str, typer.Argument(metavar="METRIC", help="Metric to rank by, as it is better.")],
    table: Annotated[
        Path,
        typer.Argument(metavar="INPUT", help="Architectures, as accelnas predict reads them; - is stdin."),
    ],
    within: WithinOption = None,
    samples: SamplesOption = None,
    seed: SeedOption = 0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write all ranks: CSV or Parquet.", show_default=False),
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
    """Count the architectures of the whole space that are better than those of a table, and those that tie."""
    import numpy as np

    from accelnas.cli.tables import open_reader
    from accelnas.exact import rank_question
    from accelnas.fitting.columns import ColumnEncoder

    bench = load_benchmark(benchmark, derive)
    with open_reader(table, lambda text: parses(bench.space, text)) as reader:
        encode = ColumnEncoder(bench.space, reader.names, reader.name)
        archs = np.concatenate([encode(batch.columns, batch.locate) for batch in reader.batches()])
    choices = parse_choices(bench.space, within)
    question = rank_question(bench, archs, metric, within=choices, drawn=drawn_samples(samples, seed))
    with run_options(question, threads, engine, checkpoint, time_limit) as options:
        result = search(bench, question, options, shard, output)
    if result is not None:
        show(bench, result, certificate=certificate, as_json=as_json, output=output)
