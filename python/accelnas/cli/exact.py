"""What the commands about the whole space share: options, progress, the table of results."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelnas.cli.shared import OutputOption, PlotOption, optional, progress

if TYPE_CHECKING:
    from accelnas import Benchmark, Space
    from accelnas.exact import Question

ConstraintsOption = Annotated[
    list[str] | None,
    optional(
        "--subject-to",
        "-s",
        metavar="'METRIC <= NUMBER'",
        text="Only architectures with this prediction; also >=, <, >, == and 'NUMBER <= METRIC <= NUMBER'. Or with "
        "such choices: 'count(se == 1) <= 3', 'sum(l) <= 16', 'block1_k == block2_k', 'block0_e in (1, 4)'. Or with a "
        "probability that a measurement keeps it: 'METRIC <= NUMBER with 0.95'. "
        "May be repeated.",
    ),
]
WithinOption = Annotated[
    list[str] | None,
    optional(
        "--within",
        "-w",
        metavar="VARIABLE=CHOICE[,CHOICE]",
        text="Only architectures with one of these choices, such as block1_k=3,5. May be repeated.",
    ),
]
RiskOption = Annotated[
    float,
    typer.Option(
        "--risk", min=0, metavar="K", help="Seek values that are so many standard deviations on the safe side."
    ),
]
CertificateOption = Annotated[
    Path | None, optional("--certificate", "-c", text="Write the certificate, for accelnas verify.")
]
SamplesOption = Annotated[
    int | None,
    optional(
        "--samples",
        metavar="N",
        text="Estimate from so many random architectures, with 95 % intervals: of any metric.",
        default="exact",
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of --samples.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the certificate in place of a table.")]


@dataclass(frozen=True)
class Restricted:
    """The architectures that a question is about."""

    subject_to: ConstraintsOption = None
    within: WithinOption = None

    def of(self, bench: Benchmark) -> dict[str, Any]:
        """Give them as the API takes them."""
        return {"subject_to": self.subject_to or (), "within": parse_choices(bench.space, self.within)}


@dataclass(frozen=True)
class Sampled:
    """An estimate in place of an exact answer."""

    samples: SamplesOption = None
    seed: SeedOption = 0


@dataclass(frozen=True)
class Written:
    """Files of an answer's numbers."""

    output: OutputOption = None
    plot: PlotOption = None


@dataclass(frozen=True)
class Proven:
    """How the certificate of an answer is given."""

    certificate: CertificateOption = None
    as_json: JsonOption = False


NO_SAMPLES, NO_FILES, NO_CERTIFICATE = Sampled(), Written(), Proven()


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


def parse_directions(text: str) -> list[str | tuple[str, str]]:
    """Read metrics between commas, each as `parse_direction`; ``quantile(accuracy, 0.1)`` is one."""
    return [parse_direction(part) for part in re.split(r",(?![^()]*\))", text)]


def parse_direction(text: str) -> str | tuple[str, str]:
    """Read a metric, or ``METRIC:DIRECTION``."""
    metric, colon, direction = (part.strip() for part in text.partition(":"))
    return (metric, direction) if colon else metric


def searching(bench: Benchmark, question: Question) -> AbstractContextManager[Callable[..., None]]:
    """Show the progress of a search while a person watches."""
    return progress("searching", question.size(bench), "architectures")
