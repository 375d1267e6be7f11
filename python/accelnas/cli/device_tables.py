"""What the commands about devices print and write."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import typer

from accelnas.cli.findings import proof
from accelnas.cli.info import new_table, significant
from accelnas.cli.shared import console
from accelnas.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rich.table import Table

    from accelnas import Benchmark, Certificate
    from accelnas.devices import JointFront, Specialisation

__all__ = ["front_parts", "print_json", "show_ratios", "worst_certificates", "write_results"]


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


def write_results(
    columns: Mapping[str, Any], proofs: Mapping[str, Certificate], output: Path | None, folder: Path | None
) -> None:
    """Write the table and the certificates where they were asked for."""
    if output is not None:
        from accelnas.cli.tables import write_table

        write_table(output, iter([columns]))
    if folder is not None:
        if not folder.is_dir():
            raise FileError(f"folder {folder} does not exist; create it first")
        for name, certificate in proofs.items():
            certificate.save(folder / f"{name}.json")


def print_json(figures: Mapping[str, Any], table: Any, proofs: Mapping[str, Certificate]) -> None:
    """Print figures, the table's columns and the certificates."""
    columns = {name: [_plain(value) for value in column] for name, column in table.to_columns().items()}
    certificates = {name: certificate.to_json() for name, certificate in proofs.items()}
    typer.echo(json.dumps({**figures, "columns": columns, "certificates": certificates}, indent=1))


def _plain(value: Any) -> Any:
    number = value.item() if hasattr(value, "item") else value
    return None if isinstance(number, float) and math.isnan(number) else number  # which JSON can't say
