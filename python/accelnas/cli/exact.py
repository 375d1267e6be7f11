"""What the commands about the whole space share: options, progress, the table of results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelnas.cli.shared import progress

if TYPE_CHECKING:
    from accelnas import Benchmark, Space
    from accelnas.exact import Question, RunOptions

ConstraintsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--subject-to",
        "-s",
        metavar="'METRIC <= NUMBER'",
        help="Only architectures with this prediction; also >=, <, >, == and 'NUMBER <= METRIC <= NUMBER'. "
        "May be repeated.",
        show_default=False,
    ),
]
WithinOption = Annotated[
    list[str] | None,
    typer.Option(
        "--within",
        "-w",
        metavar="VARIABLE=CHOICE[,CHOICE]",
        help="Only architectures with one of these choices, such as block1_k=3,5. May be repeated.",
        show_default=False,
    ),
]
CertificateOption = Annotated[
    Path | None,
    typer.Option(
        "--certificate", "-c", metavar="FILE", help="Write the certificate, for accelnas verify.", show_default=False
    ),
]
CheckpointOption = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint",
        metavar="FILE",
        help="Keep the state of the search in this file; the same command goes on from it.",
        show_default=False,
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Search part I of N alone and write it to --output, for accelnas merge.",
        show_default=False,
    ),
]
TimeLimitOption = Annotated[
    float | None,
    typer.Option(
        "--time-limit", metavar="SECONDS", help="Refuse what an early estimate says takes longer.", show_default=False
    ),
]
SamplesOption = Annotated[
    int | None,
    typer.Option(
        "--samples",
        metavar="N",
        help="Estimate from so many random architectures, with 95 % intervals: of any metric.",
        show_default="exact",
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of --samples.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the certificate in place of a table.")]


class Engine(Enum):
    """What runs the search."""

    threads = "threads"
    ray = "ray"


EngineOption = Annotated[
    Engine,
    typer.Option("--engine", help="This process, or a Ray cluster: that of RAY_ADDRESS, else one on this machine."),
]


def parse_choices(space: Space, texts: Sequence[str] | None) -> dict[str, list[Any]]:
    """Read restrictions such as ``block1_k=3,5`` for the API."""
    within: dict[str, list[Any]] = {}
    for text in texts or ():
        name, equals, listed = text.partition("=")
        known = next((v.choices for v in space.variables if v.name == name.strip()), None)
        if not equals or known is None:
            names = ", ".join(v.name for v in space.variables)
            raise typer.BadParameter(f"--within {text!r}; write VARIABLE=CHOICE with one of {names}")
        by_text = {str(choice).lower(): choice for choice in known}
        for choice in listed.split(","):
            if choice.strip().lower() not in by_text:
                raise typer.BadParameter(f"--within {text!r}: {name} is one of {', '.join(by_text)}, not {choice!r}")
            within.setdefault(name.strip(), []).append(by_text[choice.strip().lower()])
    return within


def parse_direction(text: str) -> str | tuple[str, str]:
    """Read a metric, or ``METRIC:DIRECTION``."""
    metric, colon, direction = (part.strip() for part in text.partition(":"))
    return (metric, direction) if colon else metric


@contextmanager
def run_options(
    question: Question, threads: int | None, engine: Engine, checkpoint: Path | None, time_limit: float | None
) -> Iterator[RunOptions]:
    """Give options of a search whose progress is shown while a person watches."""
    from accelnas.exact import RunOptions

    with progress("searching", question.size, "architectures") as show:
        yield RunOptions(
            engine=engine.value,
            threads=threads,
            checkpoint=checkpoint,
            time_limit=time_limit,
            progress=lambda done, _total: show(done),
        )


def parse_shard(text: str) -> tuple[int, int]:
    """Read ``I/N``."""
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise typer.BadParameter(f"--shard {text!r}; write I/N with I from 1 to N, such as 1/4")
    return int(part), int(parts)


def search(
    bench: Benchmark, question: Question, options: RunOptions, shard: str | None, output: Path | None
) -> Any | None:
    """Answer a question; with a shard write that part and give nothing."""
    from accelnas.exact import run_shard
    from accelnas.exact.whole_space import solve

    if shard is None:
        return solve(bench, question, options)
    if output is None:
        raise typer.BadParameter("--shard needs --output FILE for the part that it finds")
    run_shard(bench, question, *parse_shard(shard), options).save(output)
    return None


def drawn_samples(samples: int | None, seed: int) -> tuple[int, int] | None:
    """Give samples and seed for an estimate, where one is asked for."""
    return None if samples is None else (samples, seed)
