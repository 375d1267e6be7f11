"""``accelnas verify``: checks a certificate again; ``accelnas merge``: puts shards of a search together."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from accelnas.cli.exact import CertificateOption, JsonOption
from accelnas.cli.findings import show
from accelnas.cli.info import new_table
from accelnas.cli.shared import BenchmarkOption, DeriveOption, ThreadsOption, console, load_benchmark

EPILOG = """Examples:

  accelnas best accuracy --certificate best.json

  accelnas verify best.json

  accelnas verify best.json --rerun --samples 1000000
"""
MERGE_EPILOG = """Examples:

  accelnas best accuracy --shard 1/2 -o part1.json

  accelnas best accuracy --shard 2/2 -o part2.json

  accelnas merge part1.json part2.json --certificate best.json
"""
_COLOURS = {"passed": "green", "failed": "bold red", "skipped": "yellow"}


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("verify", epilog=EPILOG)(verify)
    app.command("merge", epilog=MERGE_EPILOG)(merge)


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
    checks = Certificate.load(certificate).verify(bench, rerun=rerun, samples=samples, threads=threads)
    if as_json:
        typer.echo(json.dumps({"passed": checks.passed, **asdict(checks)}, indent=1))
    else:
        table = new_table("check", "", "found")
        for check in checks.checks:
            table.add_row(check.name, f"[{_COLOURS[check.status]}]{check.status}[/]", escape(check.reason))
        console().print(table)
    if not checks.passed:
        raise typer.Exit(1)


def merge(
    parts: Annotated[list[Path], typer.Argument(metavar="PART...", help="Files of --shard, each once.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Also write a table of architectures.", show_default=False),
    ] = None,
    certificate: CertificateOption = None,
    as_json: JsonOption = False,
    derive: DeriveOption = None,
    benchmark: BenchmarkOption = None,
) -> None:
    """Put all shards of one search together."""
    from accelnas.exact import merge_shards

    bench = load_benchmark(benchmark, derive)
    show(bench, merge_shards(bench, parts), certificate=certificate, as_json=as_json, output=output)
