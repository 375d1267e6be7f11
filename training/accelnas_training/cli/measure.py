"""``accelnas-training measure``: latency, throughput, memory and energy on any device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelnas.cli.shared import ErrorGroup, progress, text_output
from accelnas_training.cli.architectures import read_architecture, read_architectures
from accelnas_training.cli.measure_tables import (
    AGREEMENT,
    COLUMNS,
    agreement_row,
    column_row,
    print_measurement,
    print_table,
)
from accelnas_training.cli.workers import make_runner, read_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from accelnas_training.measure import Protocol
    from accelnas_training.measure.collection import Plan
    from accelnas_training.networks import NetworkFamily

EPILOG = """Examples:

  accelnas-training measure run speed.db --protocol cpu_latency --protocol cpu_throughput --number 1000

  accelnas-training measure export speed.db speed.parquet

  accelnas-training measure repeat twice.db --protocol cpu_latency --number 50

The same command goes on where the last one ended; `accelnas-training store status` looks at a store meanwhile.
"""

StoreArgument = Annotated[Path, typer.Argument(help="File for the results: made, or gone on with.")]
FamilyOption = Annotated[str, typer.Option("--family", "-f", help="Networks: mnasnet, or a TOML file.")]
ProtocolsOption = Annotated[
    list[str],
    typer.Option(
        "--protocol",
        "-p",
        help="How: cpu_latency, torch_cpu_latency, gpu_latency (or _throughput), or a TOML file; repeatable.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change the protocols, as resolution=64 or timing.passes=5.",
        show_default=False,
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Of the choice of architectures, and their order.")]
ReferencesOption = Annotated[
    int, typer.Option("--references", min=0, help="Networks measured again and again, to see drift.")
]
EveryOption = Annotated[int, typer.Option("--every", min=1, help="Architectures between two looks at the references.")]
ListOption = Annotated[
    Path | None,
    typer.Option("--architectures", metavar="FILE", help="Measure those of a table instead.", show_default=False),
]
TimeoutOption = Annotated[
    str | None,
    typer.Option(
        "--timeout",
        metavar="TIME",
        help="Longest a measurement may take, as 90 or 5m; a process is ended after it.",
        show_default="none",
    ),
]
RetriesOption = Annotated[int, typer.Option("--retries", min=0, help="Attempts after a failed one.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(cls=ErrorGroup, no_args_is_help=True, rich_markup_mode="rich", epilog=EPILOG)
    for name, command in (("network", network), ("run", run), ("repeat", repeat), ("export", export)):
        group.command(name)(command)
    app.add_typer(group, name="measure", help="Measure latency, throughput, memory and energy, on any device.")


def network(
    architecture: Annotated[
        str,
        typer.Argument(metavar="[ARCHITECTURE]", help="String, as `accelnas sample` prints it, or index in the space."),
    ] = "0",
    protocol: ProtocolsOption = ["cpu_latency"],  # noqa: B006 (Typer copies it)
    family: FamilyOption = "mnasnet",
    changes: SetOption = None,
) -> None:
    """Measure one network, and show every figure: whether a protocol works."""
    from accelnas_training.measure import measure_network

    networks, protocols = _read(family, protocol, changes)
    built = networks.build(read_architecture(architecture, networks.space))
    for each in protocols:
        print_measurement(each, measure_network(built, each, networks.options.in_channels))


def run(
    store: StoreArgument,
    protocol: ProtocolsOption,
    family: FamilyOption = "mnasnet",
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="Number of architectures.")] = 1000,
    seed: SeedOption = 0,
    architectures: ListOption = None,
    references: ReferencesOption = 3,
    every: EveryOption = 25,
    again: Annotated[int, typer.Option("--again", min=0, help="Further measurements of noisy ones, at most.")] = 2,
    changes: SetOption = None,
    timeout: TimeoutOption = None,
    retries: RetriesOption = 1,
) -> None:
    """Measure many architectures in random order, references in between, noisy ones again.

    Nothing else should run on the device meanwhile.
    """
    from accelnas_training.measure.collection import Plan
    from accelnas_training.sampling import uniform

    plan = Plan(references, every, 1, again, seed)
    networks, protocols = _read(family, protocol, changes)
    space = networks.space
    archs = uniform(space, number, seed) if architectures is None else read_architectures(architectures, space)
    _measure(store, networks, archs, protocols, plan, timeout, retries)


def repeat(
    store: StoreArgument,
    protocol: ProtocolsOption,
    family: FamilyOption = "mnasnet",
    number: Annotated[int, typer.Option("--number", "-n", min=2, help="Number of architectures.")] = 50,
    seed: SeedOption = 0,
    references: ReferencesOption = 3,
    every: EveryOption = 10,
    changes: SetOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the table as Markdown.", show_default=False),
    ] = None,
    timeout: TimeoutOption = None,
    retries: RetriesOption = 1,
) -> None:
    """Measure the same architectures twice, and say how well both agree, with and without correction of drift."""
    from accelnas_training.collect.reader import StoreReader
    from accelnas_training.measure.collection import Plan
    from accelnas_training.measure.repeatability import repeatability
    from accelnas_training.sampling import uniform

    plan = Plan(references, every, 2, 0, seed)
    networks, protocols = _read(family, protocol, changes)
    archs = uniform(networks.space, number, seed)
    _measure(store, networks, archs, protocols, plan, timeout, retries)
    with StoreReader.opened(store) as reader:
        rows = [agreement_row(protocol, repeatability(reader, protocol.digest, archs)) for protocol in protocols]
    print_table(AGREEMENT, rows)
    if output is not None:
        with text_output(output) as file:
            lines = [AGREEMENT, ["---"] * len(AGREEMENT), *rows]
            file.writelines(f"| {' | '.join(line)} |\n" for line in lines)


def export(
    store: Annotated[Path, typer.Argument(help="Store that `measure run` filled.")],
    output: Annotated[Path, typer.Argument(help="File to write: .parquet or .csv.")],
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            "-m",
            metavar="PROTOCOL=COLUMN",
            help="Column of a protocol, as cpu_latency=latency_epyc; repeatable. Others are left out.",
            show_default="all, named as the protocols say",
        ),
    ] = None,
    each: Annotated[
        bool, typer.Option("--each", help="A row for each time that one was measured: repeats tell `fit` the noise.")
    ] = False,
) -> None:
    """Write measurements without drift as the data set that `accelnas fit` reads, a row an architecture.

    OUTPUT.json says beside it how they were made, and what correcting the drift was good for.
    """
    from accelnas_training.collect.reader import StoreReader
    from accelnas_training.measure.table import export as write

    wanted = None
    if metric:
        pairs = [text.partition("=") for text in metric]
        wanted = {name: column for name, _, column in pairs}
    with StoreReader.opened(store) as reader:
        table, columns = write(reader, output, wanted, each=each)
    print_table(COLUMNS, [column_row(name, column) for name, column in columns.items()])
    typer.echo(f"{table.height:,} rows in {output}; where they come from in {output}.json")


def _read(family: str, names: Sequence[str], changes: Sequence[str] | None) -> tuple[NetworkFamily, list[Protocol]]:
    from accelnas_training.measure import load_protocol
    from accelnas_training.networks import load_family

    changed = _changes(changes or ())
    return load_family(family), [load_protocol(name).changed(**changed) for name in names]


def _changes(texts: Sequence[str]) -> dict[str, Any]:
    import json

    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"--set {text!r}; write KEY=VALUE, as resolution=64")
        try:
            found[key.strip()] = json.loads(value)
        except ValueError:  # a word
            found[key.strip()] = value.strip()
    return found


def _measure(
    store: Path,
    networks: NetworkFamily,
    archs: NDArray[np.uint8],
    protocols: Sequence[Protocol],
    plan: Plan,
    timeout: str | None,
    retries: int,
) -> None:
    from accelnas_training.collect.job import Limits
    from accelnas_training.collect.store import Store
    from accelnas_training.measure.collection import measure_architectures

    limits = Limits(retries, timeout=None if timeout is None else read_seconds(timeout))
    gpus = float(any(each.backend == "torch-cuda" for each in protocols))
    total = len(archs) * len(protocols) * plan.repeats
    with (
        Store.opened(store, networks.space, {"family": networks.digest}) as kept,
        make_runner(int(timeout is not None), 1, gpus, None) as runner,  # a process of its own can be ended
        progress("measuring", total, "measurements") as bar,
    ):
        done = 0

        def report(job: Any) -> None:
            nonlocal done
            done += job.seed >= 0
            bar(done)

        measure_architectures(kept, networks, archs, protocols, runner, plan, limits=limits, report=report)
        failed = len(kept.jobs("quarantined"))
    typer.echo(f"{done:,} new measurements in {store}")
    if failed:
        typer.echo(f"{failed:,} failed; `accelnas-training store status {store}` says why", err=True)
