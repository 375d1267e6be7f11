"""Architectures that a search begins with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelnas.errors import SearchError

if TYPE_CHECKING:
    from accelnas.space import Architectures, Rows, Space

__all__ = ["Start"]


@dataclass(frozen=True, eq=False)
class Start:
    """Architectures that a search begins with, in place of as many random ones.

    Attributes
    ----------
    rows : uint8 array (n, variables)
        Choice indices.
    counts : bool
        Whether their evaluations are part of the budget, and cost time. Those that are known already come on top of the
        budget, and are free.
    """

    rows: Rows
    counts: bool

    @classmethod
    def of(cls, space: Space, archs: Architectures | None, counts: bool) -> Start | None:
        """Take the options of a search.

        Raises
        ------
        SearchError
            If none are given of which it is said whether they count.
        SpaceError
            If one is no architecture of the space.
        """
        if archs is None:
            if not counts:
                raise SearchError("start_counts is of architectures to begin with; give start")
            return None
        rows = space.encode(archs)
        space.check(rows)
        return cls(rows, counts) if len(rows) else None

    @property
    def free(self) -> int:
        """Number of evaluations that cost nothing."""
        return 0 if self.counts else len(self.rows)
