"""``accelnas scalarised``: the best architecture by one score of several metrics, proven."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelnas.cli.exact import (
    CertificateOption,
    CheckpointOption,
    ConstraintsOption,
    Engine,
    EngineOption,
    JsonOption,
    TimeLimitOption,
    WithinOption,
    parse_choices,
)
from accelnas.cli.findings import show
from accelnas.cli.shared import BenchmarkOption, DeriveOption, ThreadsOption, load_benchmark

if TYPE_CHECKING:
    from accelnas.exact.scalarised import Formulation

EPILOG = """Examples:

  accelnas scalarised sum accuracy=1 latency_zcu102=0.3 -k 5

  accelnas scalarised minmax accuracy=0.7 throughput_a100=0.3

  accelnas scalarised exponential accuracy=1 macs=1 --power 3 --range accuracy=30:70 --range macs=1000:0

  accelnas scalarised product accuracy=1 latency_zcu102=-0.07 --target latency_zcu102=5

  accelnas scalarised product accuracy=1 latency_zcu102=0,-1 --target latency_zcu102=5
"""


class Form(Enum):
    """Formulations of several metrics."""

    sum = "sum"
    exponential = "exponential"
    minmax = "minmax"
    product = "product"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("scalarised", epilog=EPILOG)(scalarised)


def scalarised(
    form: Annotated[Form, typer.Argument(help="Sum, exponential sum, largest distance, or product.")],
    weights: Annotated[
        list[str], typer.Argument(metavar="METRIC=WEIGHT...", help="2 or 3 metrics and weights, or exponents.")
    ],
    ranges: Annotated[
        list[str] | None,
        typer.Option("--range", metavar="METRIC=WORST:IDEAL", help="Values that count as 0 and 1.", show_default=False),
    ] = None,
    targets: Annotated[
        list[str] | None,
        typer.Option("--target", metavar="METRIC=VALUE", help="What a product divides by.", show_default=False),
    ] = None,
    power: Annotated[float, typer.Option("--power", help="Exponent of the exponential sum.")] = 2.0,
    k: Annotated[int, typer.Option("-k", min=1, help="How many; more than 1 for some sums alone.")] = 1,
    subject_to: ConstraintsOption = None,
    within: WithinOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Also write a table: CSV or Parquet.", show_default=False),
    ] = None,
    certificate: CertificateOption = None,
    as_json: JsonOption = False,
    checkpoint: CheckpointOption = None,
    time_limit: TimeLimitOption = None,
    engine: EngineOption = Engine.threads,
    derive: DeriveOption = None,
    threads: ThreadsOption = None,
    benchmark: BenchmarkOption = None,
) -> None:
    """Find the best architecture by a weighted score of two or three metrics, and prove it.

    The score is monotone in every metric, so the best point of the exact Pareto front is the best of all.
    """
    bench = load_benchmark(benchmark, derive)
    result = bench.scalarised(
        parse_formulation(form, weights, ranges or [], targets or [], power),
        subject_to=subject_to or (),
        within=parse_choices(bench.space, within),
        k=k,
        threads=threads,
        engine=engine.value,
        checkpoint=checkpoint,
        time_limit=time_limit,
    )
    show(bench, result, certificate=certificate, as_json=as_json, output=output)


def parse_formulation(
    form: Form, weights: list[str], ranges: list[str], targets: list[str], power: float
) -> Formulation:
    """Read a formulation from ``METRIC=WEIGHT`` and what belongs to its form."""
    from accelnas.exact import WeightedExponentialSum, WeightedMinMax, WeightedProduct, WeightedSum

    by_metric: dict[str, Any] = _numbers("WEIGHT", weights, ",")
    ends: dict[str, Any] = _numbers("--range", ranges, ":")
    if form is Form.product:
        return WeightedProduct(by_metric, _numbers("--target", targets, ","))
    if form is Form.exponential:
        return WeightedExponentialSum(by_metric, power, ends)
    return (WeightedSum if form is Form.sum else WeightedMinMax)(by_metric, ends)


def _numbers(what: str, texts: list[str], separator: str) -> dict[str, Any]:
    """Read ``METRIC=NUMBER``, or two numbers."""
    found: dict[str, Any] = {}
    for text in texts:
        metric, equals, listed = text.partition("=")
        try:
            numbers = [float(number) for number in listed.split(separator)]
        except ValueError:
            numbers = []
        if not equals or len(numbers) not in (1, 2) or (separator == ":" and len(numbers) == 1):
            raise typer.BadParameter(f"{what} {text!r}; write METRIC=NUMBER, or METRIC=WORST:IDEAL for a range")
        found[metric.strip()] = numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])
    return found
