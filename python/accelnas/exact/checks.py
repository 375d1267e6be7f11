"""Checks that several kinds of results share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accelnas.exact.recompute import recompute
from accelnas.exact.verification import failed, passed

if TYPE_CHECKING:
    from accelnas.exact.case import Case
    from accelnas.exact.verification import Finding

__all__ = ["architectures", "constraints", "recomputation", "values"]

_RECOMPUTED = 1000  # random architectures that are computed without the core
_TOLERANCE = 1e-9  # of a metric's standard deviation over them


def architectures(case: Case) -> Finding:
    """Expect distinct architectures of the (sub)space."""
    inside = case.inside(case.rows)
    if not inside.all():
        return failed(f"{case.certificate.result['architectures'][int(np.argmin(inside))]} is outside the sub-space")
    if len(np.unique(case.rows, axis=0)) < len(case.rows):
        return failed("an architecture is named twice")
    return passed(f"{len(case.rows)} distinct architectures of the (sub)space")


def values(case: Case) -> Finding:
    """Compare recorded values with the core's, bit by bit."""
    found = case.predict(case.rows)
    for metric, recorded in case.recorded.items():
        wrong = found[metric] != recorded
        if wrong.any():
            i = int(np.argmax(wrong))
            return failed(f"{metric} of architecture {i + 1} is {found[metric][i]!r}, recorded is {recorded[i]!r}")
    return passed(f"{sum(map(len, found.values()))} values are equal in float64")


def recomputation(case: Case) -> Finding:
    """Compare the core's values with those that NumPy computes from the files alone."""
    rows = case.sampled[:_RECOMPUTED]
    if "architectures" in case.certificate.result:
        rows = np.concatenate([rows, case.rows])
    largest = 0.0
    for metric, value in case.predict(rows).items():
        own = recompute(case.bench, metric, rows)
        tolerance = _TOLERANCE * own.std() + 1e-12 * np.abs(own)
        error = np.abs(value - own)
        if not np.all(error <= tolerance):
            i = int(np.argmin(error <= tolerance))
            arch = case.bench.space.format(rows[[i]])[0]
            return failed(f"{metric} of {arch} is {value[i]!r}, computed from its file it is {own[i]!r}")
        relative = np.divide(error, np.abs(own), out=np.zeros_like(own), where=own != 0)
        largest = max(largest, float(np.max(relative, initial=0.0)))
    return passed(f"{len(rows):,} architectures without the core, relative error up to {largest:.1g}")


def constraints(case: Case) -> Finding:
    """Hold recorded values against the constraints."""
    met = case.feasible(case.recorded)
    if not met.all():
        return failed(f"architecture {int(np.argmin(met)) + 1} breaks a constraint")
    return passed(f"{len(case.question.constraints)} constraints are met")
