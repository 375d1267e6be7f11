"""How commands read one score of several metrics."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelnas.cli.shared import optional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnas.exact.formulations import Formulation

__all__ = ["Form", "Terms", "parse_formulation"]


class Form(Enum):
    """Formulations of several metrics."""

    sum = "sum"
    exponential = "exponential"
    minmax = "minmax"
    product = "product"
    reference = "reference"


@dataclass(frozen=True)
class Terms:
    """What belongs to the forms beside weights."""

    ranges: Annotated[
        list[str] | None, optional("--range", metavar="METRIC=WORST:IDEAL", text="Values that count as 0 and 1.")
    ] = None
    targets: Annotated[
        list[str] | None, optional("--target", metavar="METRIC=VALUE", text="What a product divides by.")
    ] = None
    power: Annotated[float, typer.Option("--power", help="Exponent of the exponential sum.")] = 2.0
    reference: Annotated[
        list[str] | None,
        optional("--reference", metavar="METRIC=VALUE", text="Values that are aspired to, by the form reference."),
    ] = None
    rho: Annotated[float, typer.Option("--rho", help="Weight of the sum in the form reference.")] = 1e-6


def parse_formulation(form: Form, weights: Sequence[str], terms: Terms) -> Formulation:
    """Read a formulation from ``METRIC=WEIGHT`` and what belongs to its form."""
    from accelnas.exact import ReferencePoint, WeightedExponentialSum, WeightedMinMax, WeightedProduct, WeightedSum

    by_metric: dict[str, Any] = _numbers("WEIGHT", weights, ",")
    ends: dict[str, Any] = _numbers("--range", terms.ranges or (), ":")
    if form is Form.product:
        return WeightedProduct(by_metric, _numbers("--target", terms.targets or (), ","))
    if form is Form.reference:
        return ReferencePoint(by_metric, _numbers("--reference", terms.reference or (), ","), terms.rho, ends)
    if form is Form.exponential:
        return WeightedExponentialSum(by_metric, terms.power, ends)
    return (WeightedSum if form is Form.sum else WeightedMinMax)(by_metric, ends)


def _numbers(what: str, texts: Sequence[str], separator: str) -> dict[str, Any]:
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
