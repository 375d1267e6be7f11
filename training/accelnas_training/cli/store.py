"""``accelnas-training store``: look at a store, check it, compare its values, let failed jobs be tried again."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from accelnas.cli.info import new_table
from accelnas.cli.shared import console
from accelnas_training.cli.options import StoreArgument
from accelnas_training.collect.agreement import agreement
from accelnas_training.collect.reader import StoreReader
from accelnas_training.collect.store import Store
from accelnas_training.collect.summary import problems
from accelnas_training.collect.summary import status as look
from accelnas_training.errors import StoreError

EPILOG = """Examples:

  accelnas-training store status digits.db

  accelnas-training store check digits.db

  accelnas-training store retry digits.db

  accelnas-training store compare digits.db accuracy_int8 accuracy
"""

app = typer.Typer(no_args_is_help=True, epilog=EPILOG)


@app.command()
def status(store: StoreArgument) -> None:
    """Show what is done, at which rate, what failed, and when the rest will be done."""
    with StoreReader.opened(store) as reader:
        now, space = look(reader), reader.space
    screen = console()
    screen.print(f"{store}: space {space.name}, opened last by {now.driver}")
    states = ("done", "pending", "quarantined")
    table = new_table("scheme", *states, numbers=states)
    for scheme in dict.fromkeys(scheme for scheme, _ in now.counts):
        table.add_row(scheme, *(f"{now.counts.get((scheme, state), 0):,}" for state in states))
    screen.print(table)
    endings = (f"{count:,} {ending}" + (f" ({kind})" if kind else "") for (ending, kind), count in now.endings.items())
    screen.print(f"attempts: {', '.join(endings) or 'none'}")
    if not math.isnan(now.per_hour):
        left = f"; {now.hours_left:.3g} hours left" if now.pending else ""
        screen.print(f"{now.per_hour:.3g} jobs an hour, {now.job_seconds:.3g} s each{left}")
    for job, architecture, message in now.failures:
        screen.print(f"job {job} {architecture}: {message}", markup=False)


@app.command()
def check(store: StoreArgument) -> None:
    """Look at every page and row; exit with 1 if anything is wrong."""
    with StoreReader.opened(store) as reader:
        found = problems(reader)
    for text in found[:20]:
        typer.echo(text)
    if found:
        raise StoreError(f"{store} has {len(found)} problems; restore a copy, or collect into another file")
    typer.echo(f"{store} is whole: nothing is missing, nothing is there twice")


@app.command()
def retry(store: StoreArgument) -> None:
    """Let quarantined jobs be tried again, by the next `collect`."""
    with Store.opened(store) as kept:
        released = kept.release()
    typer.echo(f"{released:,} jobs will be tried again")


@app.command()
def compare(
    store: StoreArgument,
    first: Annotated[str, typer.Argument(metavar="VALUE", help="A value of results, such as accuracy_int8.")],
    second: Annotated[str, typer.Argument(metavar="OTHER", help="Another one, such as accuracy.")],
    scheme: Annotated[
        str | None, typer.Option("--scheme", "-s", help="Name or digest of the scheme.", show_default="the only one")
    ] = None,
) -> None:
    """Say how two values of the same architectures agree: Kendall's tau, and the mean difference."""
    with StoreReader.opened(store) as reader:
        found = agreement(reader, first, second, scheme)
    ranked, differ = found.tau_interval, found.difference_interval
    typer.echo(
        f"{first} and {second} of {found.number} architectures: τ {found.tau:.3f} ({ranked.low:.3f} to "
        f"{ranked.high:.3f}); {first} - {second} is {found.difference:.3f} ({differ.low:.3f} to {differ.high:.3f}) on "
        "average"
    )
