"""``accelnas run`` answers a question from a file, or a part; ``merge`` joins parts, ``verify`` checks answers."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from accelnas.cli.commands import command
from accelnas.cli.exact import Engine, EngineOption, Proven, Written, searching
from accelnas.cli.findings import exit_interrupted, show
from accelnas.cli.info import new_table
from accelnas.cli.shared import Computed, Opened, console, optional

_COLOURS = {"passed": "green", "failed": "bold red", "skipped": "yellow"}


@command(
    "accelnas run question.toml --checkpoint best.sqlite --certificate best.json",
    "accelnas run question.toml --shard 1/2 -o part1.json",
    'A question in TOML names itself and its fields:  question = "best"  objective = "accuracy"  k = 10',
)
def run(
    question: Annotated[Path, typer.Argument(metavar="QUESTION", help="TOML file of a question about the space.")],
    *,
    engine: EngineOption = Engine.threads,
    checkpoint: Annotated[
        Path | None,
        optional("--checkpoint", text="Keep the state of the search in this file; the same command goes on from it."),
    ] = None,
    time_limit: Annotated[
        float | None,
        optional("--time-limit", metavar="SECONDS", text="Refuse what an early estimate says takes longer."),
    ] = None,
    anytime: Annotated[
        bool,
        typer.Option("--anytime", help="End at --time-limit, or on Ctrl-C, with what was found and proven so far."),
    ] = False,
    shard: Annotated[
        str | None,
        optional(
            "--shard", metavar="I/N", text="Search part I of N alone and write it to --output, for accelnas merge."
        ),
    ] = None,
    written: Written,
    proven: Proven,
    opened: Computed,
) -> None:
    """Answer a question from a file: long searches, with checkpoints, on a cluster, or divided into shards.

    Any question that the commands best, front, count, rank, distribution, scalarised and lexicographic ask.
    """
    from accelnas.exact import RunOptions, read_question, run_shard

    bench, asked, output = opened.bench, read_question(question), written.output
    how: dict[str, Any] = {
        "threads": opened.threads,
        "options": RunOptions(engine.value, checkpoint, time_limit, anytime),
    }
    if shard is not None and output is None:
        raise typer.BadParameter("--shard needs --output FILE for the part that it finds")
    with searching(bench, asked) as progress:
        if shard is not None and output is not None:
            run_shard(bench, asked, *_parse_shard(shard), **how, progress=progress).save(output)
            return
        found = bench.solve(asked, **how, progress=progress)
    show(bench, found, proven, written)
    if not anytime:
        exit_interrupted(found)


def _parse_shard(text: str) -> tuple[int, int]:
    """Read ``I/N``."""
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise typer.BadParameter(f"--shard {text!r}; write I/N with I from 1 to N, such as 1/4")
    return int(part), int(parts)


@command(
    "accelnas run question.toml --shard 1/2 -o part1.json",
    "accelnas run question.toml --shard 2/2 -o part2.json",
    "accelnas merge part1.json part2.json --certificate best.json",
)
def merge(
    parts: Annotated[list[Path], typer.Argument(metavar="PART...", help="Files of --shard, each once.")],
    written: Written,
    proven: Proven,
    opened: Opened,
) -> None:
    """Put all shards of one search together."""
    from accelnas.exact import merge_shards

    show(opened.bench, merge_shards(opened.bench, parts), proven, written)


@command(
    "accelnas best accuracy --certificate best.json",
    "accelnas verify best.json",
    "accelnas verify best.json --rerun --samples 1000000",
)
def verify(
    certificate: Annotated[Path, typer.Argument(metavar="CERTIFICATE", help="File of --certificate.")],
    *,
    rerun: Annotated[bool, typer.Option("--rerun", help="Search again from the beginning.")] = False,
    samples: Annotated[
        int, typer.Option("--samples", min=0, help="Random architectures to hold against the claims.")
    ] = 100_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON.")] = False,
    opened: Computed,
) -> None:
    """Check a certificate of the whole space again; the exit code is 1 where a check fails.

    Values are computed again twice: by the engine, and by NumPy alone from the benchmark's files.
    """
    from rich.markup import escape

    from accelnas.exact import Certificate

    saved = Certificate.load(certificate)
    checks = opened.bench.verify(saved, rerun=rerun, samples=samples, threads=opened.threads)
    if as_json:
        typer.echo(json.dumps({"passed": checks.passed, **asdict(checks)}, indent=1))
    else:
        table = new_table("check", "", "found")
        for check in checks.checks:
            table.add_row(check.name, f"[{_COLOURS[check.status]}]{check.status}[/]", escape(check.reason))
        console().print(table)
    if not checks.passed:
        raise typer.Exit(1)
