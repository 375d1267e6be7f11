"""Metrics that the command line names with their directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from accelnas.cli.data import listed
from accelnas.cli.shared import optional
from accelnas.errors import DataError

if TYPE_CHECKING:
    from accelnas.fitting.settings import MetricSpec, Settings

__all__ = ["Directed"]


@dataclass(frozen=True)
class Directed:
    """The metrics of a user's table."""

    maximise: Annotated[str | None, optional("--maximise", metavar="A,B", text="Metrics of which more is better.")] = (
        None
    )
    minimise: Annotated[str | None, optional("--minimise", metavar="A,B", text="Metrics of which less is better.")] = (
        None
    )
    unit: Annotated[list[str] | None, optional("--unit", metavar="NAME=UNIT", text="Unit of a metric.")] = None

    def specs(self) -> list[MetricSpec]:
        """Say what was named; none is an empty list.

        Raises
        ------
        DataError
            If a metric has two directions, or a unit is of none.
        """
        from accelnas.fitting.settings import MetricSpec

        if bad := [text for text in self.unit or () if "=" not in text]:
            raise DataError(f"--unit is {bad[0]!r}; write NAME=UNIT")
        units = dict(text.split("=", 1) for text in self.unit or ())
        ends = {"maximise": listed(self.maximise) or [], "minimise": listed(self.minimise) or []}
        wanted = {name: end for end, names in ends.items() for name in names}
        if both := sorted(set(ends["maximise"]) & set(ends["minimise"])):
            raise DataError(f"{both[0]!r} is named by --maximise and by --minimise; choose one")
        if unknown := sorted(set(units) - set(wanted)):
            raise DataError(f"--unit names {unknown[0]!r}, which is no metric of --maximise and --minimise")
        return [MetricSpec(name, units.get(name, ""), end) for name, end in wanted.items()]

    def settings(self, source: str | None) -> Settings:
        """Read settings; those of metrics that are named have the first recipe of them all."""
        from accelnas.fitting.settings import read_settings

        specs = self.specs()
        read = read_settings(source or ("own" if specs else "bundled"))
        return read.of(specs) if specs else read
