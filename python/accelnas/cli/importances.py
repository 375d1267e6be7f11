"""``accelnas importances``: which variables decide a metric, exactly and over the whole space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from accelnas.cli.commands import command
from accelnas.cli.info import new_table, significant
from accelnas.cli.shared import Opened, PlotOption, console, write_plot

if TYPE_CHECKING:
    from rich.table import Table

    from accelnas import Importances, Share


@command(
    "accelnas importances accuracy",
    "accelnas importances time_a100 --derive 'time_a100 [ms] = 1000 / throughput_a100' --plot time.svg",
)
def importances(
    metric: Annotated[str, typer.Argument(metavar="METRIC", help="Name of the metric.")],
    *,
    top: Annotated[int, typer.Option("--top", min=1, help="Interactions to show.")] = 15,
    plot: PlotOption = None,
    opened: Opened,
) -> None:
    """Divide a metric's variance over all architectures among variables and their interactions.

    Shares are per cent of the variance of the ensemble's mean on the scale of the metric's link; ± is
    the standard deviation of the members' own shares. Nothing is sampled. Where the space has rules,
    variables are not independent, and interactions have no shares.
    """
    found = opened.bench.importances(metric)
    screen = console()
    scale = "" if found.link == "identity" else f" on the scale of link {found.link}"
    spread = found.variance**0.5
    screen.print(f"[bold]{metric}[/bold]{scale}: mean {significant(found.mean, 5)}, sd {significant(spread, 4)}")
    screen.print(_variables(found), *([_interactions(found, top)] if found.interactions else []))
    write_plot(plot, found.plot)


def _variables(found: Importances) -> Table:
    numbers = ("alone", "with interactions")
    table = new_table("block or variable", *numbers, numbers=numbers)
    for name, share in found.blocks.items():
        table.add_row(f"[bold]{name}[/bold]", _percent(share), _percent(found.block_totals[name]))
    for name in found.largest:
        table.add_row(name, _percent(found.first_order[name]), _percent(found.total[name]))
    return table


def _interactions(found: Importances, top: int) -> Table:
    table = new_table("variables together", "share", numbers=("share",))
    for order, share in found.by_order.items():
        table.add_row(f"[bold]all sets of {order}[/bold]", _percent(share))
    for names, share in list(found.interactions.items())[:top]:
        table.add_row(" × ".join(names), _percent(share))
    return table


def _percent(share: Share) -> str:
    spread = f" ± {100 * share.std:.2f}" if share.std else ""
    return f"{100 * share.value:.2f}{spread}"
