"""What ``accelnas-training measure`` shows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from accelnas.cli.shared import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnas_training.measure import Measurement, Protocol
    from accelnas_training.measure.repeatability import Repeatability
    from accelnas_training.measure.table import Column

__all__ = ["AGREEMENT", "COLUMNS", "agreement_row", "column_row", "print_measurement", "print_table"]

AGREEMENT = (
    "protocol",
    "architectures",
    "tau",
    "tau corrected",
    "mean difference",
    "corrected",
    "share",
    "corrected",
    "references",
    "paired",
    "corrected",
)
COLUMNS = ("column", "architectures", "measurements", "noisy", "outliers", "references", "paired", "corrected")


def agreement_row(protocol: Protocol, found: Repeatability) -> list[str]:
    """Give a row of the table `AGREEMENT`."""
    pair = (found.measured, found.corrected)
    unit = "ms" if protocol.quantity == "latency" else "img/s"
    return [
        protocol.name,
        str(found.architectures),
        *(f"{each.tau:.4f}" for each in pair),
        *(f"{each.difference:.3g} {unit}" for each in pair),
        *(_percent(each.share) for each in pair),
        _percent(found.spread),
        _percent(found.paced if protocol.paired else math.nan),
        _percent(found.left),
    ]


def column_row(name: str, column: Column) -> list[str]:
    """Give a row of the table `COLUMNS`."""
    return [
        name,
        f"{column.architectures:,}",
        f"{column.measurements:,}",
        f"{column.noisy:,}",
        _percent(column.outliers),
        _percent(column.spread),
        _percent(column.drift.before if column.protocol.paired else math.nan),
        _percent(column.drift.after),
    ]


def print_measurement(protocol: Protocol, measured: Measurement) -> None:
    """Show every figure that is known."""
    screen = console()
    screen.print(f"[bold]{protocol.name}[/bold] ({protocol.backend}, batch {protocol.batch}, {protocol.resolution} px)")
    for name, value in measured.values().items():
        if not math.isnan(value) and name != "measured_at":
            screen.print(f"  {name:<18} {value:,.6g}")


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Show a table."""
    from rich.table import Table

    table = Table(*heads)
    for row in rows:
        table.add_row(*row)
    console().print(table)


def _percent(share: float) -> str:
    return "" if math.isnan(share) else f"{share:.2%}"
