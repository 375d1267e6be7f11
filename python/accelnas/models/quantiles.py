"""Values off predictions: quantiles of a measurement, and others by a number of standard deviations."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from accelnas.errors import MetricError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelnas import _core
    from accelnas.metric import Metric

__all__ = ["FALLING", "OFF", "OffPrediction", "is_off_prediction", "off_prediction", "with_off_prediction"]

OFF = ("quantile", "sigma")
FALLING = ("reciprocal", "capped")
"""Links on whose scale a metric falls."""
_CALL = re.compile(rf"\s*({'|'.join(OFF)})\s*\(")


@dataclass(frozen=True)
class OffPrediction:
    """A metric's value off its prediction, on the scale of its link.

    Attributes
    ----------
    function : {"quantile", "sigma"}
        Whether `number` is a probability or a number of standard deviations.
    metric : str
        A metric that a surrogate predicts.
    number : float
        The probability with which a measurement is not above the value; or how many total standard deviations the value
        is above the prediction, below it where negative.
    """

    function: Literal["quantile", "sigma"]
    metric: str
    number: float

    def __str__(self) -> str:
        return f"{self.function}({self.metric}, {self.number!r})"


def off_prediction(expression: str) -> OffPrediction | None:
    """Read ``quantile(METRIC, PROBABILITY)`` and ``sigma(METRIC, DEVIATIONS)``; None for any other expression.

    Raises
    ------
    MetricError
        If one of the two is not written like this.

    Examples
    --------
    >>> off_prediction("quantile(latency_zcu102, 0.95)")
    OffPrediction(function='quantile', metric='latency_zcu102', number=0.95)
    >>> off_prediction("macs / 2") is None
    True
    """
    if not is_off_prediction(expression):
        return None
    try:
        match ast.parse(expression.strip(), mode="eval").body:
            case ast.Call(func=ast.Name(id=function), args=[ast.Name(id=metric), number], keywords=[]) if (
                function in OFF
            ):
                return OffPrediction(function, metric, float(ast.literal_eval(number)))  # type: ignore[arg-type]
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        pass
    raise MetricError(
        f"{expression!r} can't be read; write quantile(METRIC, PROBABILITY) or sigma(METRIC, DEVIATIONS), each as a "
        "metric of its own, which other expressions can name"
    )


def is_off_prediction(expression: str) -> bool:
    """Whether an expression is one of the two; it may be written wrongly."""
    return _CALL.match(expression) is not None


def with_off_prediction(
    core: _core.Benchmark, metrics: Mapping[str, Metric], name: str, off: OffPrediction, direction: str, unit: str
) -> _core.Benchmark:
    """Give the benchmark with one more metric in memory.

    Raises
    ------
    MetricError
        If the metric is unknown, an expression or off a prediction itself, or its held-out errors are not known, or too
        few for the probability.
    """
    if off.metric not in metrics:
        raise MetricError(f'{str(off)!r}: unknown metric "{off.metric}"; the metrics are {", ".join(metrics)}')
    base = metrics[off.metric]
    if not base.exact:
        raise MetricError(
            f"{str(off)!r}: {off.metric} = {base.expression} is evaluated on predictions and has no held-out errors; "
            "use the metrics that it names"
        )
    position = core.position(off.metric)
    if off.function == "quantile":
        count = core.deviations_at(position, off.number)
    else:
        count = -off.number if base.link in FALLING else off.number
    return core.with_deviation(
        name,
        position,
        count,
        unit=unit or base.unit,
        direction=direction,
        link=base.link,
        limit=base.limit,
        noise=None,
        description=base.description,
        provenance={"expression": str(off)},
    )
