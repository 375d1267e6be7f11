"""Ranks: how architectures compare with all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelnas.benchmark.measurements import unpack

if TYPE_CHECKING:
    from accelnas.benchmark import Values
    from accelnas.exact.certificate import Certificate
    from accelnas.space import Architectures

__all__ = ["RankResult"]


@dataclass(frozen=True, repr=False, eq=False)
class RankResult:
    """Exact ranks of architectures in a (sub)space; scalars where one architecture was asked for.

    Attributes
    ----------
    metric : str
        The metric; its direction says what is better.
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
        return RankResult(self.metric, values, better, ties, self.size, self.certificate)
