"""Constraints on metrics: what people write, as closed ranges."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from accelnas.arguments import shown
from accelnas.errors import MetricError, SearchError
from accelnas.exact.objectives import known_metric

if TYPE_CHECKING:
    from accelnas.metric import Metric

__all__ = ["Constraint", "Constraints", "parse_constraints", "require_tables"]

Constraints: TypeAlias = "str | Sequence[str | Constraint] | Mapping[str, tuple[float | None, float | None]]"
"""Texts such as ``"latency_zcu102 <= 5"``, or lower and upper bounds by metric (None for none)."""

_HOW = "write it like 'latency_zcu102 <= 5' or '2 <= latency_zcu102 < 5'"


@dataclass(frozen=True)
class Constraint:
    """A metric's predicted value in float64 lies in a closed range; infinite ends bound nothing."""

    metric: str
    lower: float
    upper: float

    def __str__(self) -> str:
        if self.lower == self.upper:
            return f"{self.metric} == {self.lower!r}"
        if self.lower == -math.inf:
            return f"{self.metric} <= {self.upper!r}"
        if self.upper == math.inf:
            return f"{self.metric} >= {self.lower!r}"
        return f"{self.lower!r} <= {self.metric} <= {self.upper!r}"


def parse_constraints(metrics: Mapping[str, Metric], subject_to: Constraints) -> tuple[Constraint, ...]:
    """Read constraints; several on one metric become one, in the order of metrics.

    Raises
    ------
    SearchError
        If a text can't be read, a bound is no number, or bounds on one metric contradict each other.
    MetricError
        If a metric is unknown.

    Examples
    --------
    >>> import accelnas
    >>> metrics = accelnas.load().metrics
    >>> [str(c) for c in parse_constraints(metrics, ["latency_zcu102 <= 5", "macs >= 200", "macs <= 300"])]
    ['200.0 <= macs <= 300.0', 'latency_zcu102 <= 5.0']
    >>> parse_constraints(metrics, "4 > latency_zcu102")[0].upper
    3.9999999999999996
    """
    found: dict[str, tuple[float, float]] = {}
    for text, metric, lower, upper in _ranges(metrics, subject_to):
        known = found.get(metric, (-math.inf, math.inf))
        found[metric] = lower, upper = max(known[0], lower), min(known[1], upper)
        if lower > upper or lower == math.inf or upper == -math.inf:
            raise SearchError(
                f"constraint {text!r} can't be met: {metric} would be at least {lower!r} and at most {upper!r}; "
                "change one of the bounds"
            )
    ranges = (Constraint(metric, *found[metric]) for metric in metrics if metric in found)
    return tuple(c for c in ranges if c.lower > -math.inf or c.upper < math.inf)


def require_tables(metrics: Mapping[str, Metric], name: str) -> str:
    """Give the name of a metric that a surrogate holds, of which exact answers are known.

    Raises
    ------
    MetricError
        If there is no such metric, or it is an expression of others.
    """
    if not metrics[known_metric(metrics, name)].exact:
        raise MetricError(
            f"{name} = {metrics[name].expression} is evaluated on predictions and has no tables, so nothing exact is "
            "known of the whole space; use the metrics that it names (what each of them makes better is best on their "
            "front: Benchmark.pareto_front), or estimate a count, a rank or a distribution by a sample "
            "(Benchmark.estimate, --samples)"
        )
    return name


def _ranges(metrics: Mapping[str, Metric], subject_to: Constraints) -> list[tuple[str, str, float, float]]:
    """Text, metric, lower and upper bound of every constraint."""
    if isinstance(subject_to, Mapping):
        return [_bounds(metrics, name, ends) for name, ends in subject_to.items()]
    if not isinstance(subject_to, (str, Iterable)):
        raise SearchError(f"subject_to is {subject_to!r}; {_HOW}")
    found = []
    for given in [subject_to] if isinstance(subject_to, str) else subject_to:
        if isinstance(given, Constraint):
            found.append((str(given), known_metric(metrics, given.metric), given.lower, given.upper))
        else:
            found.append((given, *_parse(metrics, given)))
    return found


def _bounds(metrics: Mapping[str, Metric], name: str, ends: object) -> tuple[str, str, float, float]:
    text = f"{name}: {ends!r}"
    known_metric(metrics, name, f" in the constraint {text!r}")
    if not isinstance(ends, (tuple, list)) or len(ends) != 2:
        raise SearchError(f"constraint {text!r} is no pair; give a lower and an upper bound, None for none")
    lower = -math.inf if ends[0] is None else _number(text, ends[0])
    upper = math.inf if ends[1] is None else _number(text, ends[1])
    return text, name, lower, upper


def _parse(metrics: Mapping[str, Metric], text: str) -> tuple[str, float, float]:
    """Read ``metric < number``, ``number < metric`` or ``number < metric < number``."""
    if not isinstance(text, str):
        raise SearchError(f"constraint {text!r} is a {type(text).__name__}; {_HOW}")
    parts = [part.strip() for part in re.split(r"(<=|>=|==|<|>)", text)]
    if len(parts) == 3 and not _is_number(metrics, parts[0]):
        name, bounds = parts[0], [(parts[1], parts[2])]
    elif len(parts) == 3:
        name, bounds = parts[2], [(_mirrored(parts[1]), parts[0])]
    elif len(parts) == 5 and parts[1][0] == parts[3][0] != "=":
        name, bounds = parts[2], [(_mirrored(parts[1]), parts[0]), (parts[3], parts[4])]
    else:
        raise SearchError(f"constraint {text!r} can't be read; {_HOW}")
    known_metric(metrics, name, f" in the constraint {text!r}")
    lower, upper = -math.inf, math.inf
    for operator, number in bounds:
        value = _number(text, number)
        if operator[0] in ">=":
            lower = max(lower, math.nextafter(value, math.inf) if operator == ">" else value)
        if operator[0] in "<=":
            upper = min(upper, math.nextafter(value, -math.inf) if operator == "<" else value)
    return name, lower, upper


def _mirrored(operator: str) -> str:
    return operator.translate(str.maketrans("<>", "><"))


def _is_number(metrics: Mapping[str, Metric], text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text not in metrics


def _number(text: str, number: object) -> float:
    try:
        value = float(number)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise SearchError(f"constraint {text!r}: {shown(number)} is no number; {_HOW}") from None
    if math.isnan(value):
        raise SearchError(f"constraint {text!r}: {number!r} bounds nothing; {_HOW}")
    return value
