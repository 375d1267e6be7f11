"""What every reproduction holds: numbers beside the published ones, tables, figures, circumstances."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import polars as pl

__all__ = ["Comparison", "Figure", "Reproduction", "Table", "Verdict"]

ROUNDING = 1e-9  # floating-point slack of a tolerance, relative to it


class Verdict(Enum):
    """What a comparison says."""

    REPRODUCED = "reproduced"
    BETTER = "better"
    MISSED = "not reproduced"


@dataclass(frozen=True)
class Comparison:
    """One number beside the published one.

    Attributes
    ----------
    quantity, unit
        What it is; the unit is empty for a pure number.
    published, found
        In the unit.
    tolerance
        Largest difference in the unit with which the number still counts as reproduced.
    source
        Where the published number stands.
    best
        ``"highest"`` or ``"lowest"`` where a difference beyond the tolerance can be an improvement; None where not.

    Examples
    --------
    >>> error = Comparison("MAE", 13.2, 14.1, tolerance=0.5, best="lowest")
    >>> round(error.difference, 1), error.verdict.value
    (0.9, 'not reproduced')
    """

    quantity: str
    published: float
    found: float
    tolerance: float
    unit: str = ""
    source: str = ""
    best: str | None = None

    @property
    def difference(self) -> float:
        """By how much the number is above the published one, in the unit."""
        return self.found - self.published

    @property
    def verdict(self) -> Verdict:
        """Whether it is reproduced; NaN is not."""
        if abs(self.difference) <= self.tolerance * (1 + ROUNDING):
            return Verdict.REPRODUCED
        improved = {"highest": self.difference > 0, "lowest": self.difference < 0, None: False}
        return Verdict.BETTER if improved[self.best] else Verdict.MISSED


@dataclass(frozen=True)
class Table:
    """Numbers that go beyond the comparison.

    Attributes
    ----------
    name
        Of the file ``<reproduction>-<name>.csv``.
    title
        Heading in the report.
    frame
        One row a line; columns of text come first.
    text
        What to know of it, above its numbers.
    shown
        Whether the report shows all of it, or only names the file.
    """

    name: str
    title: str
    frame: pl.DataFrame
    text: str = ""
    shown: bool = True


@dataclass(frozen=True)
class Figure:
    """A drawing.

    Attributes
    ----------
    name
        Of the SVG file.
    caption
        What it shows.
    draw
        Writes the file.
    """

    name: str
    caption: str
    draw: Callable[[Path], None]


@dataclass(frozen=True)
class Reproduction:
    """One published result, computed again.

    Attributes
    ----------
    name, title
        For files and heading.
    source
        The publication, and where in it.
    rule
        A sentence: which differences still count as reproduced, and why.
    comparisons
        Each number beside the published one.
    command
        What computes it again.
    machine
        Where it ran.
    versions
        Library to its version.
    tables, figures
        What goes beyond the comparison.
    remarks
        What a reader has to know to judge it: one paragraph each.
    """

    name: str
    title: str
    source: str
    rule: str
    comparisons: Sequence[Comparison]
    command: str
    machine: str
    versions: Mapping[str, str]
    tables: Sequence[Table] = field(default=())
    figures: Sequence[Figure] = field(default=())
    remarks: Sequence[str] = field(default=())

    def with_verdict(self, verdict: Verdict) -> list[Comparison]:
        """Return the comparisons that say so."""
        return [comparison for comparison in self.comparisons if comparison.verdict is verdict]
