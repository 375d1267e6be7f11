"""``accelnas report``: one HTML file to look at, without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from accelnas.cli.commands import command
from accelnas.cli.shared import Computed, console, progress
from accelnas.files import replacing


@command(
    "accelnas report -o explorer.html",
    "accelnas report front.json -o front.html",
    "accelnas report -b nasbench201 --primary cifar100 -o explorer.html",
    "accelnas report --metrics accuracy,latency_zcu102 --named 'EfficientNet-B0=ARCHITECTURE' -o explorer.html",
)
def report(
    certificate: Annotated[
        Path | None,
        typer.Argument(
            metavar="CERTIFICATE", help="What a question found (--certificate).", show_default="an explorer"
        ),
    ] = None,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The page to write.")],
    metrics: Annotated[
        str | None, typer.Option("--metrics", "-m", metavar="METRIC,…", help="Metrics of the page.", show_default="all")
    ] = None,
    primary: Annotated[
        str | None,
        typer.Option(
            "--primary",
            metavar="METRIC",
            help="The metric that fronts have besides each other one.",
            show_default="accuracy, or the first",
        ),
    ] = None,
    named: Annotated[
        list[str] | None,
        typer.Option(
            "--named", "-n", metavar="NAME=ARCHITECTURE", help="An architecture to mark on fronts. May be repeated."
        ),
    ] = None,
    exact: Annotated[
        bool,
        typer.Option("--exact", help="Count all architectures for distributions, however many: a minute a metric."),
    ] = False,
    opened: Computed,
) -> None:
    """Write a page that needs no network: an explorer of a benchmark, or what a question found.

    An explorer predicts any architecture. It holds the metrics' tables and this package's core, exact fronts,
    distributions of the space and importances.
    """
    if certificate is not None:
        from accelnas import Certificate
        from accelnas.pages.proof import proof

        page = proof(Certificate.load(certificate))
    else:
        page = _explorer(opened, metrics, primary, named or [], exact)
    with replacing(output) as temporary:
        temporary.write_text(page, encoding="utf-8")
    console().print(f"{output}: {output.stat().st_size / 1e6:.1f} MB")


def _explorer(opened: Computed, metrics: str | None, primary: str | None, named: list[str], exact: bool) -> str:
    from accelnas.pages.explorer import explorer

    landmarks = {}
    for text in named:
        name, equals, architecture = text.partition("=")
        if not (name.strip() and equals and architecture.strip()):
            raise typer.BadParameter(f"--named {text!r}; write NAME=ARCHITECTURE")
        landmarks[name.strip()] = architecture.strip()
    with progress("report", None, "steps") as tell:
        return explorer(
            opened.bench,
            primary=primary,
            metrics=None if metrics is None else [name.strip() for name in metrics.split(",") if name.strip()],
            landmarks=landmarks,
            exact=exact,
            threads=opened.threads,
            progress=lambda _, done, __: tell(done),
        )
