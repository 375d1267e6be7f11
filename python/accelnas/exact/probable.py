"""Limits that hold for a measurement with a probability: what people write, as ranges of quantiles."""

from __future__ import annotations

import ast
import math
import re
from typing import TYPE_CHECKING

from accelnas.errors import SearchError
from accelnas.exact.choices import ranges
from accelnas.exact.constraints import parse_constraints
from accelnas.models.quantiles import OFF, OffPrediction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelnas.metric import Metric

__all__ = ["is_certain", "probable"]

_WITH = re.compile(r"(.+?)\s+with\s+(\S+)\s*")


def probable(metrics: Mapping[str, Metric], text: str) -> list[tuple[str, float, float]]:
    """Read a limit on what is measured: quantiles, and the closed ranges of their values; none of another limit.

    Raises
    ------
    SearchError
        If the probability is none of at least 0.5, or the limit has two sides.
    MetricError
        If the metric is unknown.

    Examples
    --------
    >>> import accelnas
    >>> metrics = accelnas.load().metrics
    >>> probable(metrics, "latency_zcu102 <= 5 with 0.95")
    [('quantile(latency_zcu102, 0.95)', -inf, 5.0)]
    >>> probable(metrics, "throughput_a100 >= 8000 with 0.9")
    [('quantile(throughput_a100, 0.1)', 8000.0, inf)]
    >>> probable(metrics, "sigma(accuracy, -1) >= 65"), probable(metrics, "macs <= 300")
    ([('sigma(accuracy, -1)', 65.0, inf)], [])
    """
    if found := _WITH.fullmatch(text.strip()):
        return _with_probability(metrics, text, *found.groups())
    if not any(f"{function}(" in text for function in OFF):
        return []
    try:
        return ranges(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise SearchError(
            f"constraint {text!r} can't be read; write it like 'quantile(latency_zcu102, 0.95) <= 5'"
        ) from None


def is_certain(metric: Metric) -> bool:
    """Whether a metric is what is measured, without errors."""
    return metric.noise == 0.0 and not metric.calibrated


def _with_probability(
    metrics: Mapping[str, Metric], text: str, limit: str, chance: str
) -> list[tuple[str, float, float]]:
    try:
        probability = float(chance)
    except ValueError:
        probability = math.nan
    if not 0.5 <= probability < 1:
        raise SearchError(
            f"constraint {text!r}: {chance} is no probability of at least 0.5 and below 1; write it like "
            "'latency_zcu102 <= 5 with 0.95'"
        )
    ((metric, lower, upper),) = [(c.metric, c.lower, c.upper) for c in parse_constraints(metrics, limit)]
    if is_certain(metrics[metric]):
        return [(metric, lower, upper)]
    if math.isfinite(lower) and math.isfinite(upper):
        raise SearchError(f"constraint {text!r} has two sides; write two, each with a probability of its own")
    share = probability if math.isfinite(upper) else round(1 - probability, 15)
    return [(str(OffPrediction("quantile", metric, share)), lower, upper)]
