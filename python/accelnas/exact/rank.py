"""Ranks: how architectures compare with all others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.exact.result import Result
from accelnas.plots.exact import draw_points
from accelnas.space.forms import unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from accelnas.exact.certificate import Certificate
    from accelnas.models.predictor import Values
    from accelnas.space import Architectures

__all__ = ["RankResult"]


@dataclass(frozen=True, repr=False, eq=False)
class RankResult(Result):
    """Exact ranks of architectures in a (sub)space; scalars where one architecture was asked for.

    Attributes
    ----------
    metric : str
        The metric; its direction says what is better.
    architectures : uint8 array (n, variables)
        Choice indices.
    values : float64 array (n,)
        The metric's values, in its unit.
    better : uint64 array (n,)
        Architectures of the (sub)space that are better.
    ties : uint64 array (n,)
        Architectures of the (sub)space with exactly the same value, the architecture itself among them.
    size : int
        Architectures of the (sub)space.
    certificate : Certificate
        What was proven, and all that it depends on.
    """

    metric: str
    architectures: NDArray[np.uint8]
    values: Values
    better: Values
    ties: Values
    size: int
    certificate: Certificate

    @property
    def rank(self) -> Values:
        """1 + `better`: 1 is the best."""
        return self.better + np.uint64(1)

    @property
    def percentile(self) -> Values:
        """Per cent of the architectures that are not better: 100 is the best, the architecture and its ties count."""
        return 100 * ((np.uint64(self.size) - self.better) / np.float64(self.size))

    def __repr__(self) -> str:
        if np.ndim(self.values):
            return f"<RankResult: {len(self.values)} architectures of {self.size:,} by {self.metric}>"
        return f"<RankResult: {self.rank:,} of {self.size:,} by {self.metric}, {self.ties:,} equal>"

    def of(self, archs: Architectures) -> RankResult:
        """Give scalars where `archs` stands for one architecture."""
        values, better, ties = (unpack(archs, column) for column in (self.values, self.better, self.ties))
        return replace(self, values=values, better=better, ties=ties)

    def columns(self) -> Mapping[str, Any]:
        """Give ``architecture`` (readable strings), the metric, ``rank``, ``ties`` and ``percentile``."""
        found = {self.metric: self.values, "rank": self.rank, "ties": self.ties, "percentile": self.percentile}
        texts = self.certificate.result["architectures"]
        return {"architecture": texts, **{name: np.atleast_1d(column) for name, column in found.items()}}

    def _draw(self, axes: Axes) -> None:
        columns = self.columns()
        draw_points(axes, {"percentile": columns["percentile"], self._label(self.metric): columns[self.metric]})
