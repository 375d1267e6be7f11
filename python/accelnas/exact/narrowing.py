"""Where the best score can lie: what every metric is at least, once some architecture has a score."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from accelnas._core import MAX_LIMITS
from accelnas.exact.constraints import Constraint
from accelnas.exact.formulations import WeightedProduct, resolved_ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from accelnas.exact.formulations import Formulation
    from accelnas.metric import Metric

__all__ = ["is_narrowed", "narrowed"]

_ROUNDS = 8  # of local search, each where the one before leaves room
_DOUBLINGS = 200
_ROUNDING = 1e-12  # relative, of powers

First: TypeAlias = "Callable[[tuple[Constraint, ...]], Mapping[str, NDArray[np.float64]]]"
"""Values of architectures that local search finds under constraints."""


def is_narrowed(formulation: Formulation) -> bool:
    """Whether there is something to gain, and no front is needed to say what a score is.

    Examples
    --------
    >>> from accelnas.exact import WeightedMinMax, WeightedProduct
    >>> is_narrowed(WeightedMinMax({"accuracy": 1, "macs": 1, "params": 1}))
    False
    >>> is_narrowed(WeightedProduct({"accuracy": 1, "macs": -0.1, "params": -0.1}))
    True
    """
    return len(formulation.weights) > 2 and (
        not formulation.is_loss or set(formulation.ranges) == set(formulation.weights)
    )


def narrowed(
    formulation: Formulation,
    metrics: Mapping[str, Metric],
    limits: tuple[Constraint, ...],
    ideals: Mapping[str, float],
    first: First,
) -> tuple[Constraint, ...]:
    """Give constraints that every architecture meets whose score is at least the best that local search finds.

    A value at which even the ideal values of all other metrics give a worse score is one that the best score has not:
    scores are monotone. `ideals` are at least as good as any value under `limits`.
    """
    ranges = {} if isinstance(formulation, WeightedProduct) else resolved_ranges(formulation, metrics, {})
    sign = -1.0 if formulation.is_loss else 1.0
    best, found = -math.inf, limits
    for _ in range(_ROUNDS):
        scores = sign * formulation.score(first(found), ranges)
        if not (scores > best).any():
            break
        best = float(scores.max())
        least = best - _ROUNDING * abs(best)

        def reaches(name: str, value: float, least: float = least) -> bool:
            values = {other: np.array([value if other == name else ideals[other]]) for other in formulation.weights}
            return bool(sign * formulation.score(values, ranges)[0] >= least)

        ends = {name: _end(formulation, metrics[name], ideals[name], reaches) for name in formulation.weights}
        more = _joined(metrics, limits, ends)
        if sum(math.isfinite(end) for c in more for end in (c.lower, c.upper)) > MAX_LIMITS:
            break
        found = more
    return found


def _end(formulation: Formulation, metric: Metric, ideal: float, reaches: Callable[[str, float], bool]) -> float | None:
    """Give a value of a metric that does not reach a score, nearly the best such; None where all do."""
    worse = -1.0 if metric.direction == "maximise" else 1.0
    if isinstance(formulation, WeightedProduct):
        tried = (ideal * 2.0 ** (worse * k) for k in range(1, _DOUBLINGS))
    else:
        tried = (ideal + worse * max(abs(ideal), 1.0) * 2.0 ** (k - 10) for k in range(_DOUBLINGS))
    inside: float = ideal
    outside: float | None = next((value for value in tried if not reaches(metric.name, value)), None)
    if outside is None:
        return None
    while (middle := (inside + outside) / 2) not in (inside, outside):
        if reaches(metric.name, middle):
            inside = middle
        else:
            outside = middle
    return outside


def _joined(
    metrics: Mapping[str, Metric], limits: tuple[Constraint, ...], ends: Mapping[str, float | None]
) -> tuple[Constraint, ...]:
    """Add ends of metrics to constraints."""
    known = {limit.metric: limit for limit in limits}
    for name, end in ends.items():
        if end is not None:
            old = known.get(name, Constraint(name, -math.inf, math.inf))
            maximised = metrics[name].direction == "maximise"
            lower, upper = (max(old.lower, end), old.upper) if maximised else (old.lower, min(old.upper, end))
            known[name] = Constraint(name, lower, upper)
    return tuple(known.values())
