"""Pareto fronts: what a search of all trade-offs gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.errors import SearchError
from accelnas.exact.hypervolume import hypervolume, reference_point
from accelnas.exact.result import Listed
from accelnas.plots.fronts import Front, draw_front, front_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from accelnas.exact.certificate import Certificate
    from accelnas.exact.objectives import Objective

__all__ = ["FrontResult"]


@dataclass(frozen=True, repr=False, eq=False)
class FrontResult(Listed):
    """Architectures that none is better than in one objective without being worse in another.

    Attributes
    ----------
    architectures : uint8 array (n, variables)
        Choice indices, best first in the first objective: of architectures with equal values the first of the space.
    values : float64 array (n, m)
        The objectives in the order asked for, in their units; no two rows are equal.
    ties : uint64 array (n,)
        Number of architectures with exactly these values; at least so many where the search was interrupted.
    objectives : tuple of Objective
        Metrics and directions.
    metric_values : mapping of str to float64 array (n,)
        The objectives and the metrics under constraints, in their units.
    reference : mapping of str to float, or None
        The published reference point, if all objectives have one.
    certificate : Certificate
        What was proven, and all that it depends on.

    Notes
    -----
    A search that was interrupted (Ctrl-C, or a time limit with ``RunOptions(anytime=True)``) gives what it found: no
    architecture of the jobs that were done, and none of those that a local search found before, is better than a point
    or missing. The other architectures are `open`, so points may be missing, and later ones may replace these.
    """

    architectures: NDArray[np.uint8]
    values: NDArray[np.float64]
    ties: NDArray[np.uint64]
    objectives: tuple[Objective, ...]
    metric_values: Mapping[str, NDArray[np.float64]]
    reference: Mapping[str, float] | None
    certificate: Certificate

    @property
    def is_complete(self) -> bool:
        """Whether the front is proven: the search was not interrupted."""
        return self.certificate.complete

    @property
    def open(self) -> int:
        """Number of architectures that were not looked at yet: 0 of a complete front."""
        counts = self.certificate.counts
        return self.certificate.size + counts.unlawful - counts.total

    def hypervolume(self, reference: Mapping[str, float] | Sequence[float] | None = None) -> float:
        """Give the volume of all values that the front dominates, up to a reference point.

        Parameters
        ----------
        reference : mapping of str to float, or sequence of float, optional
            A value of every objective, by name or in their order; the published ones by default.

        Returns
        -------
        float
            In the product of the objectives' units.

        Raises
        ------
        SearchError
            If an objective has no published reference value, or numbers are missing.

        Examples
        --------
        >>> import accelnas
        >>> within = {f"block{b}_e": 6 for b in range(1, 7)}
        >>> front = accelnas.load().pareto_front(["accuracy", "latency_zcu102"], within=within)
        >>> 0 < front.hypervolume([50, 15]) < front.hypervolume()
        True
        """
        return hypervolume(self.values, self._point(reference), [o.direction for o in self.objectives])

    @property
    def normalised_hypervolume(self) -> float:
        """Hypervolume as a part of the box from the published reference point to the best of each objective, 0 to 1."""
        if not len(self):
            return 0.0
        point = np.array(self._point(None))
        best = [_best(column, o.direction) for column, o in zip(self.values.T, self.objectives, strict=True)]
        return self.hypervolume() / float(np.prod(np.abs(np.array(best) - point)))

    def _point(self, reference: Mapping[str, float] | Sequence[float] | None) -> list[float]:
        names = [objective.metric for objective in self.objectives]
        given = self.reference if reference is None else reference
        if given is None:
            raise SearchError(f"no reference point of {', '.join(names)} is published; give a value of each")
        return reference_point(names, given)

    def __repr__(self) -> str:
        names = " and ".join(f"{o.direction} {o.metric}" for o in self.objectives)
        state = "" if self.is_complete else "interrupted, "
        return f"<FrontResult: {state}{len(self)} points, {names}>"

    def columns(self) -> Mapping[str, Any]:
        """Give ``architecture`` (readable strings), a column of values a metric, and ``ties``."""
        return {**super().columns(), "ties": self.ties}

    def _size(self) -> tuple[float, float]:
        return front_size(len(self.objectives))

    def _draw(self, axes: Axes) -> None:
        self._draw_marked(axes, {})

    def _draw_marked(self, axes: Axes, marked: Mapping[str, NDArray[np.float64]]) -> None:
        """Draw the front, and single architectures by their values of the objectives."""
        names, limits = [o.metric for o in self.objectives], self.certificate.question["constraints"]
        front = Front(
            [self._label(name) for name in names],
            [o.direction for o in self.objectives],
            self.values,
            {i: _ends(limits[name]) for i, name in enumerate(names) if name in limits},
            self.open / self.certificate.size,
        )
        draw_front(axes, front, marked)


def _ends(limit: Sequence[float | None]) -> tuple[float, float]:
    lower, upper = limit
    return -np.inf if lower is None else lower, np.inf if upper is None else upper


def _best(values: NDArray[np.float64], direction: str) -> float:
    return float(values.max() if direction == "maximise" else values.min())
