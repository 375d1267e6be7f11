"""How commands read one score of several metrics."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnas.exact.formulations import Formulation

__all__ = ["Form", "parse_formulation"]


class Form(Enum):
    """Formulations of several metrics."""

    sum = "sum"
    exponential = "exponential"
    minmax = "minmax"
    product = "product"


def parse_formulation(
    form: Form, weights: Sequence[str], ranges: Sequence[str], targets: Sequence[str], power: float
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
