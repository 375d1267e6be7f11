"""``accelnas neighbourhood``: what a metric's landscape is like."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelnas.cli.commands import command
from accelnas.cli.info import new_table, significant
from accelnas.cli.shared import Computed, PlotOption, console, write_plot

if TYPE_CHECKING:
    from rich.table import Table

    from accelnas import Estimate, Metric, Neighbourhood, Space

SHOWN = 5  # local optima


@command(
    "accelnas neighbourhood accuracy",
    "accelnas neighbourhood throughput_a100 --starts 100000 --optimum 31415926535",
    "accelnas neighbourhood latency_zcu102 --json > landscape.json",
    "accelnas neighbourhood accuracy --plot autocorrelation.pdf",
)
def neighbourhood(
    metric: Annotated[str, typer.Argument(metavar="METRIC", help="Name of the metric.")],
    *,
    starts: Annotated[int, typer.Option("--starts", min=2, help="Architectures to climb from.")] = 10_000,
    samples: Annotated[int, typer.Option("--samples", min=10, help="Architectures for correlations.")] = 100_000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of starts and samples.")] = 0,
    optimum: Annotated[
        str | None,
        typer.Option(
            "--optimum",
            metavar="ARCHITECTURE",
            help="Measure distances to this architecture, given as a string or as its index in the space.",
            show_default="the best local optimum",
        ),
    ] = None,
    plot: PlotOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write everything as JSON.")] = False,
    opened: Computed,
) -> None:
    """Describe a metric's landscape, where neighbours differ in one variable: ruggedness, optima, distances.

    Autocorrelations are exact, on the scale of the metric's link; what is sampled comes with 95 % intervals.
    """
    bench = opened.bench
    target = int(optimum) if optimum is not None and optimum.isdecimal() else optimum
    found = bench.neighbourhood(
        metric, starts=starts, samples=samples, optimum=target, seed=seed, threads=opened.threads
    )
    write_plot(plot, found.plot)
    if as_json:
        import json

        typer.echo(json.dumps(_document(found, bench.space), indent=2))
        return
    screen = console()
    screen.print(f"[bold]{metric}[/bold]: {found.direction}, {len(found.values)} local optima from {starts:,} starts")
    screen.print(_figures(found), _optima(found, bench.metrics[metric], bench.space))


def _figures(found: Neighbourhood) -> Table:
    correlations = "  ".join(f"{found.autocorrelation[steps - 1]:.3f}" for steps in (1, 2, 5, 10, 20))
    reference = "the optimum given" if found.optimum_is_given else "the best local optimum"
    table = new_table("figure", "value", "95 % interval", "of", numbers=("value", "95 % interval"))
    table.add_row(
        "autocorrelation", f"{found.autocorrelation[0]:.4f}", "exact", f"1, 2, 5, 10, 20 steps: {correlations}"
    )
    table.add_row("correlation length", f"{found.correlation_length:.2f}", "exact", "steps")
    rows: tuple[tuple[str, Estimate, str], ...] = (
        ("climb", found.steps, "moves to a local optimum"),
        ("best optimum", found.best_share, "of the space climbs to the best local optimum found"),
        ("unseen", found.unseen_share, "of the space climbs to local optima that were not found"),
        ("local optima", found.optima_estimate, "that can be climbed to, estimated from below"),
        ("Pearson", found.pearson, f"correlation with the distance to {reference}"),
        ("Spearman", found.spearman, f"correlation with the distance to {reference}"),
        ("neutral", found.neutrality, "of neighbours have exactly the same value"),
        ("neutral but for rounding", found.neutrality_rounded, "of neighbours have the same value"),
    )
    for name, estimate, what in rows:
        table.add_row(name, f"{estimate.value:.4g}", f"{estimate.lower:.4g} to {estimate.upper:.4g}", what)
    return table


def _optima(found: Neighbourhood, metric: Metric, space: Space) -> Table:
    from rich.markup import escape

    value = escape(f"{metric.name} [{metric.unit}]" if metric.unit else metric.name)
    table = new_table("best local optima", value, "starts", numbers=(value, "starts"))
    for text, number, count in zip(space.format(found.optima[:SHOWN]), found.values, found.counts, strict=False):
        table.add_row(text, significant(float(number), 6), str(count))
    return table


def _document(found: Neighbourhood, space: Space) -> dict[str, Any]:
    """All fields as JSON holds them, architectures as strings."""
    fields = asdict(found)
    fields["optimum"] = space.format(found.optimum)[0]
    fields["optima"] = space.format(found.optima)
    if math.isinf(found.correlation_length):  # which JSON can't say
        fields["correlation_length"] = None
    return {name: value.tolist() if hasattr(value, "tolist") else value for name, value in fields.items()}
