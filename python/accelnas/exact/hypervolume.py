"""Hypervolume of points of two or three objectives: the volume that they dominate, up to a reference point."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from accelnas.arguments import check_direction, check_number
from accelnas.errors import SearchError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["hypervolume", "reference_point"]


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
        Points of 2 or 3 objectives, in any order; dominated ones change nothing.
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
    Fonseca, Paquete and López-Ibáñez (2006): O(n log n) searches, and every point enters and leaves once.

    Examples
    --------
    >>> hypervolume([[70, 4], [60, 1]], reference=[50, 5], directions=["maximise", "minimise"])
    50.0
    >>> hypervolume([[2, 2, 2], [1, 1, 3]], [0, 0, 0], ["maximise"] * 3)
    9.0
    """
    points, origin = np.asarray(values, np.float64), np.asarray(reference, np.float64)
    m = len(directions)
    if points.ndim != 2 or m not in (2, 3) or points.shape[1] != m or origin.shape != (m,):
        raise SearchError(
            f"values have shape {points.shape}, the reference {origin.shape}, directions {(m,)}; "
            "give (n, m), (m,) and (m,) for 2 or 3 objectives"
        )
    if not (np.isfinite(points).all() and np.isfinite(origin).all()):
        raise SearchError("values or reference are not finite; leave out points that are not")
    ends = [check_direction("one of directions", direction) for direction in directions]
    signs = np.array([1.0 if end == "maximise" else -1.0 for end in ends])
    gains = signs * (points - origin)
    gains = gains[(gains > 0).all(axis=1)]
    return _area(gains) if m == 2 else _volume(gains)


def _area(gains: NDArray[np.float64]) -> float:
    """Area of the union of rectangles from the origin to the points."""
    gains = gains[np.lexsort((-gains[:, 1], -gains[:, 0]))]
    tops = np.maximum.accumulate(gains[:, 1])
    rises = np.diff(tops, prepend=0.0)
    return math.fsum((gains[:, 0] * rises).tolist())


def _volume(gains: NDArray[np.float64]) -> float:
    """Volume of the union of boxes from the origin to the points, from the highest down."""
    gains = gains[np.argsort(-gains[:, 2], kind="stable")]
    staircase = _Staircase()
    areas = [staircase.add(x, y) for x, y in gains[:, :2].tolist()]
    heights = gains[:, 2] - np.append(gains[1:, 2], 0.0)
    return math.fsum((np.cumsum(areas) * heights).tolist())


class _Staircase:
    """Points of two objectives that do not dominate each other: one ascends, the other descends."""

    def __init__(self) -> None:
        self._xs: list[float] = []
        self._ys: list[float] = []

    def add(self, x: float, y: float) -> float:
        """Add a point, and give the area that it alone dominates."""
        xs, ys = self._xs, self._ys
        right = bisect_left(xs, x)
        if right < len(xs) and ys[right] >= y:
            return 0.0
        end = right + (right < len(xs) and xs[right] == x)
        below = ys[right] if right < len(ys) else 0.0
        first, edge, parts = right, x, []
        while first > 0 and ys[first - 1] <= y:
            parts.append((edge - xs[first - 1]) * (y - below))
            first -= 1
            edge, below = xs[first], ys[first]
        parts.append((edge - (xs[first - 1] if first else 0.0)) * (y - below))
        xs[first:end], ys[first:end] = [x], [y]
        return math.fsum(parts)
