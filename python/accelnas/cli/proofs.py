"""``accelnas run`` answers a question from a file, or a part; ``merge`` joins parts, ``verify`` checks answers."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from accelnas.cli.exact import (
    CertificateOption,
    Engine,
    EngineOption,
    JsonOption,
    OutputOption,
    PlotOption,
    searching,
)
from accelnas.cli.findings import show
from accelnas.cli.info import new_table
from accelnas.cli.shared import BenchmarkOption, DeriveOption, ThreadsOption, console, load_benchmark

_RUN = """Examples:

  accelnas run question.toml --checkpoint best.sqlite --certificate best.json

  accelnas run question.toml --shard 1/2 -o part1.json

A question in TOML names itself and its fields:  question = "best"  objective = "accuracy"  k = 10
"""
_VERIFY = """Examples:

  accelnas best accuracy --certificate best.json

  accelnas verify best.json

  accelnas verify best.json --rerun --samples 1000000
"""
_MERGE = """Examples:

  accelnas run question.toml --shard 1/2 -o part1.json

  accelnas run question.toml --shard 2/2 -o part2.json

  accelnas merge part1.json part2.json --certificate best.json
"""
_COLOURS = {"passed": "green", "failed": "bold red", "skipped": "yellow"}


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("run", epilog=_RUN)(run)
    app.command("merge", epilog=_MERGE)(merge)
    app.command("verify", epilog=_VERIFY)(verify)


def run(
    question: Annotated[Path, typer.Argument(metavar="QUESTION", help="TOML file of a question about the space.")],
    engine: EngineOption = Engine.threads,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            help="Keep the state of the search in this file; the same command goes on from it.",
            show_default=False,
        ),
    ] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(
            "--time-limit",
            metavar="SECONDS",
            help="Refuse what an early estimate says takes longer.",
            show_default=False,
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Search part I of N alone and write it to --output, for accelnas merge.",
            show_default=False,
        ),
    ] = None,
    output: OutputOption = None,
    plot: PlotOption = None,
    certificate: CertificateOption = None,
    as_json: JsonOption = False,
    derive: DeriveOption = None,
    threads: ThreadsOption = None,
    benchmark: BenchmarkOption = None,
) -> None:
    """Answer a question from a file: long searches, with checkpoints, on a cluster, or divided into shards.

    Any question that the commands best, front, count, rank, distribution, scalarised and lexicographic ask.
    """
    from accelnas.exact import RunOptions, read_question, run_shard

    bench, asked = load_benchmark(benchmark, derive), read_question(question)
    options = RunOptions(engine.value, checkpoint, time_limit)
    if shard is not None and output is None:
        raise typer.BadParameter("--shard needs --output FILE for the part that it finds")
    with searching(bench, asked) as progress:
        if shard is not None and output is not None:
            part, parts = _parse_shard(shard)
            run_shard(bench, asked, part, parts, options=options, threads=threads, progress=progress).save(output)
            return
        found = bench.solve(asked, options=options, threads=threads, progress=progress)
    show(bench, found, certificate=certificate, as_json=as_json, output=output, plot=plot)


def _parse_shard(text: str) -> tuple[int, int]:
    """Read ``I/N``."""
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise typer.BadParameter(f"--shard {text!r}; write I/N with I from 1 to N, such as 1/4")
    return int(part), int(parts)


def merge(
    parts: Annotated[list[Path], typer.Argument(metavar="PART...", help="Files of --shard, each once.")],
    output: OutputOption = None,
    plot: PlotOption = None,
    certificate: CertificateOption = None,
    as_json: JsonOption = False,
    derive: DeriveOption = None,
    benchmark: BenchmarkOption = None,
) -> None:
    """Put all shards of one search together."""
    from accelnas.exact import merge_shards

    bench = load_benchmark(benchmark, derive)
    show(bench, merge_shards(bench, parts), certificate=certificate, as_json=as_json, output=output, plot=plot)


def verify(
    certificate: Annotated[Path, typer.Argument(metavar="CERTIFICATE", help="File of --certificate.")],
    rerun: Annotated[bool, typer.Option("--rerun", help="Search again from the beginning.")] = False,
    samples: Annotated[
        int, typer.Option("--samples", min=0, help="Random architectures to hold against the claims.")
    ] = 100_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON.")] = False,
    derive: DeriveOption = None,
    threads: ThreadsOption = None,
    benchmark: BenchmarkOption = None,
) -> None:
    """Check a certificate of the whole space again; the exit code is 1 where a check fails.

    Values are computed again twice: by the engine, and by NumPy alone from the benchmark's files.
    """
    from rich.markup import escape

    from accelnas.exact import Certificate

    bench = load_benchmark(benchmark, derive)
    checks = bench.verify(Certificate.load(certificate), rerun=rerun, samples=samples, threads=threads)
    if as_json:
        typer.echo(json.dumps({"passed": checks.passed, **asdict(checks)}, indent=1))
    else:
        table = new_table("check", "", "found")
        for check in checks.checks:
            table.add_row(check.name, f"[{_COLOURS[check.status]}]{check.status}[/]", escape(check.reason))
        console().print(table)
    if not checks.passed:
        raise typer.Exit(1)
