"""What the commands about the whole space share: options, progress, the table of results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelnas.cli.shared import progress

if TYPE_CHECKING:
    from accelnas import Benchmark, Space
    from accelnas.exact import Question

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
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Also write a table: CSV, or Parquet if the name ends in .parquet.",
        show_default=False,
    ),
]
PlotOption = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE", help="SVG file to draw to.", show_default=False)
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
def searching(bench: Benchmark, question: Question) -> Iterator[Callable[[int, int], None]]:
    """Show the progress of a search while a person watches."""
    with progress("searching", question.size(bench), "architectures") as show:
        yield lambda done, _total: show(done)
