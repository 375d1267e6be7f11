"""``accelnas distribution``: how a metric is distributed over the whole space."""

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
from accelnas.files import replacing

EPILOG = """Examples:

  accelnas distribution accuracy --samples 1000000

  accelnas distribution latency_zcu102 -s 'accuracy >= 65' --quantiles 0.01,0.5 --checkpoint latency.sqlite

  accelnas distribution peak_memory -o bins.csv --plot memory.svg
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("distribution", epilog=EPILOG)(distribution)


def distribution(
    metric: Annotated[str, typer.Argument(metavar="METRIC", help="Name of the metric.")],
    bins: Annotated[int, typer.Option("--bins", min=1, help="Number of bins.")] = 4096,
    quantiles: Annotated[
        str | None,
        typer.Option("--quantiles", metavar="Q,…", help="Quantiles to show, 0 to 1.", show_default="7 of them"),
    ] = None,
    subject_to: ConstraintsOption = None,
    within: WithinOption = None,
    samples: SamplesOption = None,
    seed: SeedOption = 0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write all bins: CSV or Parquet.", show_default=False),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="SVG file to draw to.", show_default=False)
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
    """Count the architectures of the whole space by the value of a metric: quantiles and moments with proven bounds."""
    from accelnas.exact import distribution_question

    bench = load_benchmark(benchmark, derive)
    shown = None if quantiles is None else [_part(text) for text in quantiles.split(",")]
    question = distribution_question(
        bench,
        metric,
        bins=bins,
        subject_to=subject_to or (),
        within=parse_choices(bench.space, within),
        drawn=drawn_samples(samples, seed),
    )
    with run_options(question, threads, engine, checkpoint, time_limit) as options:
        result = search(bench, question, options, shard, output)
    if result is None:
        return
    show(bench, result, certificate=certificate, as_json=as_json, output=output, quantiles=shown)
    if plot is not None:
        from accelnas.plots.exact import plot_distribution

        with replacing(plot) as temporary:
            plot_distribution(temporary, result)


def _part(text: str) -> float:
    try:
        q = float(text)
    except ValueError:
        q = -1.0
    if not 0 <= q <= 1:
        raise typer.BadParameter(f"--quantiles {text!r}; write numbers of 0 to 1, such as 0.05,0.5")
    return q
