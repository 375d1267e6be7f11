"""What the commands about devices print and write."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelnas.cli.findings import proof
from accelnas.cli.info import new_table, significant
from accelnas.cli.shared import OutputOption, console, optional
from accelnas.errors import FileError
from accelnas.fitting.writers import write_table

if TYPE_CHECKING:
    from rich.table import Table

    from accelnas import Benchmark, Certificate
    from accelnas.devices import JointFront, Specialisation

__all__ = ["Results", "front_parts", "show_ratios", "worst_certificates"]


def show_ratios(bench: Benchmark, table: Specialisation) -> None:
    """Print ratios, then what was proven of each device."""
    shown = new_table("network", table.accuracy, *table.devices, numbers=(table.accuracy, *table.devices))
    for name, accuracy, ratios in zip(table.names, table.accuracies, table.ratios, strict=True):
        shown.add_row(name, f"{accuracy:.2f}", *(f"{ratio:.3f}" for ratio in ratios))
    optima = (significant(float(value), 5) for value in table.optima)
    units = (bench.metrics[device].unit for device in table.devices)
    shown.add_section()
    shown.add_row("optimum", "", *(f"{value} {unit}".rstrip() for value, unit in zip(optima, units, strict=True)))
    screen = console()
    screen.print(f"Speed as a part of each device's own optimum at {table.accuracy} >= {table.at_least:g}")
    screen.print(shown)
    for device, certificate in table.certificates.items():
        screen.print(f"{device}: {proof(certificate)}", soft_wrap=True)


def front_parts(found: JointFront) -> Table:
    """Return which device has which part of a front; where cost is an objective, parts overlap: a row a device."""
    what = "speed per cost" if found.costs is not None and found.cost_is == "divisor" else "speed"
    table = new_table("device", "points", found.accuracy, what, numbers=("points", found.accuracy, what))
    for segment in found.spans if found.cost_is == "objective" else found.segments:
        ends = (
            f"{significant(first, 5)} to {significant(last, 5)}" for first, last in (segment.accuracy, segment.score)
        )
        table.add_row(segment.device, f"{segment.points:,}", *ends)
    return table


def worst_certificates(reached: Certificate, excluded: Certificate | None) -> dict[str, Certificate]:
    """Name the certificates of a worst case."""
    found = {"worst_case_reached": reached}
    return found if excluded is None else {**found, "worst_case_excluded": excluded}


@dataclass(frozen=True)
class Results:
    """Where the table and the certificates go."""

    output: OutputOption = None
    certificates: Annotated[
        Path | None,
        optional("--certificates", "-c", metavar="FOLDER", text="Write all certificates, for accelnas verify."),
    ] = None
    as_json: Annotated[bool, typer.Option("--json", help="Print the table and all certificates as JSON.")] = False

    def write(self, figures: Mapping[str, Any], table: Any, proofs: Mapping[str, Certificate]) -> bool:
        """Write what was asked for; give whether figures, the table's columns and the certificates were printed."""
        columns, folder = table.to_columns(), self.certificates
        if self.output is not None:
            write_table(self.output, iter([columns]))
        if folder is not None:
            if not folder.is_dir():
                raise FileError(f"folder {folder} does not exist; create it first")
            for name, certificate in proofs.items():
                certificate.save(folder / f"{name}.json")
        if self.as_json:
            plain = {name: [_plain(value) for value in column] for name, column in columns.items()}
            documents = {name: certificate.to_json() for name, certificate in proofs.items()}
            typer.echo(json.dumps({**figures, "columns": plain, "certificates": documents}, indent=1))
        return self.as_json


def _plain(value: Any) -> Any:
    number = value.item() if hasattr(value, "item") else value
    return None if isinstance(number, float) and math.isnan(number) else number  # which JSON can't say
