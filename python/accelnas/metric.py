"""Metrics: what a benchmark predicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

__all__ = ["LINK_NAMES", "Link", "Metric"]

Link: TypeAlias = Literal["identity", "reciprocal", "log", "below", "above", "capped", "floored"]
"""Scales on which surrogates model metrics."""

LINK_NAMES: tuple[Link, ...] = get_args(Link)


@dataclass(frozen=True)
class Metric:
    """What a benchmark predicts.

    Attributes
    ----------
    name, unit : str
        Name and unit, such as ``"latency_zcu102"`` and ``"ms"``.
    direction : {"maximise", "minimise"}
        Whether more or less is better.
    link : {"identity", "reciprocal", "log", "below", "above", "capped", "floored"}
        Scale on which the surrogate models the metric y; predictions are on the metric's own scale. Of
        ``"below"``, it is −log(limit − y), of ``"above"`` log(y − limit). ``"capped"`` is ``"reciprocal"`` with
        predictions of at most the limit, ``"floored"`` is ``"identity"`` with predictions of at least the limit.
    noise : float or None
        Standard deviation of one repeated measurement, in the unit, where it is known; at the median
        of the data where it is constant on the scale of the link.
    description : str
        What was measured.
    members : int
        Number of ensemble members.
    calibrated : bool
        Whether the benchmark says how far measurements lie from predictions: standard deviations are
        those of a measurement, and `Benchmark.predict_interval` and `Benchmark.distance` work.
    limit : float or None
        What values are ``"below"`` or ``"above"``, or predictions ``"capped"`` or ``"floored"`` at, in the unit; None
        for the other links.
    expression : str or None
        What `Benchmark.derive` computes the metric from; None for a metric of the benchmark's files.
    exact : bool
        Whether a surrogate of its own predicts it. False for a derived metric that no surrogate
        holds: the expression is evaluated on predictions, and `link` says nothing.
    """

    name: str
    unit: str
    direction: Literal["maximise", "minimise"]
    link: Link
    noise: float | None
    description: str
    members: int
    calibrated: bool = False
    limit: float | None = None
    expression: str | None = None
    exact: bool = True
