"""``accelnas-training measure``: latency, throughput, memory and energy on any device."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelnas.cli.shared import ErrorGroup, console, progress, text_output
from accelnas_training.cli.collect import _listed, _seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnas_training.collect.ray_runner import RayRunner
    from accelnas_training.collect.reader import StoreReader
    from accelnas_training.collect.runner import InlineRunner
    from accelnas_training.measure import Measurement, Protocol
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
        help="How: cpu_latency, cpu_throughput, torch_cpu, gpu_latency, gpu_throughput, or a TOML file; repeatable.",
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
        str | None, typer.Argument(help="As `accelnas sample` writes it.", show_default="the family's first")
    ] = None,
    protocol: ProtocolsOption = ["cpu_latency"],  # noqa: B006 (Typer copies it)
    family: FamilyOption = "mnasnet",
    changes: SetOption = None,
) -> None:
    """Measure one network, and show every figure: whether a protocol works."""
    import numpy as np

    from accelnas_training.measure import measure_network

    networks, protocols = _read(family, protocol, changes)
    space = networks.space
    arch = space.at([0])[0] if architecture is None else space.parse([architecture])[0]
    built = networks.build(np.asarray(arch, np.uint8))
    for each in protocols:
        _show(each, measure_network(built, each, networks.options.in_channels))


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

    plan = Plan(references, every, 1, again, seed)
    networks, protocols = _read(family, protocol, changes)
    _measure(store, networks, protocols, plan, _Chosen(number, architectures), timeout, retries)


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

    plan = Plan(references, every, 2, 0, seed)
    networks, protocols = _read(family, protocol, changes)
    _measure(store, networks, protocols, plan, _Chosen(number), timeout, retries)
    with StoreReader.opened(store) as reader:
        heads, rows = _agreement(reader, protocols)
    _print_table(heads, rows)
    if output is not None:
        with text_output(output) as file:
            lines = [heads, ["---"] * len(heads), *rows]
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
) -> None:
    """Write measurements without drift as the data set that `accelnas fit` reads, a row an architecture.

    OUTPUT.json says beside it how they were made, and what correcting the drift was good for.
    """
    from accelnas_training.collect.reader import StoreReader
    from accelnas_training.measure.export import export as write

    wanted = None
    if metric:
        pairs = [each.partition("=") for each in metric]
        wanted = {name: column for name, _, column in pairs}
    with StoreReader.opened(store) as reader:
        table, columns = write(reader, output, wanted)
    heads = ["column", "architectures", "measurements", "noisy", "outliers", "drift of references", "corrected"]
    _print_table(
        heads,
        [
            [
                name,
                f"{each.architectures:,}",
                f"{each.measurements:,}",
                f"{each.noisy:,}",
                f"{each.outliers:.1%}",
                f"{each.drift.before:.2%}",
                f"{each.drift.after:.2%}",
            ]
            for name, each in columns.items()
        ],
    )
    typer.echo(f"{table.height:,} rows in {output}; where they come from in {output}.json")


class _Chosen:
    """Which architectures: a number of them, or those of a file."""

    def __init__(self, number: int, file: Path | None = None) -> None:
        self.number, self.file = number, file

    def rows(self, networks: NetworkFamily, seed: int) -> Any:
        from accelnas_training.sampling import uniform

        if self.file is not None:
            return _listed(self.file, networks.space)
        return uniform(networks.space, self.number, seed)


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
    protocols: Sequence[Protocol],
    plan: Plan,
    chosen: _Chosen,
    timeout: str | None,
    retries: int,
) -> None:
    from accelnas_training.collect.limits import Limits
    from accelnas_training.collect.store import Store
    from accelnas_training.measure.collection import measure_architectures

    archs = chosen.rows(networks, plan.seed)
    limits = Limits(retries, timeout=None if timeout is None else _seconds(timeout))
    total = len(archs) * len(protocols) * plan.repeats
    with (
        Store.opened(store, networks.space, {"family": networks.digest}) as kept,
        _runner(protocols, limits) as runner,
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


def _runner(protocols: Sequence[Protocol], limits: Any) -> InlineRunner | RayRunner:
    """Measure in this process, or in one that can be ended."""
    if limits.timeout is None:
        from accelnas_training.collect.runner import InlineRunner

        return InlineRunner()
    from accelnas_training.collect.ray_runner import RayRunner

    return RayRunner(1, gpus_each=float(any(each.backend == "torch-cuda" for each in protocols)))


def _show(protocol: Protocol, measured: Measurement) -> None:
    screen = console()
    screen.print(f"[bold]{protocol.name}[/bold] ({protocol.backend}, batch {protocol.batch}, {protocol.resolution} px)")
    for name, value in measured.values().items():
        if not math.isnan(value) and name != "measured_at":
            screen.print(f"  {name:<18} {value:,.6g}")


def _agreement(reader: StoreReader, protocols: Sequence[Protocol]) -> tuple[list[str], list[list[str]]]:
    from accelnas_training.measure.repeatability import repeatability

    heads = [
        "protocol",
        "architectures",
        "tau",
        "tau corrected",
        "mean difference",
        "corrected",
        "drift",
        "drift after",
    ]
    rows = []
    for protocol in protocols:
        found = repeatability(reader, protocol.digest)
        pair = (found.measured, found.corrected)
        rows.append(
            [
                protocol.name,
                str(found.architectures),
                *(f"{each.tau:.4f}" for each in pair),
                *(f"{each.share:.2%}" for each in pair),
                f"{found.drift_before:.2%}",
                f"{found.drift_after:.2%}",
            ]
        )
    return heads, rows


def _print_table(heads: list[str], rows: list[list[str]]) -> None:
    from rich.table import Table

    table = Table(*heads)
    for row in rows:
        table.add_row(*row)
    console().print(table)
