"""Hypervolume of points of several objectives: the volume that they dominate, up to a reference point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from accelnas import _core
from accelnas.arguments import check_direction, check_number
from accelnas.errors import SearchError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["hypervolume", "reference_point"]

_MOST = 8  # objectives


def reference_point(names: Sequence[str], given: object) -> list[float]:
    """Give a reference point in the order of the objectives' names: from a mapping, or a sequence in that order.

    Raises
    ------
    SearchError
        If it has other objectives, or what is no finite number.
    """
    if isinstance(given, Mapping):
        listed = dict(given)
    elif isinstance(given, (Sequence, np.ndarray)) and not isinstance(given, str) and len(given) == len(names):
        listed = dict(zip(names, given, strict=True))
    else:
        listed = {}
    if set(listed) != set(names):
        raise SearchError(f"the reference point is {given!r}; give a value of each of {', '.join(names)}")
    return [check_number(f"the reference of {name}", listed[name]) for name in names]


def hypervolume(values: ArrayLike, reference: Sequence[float], directions: Sequence[str]) -> float:
    """Give the volume of all that points dominate and that is better than a reference point in every objective.

    Parameters
    ----------
    values : array (n, m)
        Points of 2 to 8 objectives, in any order; dominated ones change nothing.
    reference : sequence of m float
        Points that are not better than it in every objective add nothing.
    directions : sequence of m {"maximise", "minimise"}
        Which end of each objective is sought.

    Returns
    -------
    float
        In the product of the objectives' units.

    Raises
    ------
    SearchError
        If the shapes do not fit, or a number is not finite.

    Notes
    -----
    A sweep along one objective; for three objectives the staircase of the other two is kept sorted, after
    Fonseca, Paquete and López-Ibáñez (2006): O(n log n) searches, and every point enters and leaves once. Of more
    objectives the space is divided at the point with the largest box, part by part (QHV-II, Jaszkiewicz 2018).

    Examples
    --------
    >>> hypervolume([[70, 4], [60, 1]], reference=[50, 5], directions=["maximise", "minimise"])
    50.0
    >>> hypervolume([[2, 2, 2], [1, 1, 3]], [0, 0, 0], ["maximise"] * 3)
    9.0
    >>> hypervolume([[2, 2, 2, 1], [1, 1, 1, 3]], [0, 0, 0, 0], ["maximise"] * 4)
    10.0
    """
    points, origin = np.asarray(values, np.float64), np.asarray(reference, np.float64)
    m = len(directions)
    if points.ndim != 2 or not 2 <= m <= _MOST or points.shape[1] != m or origin.shape != (m,):
        raise SearchError(
            f"values have shape {points.shape}, the reference {origin.shape}, directions {(m,)}; "
            f"give (n, m), (m,) and (m,) for 2 to {_MOST} objectives"
        )
    if not (np.isfinite(points).all() and np.isfinite(origin).all()):
        raise SearchError("values or reference are not finite; leave out points that are not")
    ends = [check_direction("one of directions", direction) for direction in directions]
    signs = np.array([1.0 if end == "maximise" else -1.0 for end in ends])
    return _core.hypervolume(np.ascontiguousarray(signs * (points - origin)))
