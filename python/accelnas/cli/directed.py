"""Metrics that the command line names with their directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from accelnas.cli.data import listed
from accelnas.cli.info import new_table
from accelnas.cli.shared import console, optional
from accelnas.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.settings import MetricSpec, Settings

__all__ = ["Directed", "FidelitiesOption", "show_agreements"]

FidelitiesOption = Annotated[
    str | None,
    optional(
        "--fidelities",
        metavar="A,B,…",
        text="Epochs after which metrics were measured, ascending, such as 1,4,16: columns NAME@1 and NAME@4 become "
        "metrics, too; the last are the epochs of NAME itself.",
        default="the metrics alone",
    ),
]


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

    def specs(self, fidelities: str | None = None, columns: Sequence[str] = ()) -> list[MetricSpec]:
        """Say what was named; none is an empty list.

        Parameters
        ----------
        fidelities
            What `FidelitiesOption` was given.
        columns
            What the table measured; for fidelities alone.

        Raises
        ------
        DataError
            If a metric has two directions, a unit is of none, or there are no such fidelities.
        """
        from accelnas.fitting.fidelities import with_fidelities
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
        specs = [MetricSpec(name, units.get(name, ""), end) for name, end in wanted.items()]
        return with_fidelities(specs, epochs_of(fidelities), columns) if specs and fidelities else specs

    def settings(self, source: str | None, fidelities: str | None = None, columns: Sequence[str] = ()) -> Settings:
        """Read settings; those of metrics that are named have the first recipe of them all."""
        from accelnas.fitting.settings import read_settings

        specs = self.specs(fidelities, columns)
        if fidelities and not specs:
            raise DataError(
                "--fidelities are of metrics that --maximise and --minimise name; in settings, give a metric a line "
                f"fidelities = [{fidelities}]"
            )
        read = read_settings(source or ("own" if specs else "bundled"))
        return read.of(specs) if specs else read


def epochs_of(text: str) -> list[int]:
    """Read epochs, written as 1,4,16."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise DataError(f"--fidelities is {text!r}; write epochs such as 1,4,16") from None


def show_agreements(dataset: Dataset, metrics: Iterable[MetricSpec]) -> None:
    """Show how far lower fidelities order architectures as the metrics do, if there are any."""
    from accelnas.fitting.fidelities import agreements

    found = agreements(dataset, list(metrics))
    if not found:
        return
    table = new_table("measured", "epochs", "architectures", "tau with all epochs", numbers=("epochs", "architectures"))
    for each in found:
        table.add_row(each.metric, str(each.epochs), f"{each.architectures:,}", f"{each.tau:.4f}")
    console().print(table)
