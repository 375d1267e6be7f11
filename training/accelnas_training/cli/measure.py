"""``accelnas-training measure``: latency, throughput, memory and energy on any device."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelnas.cli.shared import console, progress
from accelnas.errors import DataError
from accelnas.files import write_text
from accelnas.reports import markdown
from accelnas_training.cli import options
from accelnas_training.collect.job import Limits
from accelnas_training.collect.reader import StoreReader
from accelnas_training.collect.store import Store
from accelnas_training.measure import load_protocol, measure_network
from accelnas_training.measure.collection import MeasuringPlan, measure_architectures
from accelnas_training.measure.repeatability import Repeatability, repeatability
from accelnas_training.measure.sessions import SessionEffects
from accelnas_training.measure.table import Column, measurements
from accelnas_training.measure.table import export as write
from accelnas_training.networks import load_family
from accelnas_training.sampling import uniform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnas_training.arrays import Archs
    from accelnas_training.measure import Measurement, Protocol
    from accelnas_training.networks import NetworkFamily

EPILOG = """Examples:

  accelnas-training measure run speed.db --protocol cpu_latency --protocol cpu_throughput --number 1000

  accelnas-training measure export speed.db speed.parquet

  accelnas-training measure repeat twice.db --protocol cpu_latency --number 50

The same command goes on where the last one ended; `accelnas-training store status` looks at a store meanwhile.
"""
SPREADS = ("references", "paired", "corrected")
COLUMNS = ("column", "architectures", "measurements", "noisy", "outliers", *SPREADS)
PAIRS = ("tau", "tau corrected", "mean difference", "corrected", "share", "corrected")
SESSIONS = ("protocol", "latencies", "networks", "session", "effect", "95 % interval", "between", "apart", "within")
AGREEMENT = ("protocol", "architectures", *PAIRS, *SPREADS)

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
EveryOption = Annotated[int, typer.Option("--every", min=1, help="Architectures between two looks at the references.")]

app = typer.Typer(no_args_is_help=True, epilog=EPILOG)


@dataclass(frozen=True)
class _Measuring:
    """How many networks are measured: options of `run` and `repeat`."""

    protocol: ProtocolsOption
    family: options.FamilyOption = "mnasnet"
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the choice of architectures, and their order.")] = 0
    references: Annotated[
        int, typer.Option("--references", min=0, help="Networks measured again and again, to see drift.")
    ] = 3
    changes: SetOption = None
    timeout: options.TimeoutOption = None
    retries: options.RetriesOption = 1

    def measure(self, store: Path, archs: Archs, plan: MeasuringPlan) -> None:
        """Measure what the store does not have."""
        networks, protocols = _read(self.family, self.protocol, self.changes)
        limits = Limits(self.retries, timeout=options.read_seconds(self.timeout))
        gpus = float(any(each.backend == "torch-cuda" for each in protocols))
        total = len(archs) * len(protocols) * plan.repeats
        with (
            Store.opened(store, networks.space, {"family": networks.digest}) as kept,
            options.make_runner(
                int(limits.timeout is not None), gpus=gpus
            ) as runner,  # a process of its own can be ended
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
        options.tell_failed(failed, store)


@app.command()
def network(
    architecture: Annotated[
        str,
        typer.Argument(metavar="[ARCHITECTURE]", help="String, as `accelnas sample` prints it, or index in the space."),
    ] = "0",
    protocol: ProtocolsOption = ["cpu_latency"],  # noqa: B006 (Typer copies it)
    family: options.FamilyOption = "mnasnet",
    changes: SetOption = None,
) -> None:
    """Measure one network, and show every figure: whether a protocol works."""
    networks, protocols = _read(family, protocol, changes)
    built = networks.build(options.read_architecture(architecture, networks.space))
    for each in protocols:
        _print_measurement(each, measure_network(built, each, networks.options.in_channels))


@app.command()
@options.flat
def run(
    store: options.StoreArgument,
    measuring: _Measuring,
    number: options.NumberOption = 1000,
    architectures: options.ListOption = None,
    every: EveryOption = 25,
    again: Annotated[int, typer.Option("--again", min=0, help="Further measurements of noisy ones, at most.")] = 2,
) -> None:
    """Measure many architectures in random order, references in between, noisy ones again.

    Nothing else should run on the device meanwhile.
    """
    plan = MeasuringPlan(measuring.references, every, 1, again, measuring.seed)
    space = load_family(measuring.family).space
    if architectures is None:
        archs = uniform(space, number, measuring.seed)
    else:
        archs = options.read_architectures(architectures, space)
    measuring.measure(store, archs, plan)


@app.command()
@options.flat
def repeat(
    store: options.StoreArgument,
    measuring: _Measuring,
    number: options.NumberOption = 50,
    every: EveryOption = 10,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the table as Markdown.", show_default=False),
    ] = None,
) -> None:
    """Measure the same architectures twice, and say how well both agree, with and without correction of drift."""
    networks, protocols = _read(measuring.family, measuring.protocol, measuring.changes)
    archs = uniform(networks.space, number, measuring.seed)
    measuring.measure(store, archs, MeasuringPlan(measuring.references, every, 2, 0, measuring.seed))
    with StoreReader.opened(store) as reader:
        rows = [_agreement_row(protocol, repeatability(reader, protocol.digest, archs)) for protocol in protocols]
    options.print_table(AGREEMENT, rows)
    if output is not None:
        write_text(output, markdown(AGREEMENT, rows) + "\n")


@app.command()
def export(
    store: options.StoreArgument,
    output: options.TableArgument,
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
    sessions: Annotated[
        bool, typer.Option("--sessions", help="Correct for effects of sessions, too, as far as they are beyond noise.")
    ] = False,
) -> None:
    """Write measurements without drift as the data set that `accelnas fit` reads, a row an architecture.

    OUTPUT.json says beside it how they were made, and what correcting the drift was good for.
    """
    wanted = options.read_pairs(metric, "--metric", "PROTOCOL=COLUMN") or None
    with StoreReader.opened(store) as reader:
        table, columns = write(reader, output, wanted, each=each, sessions=sessions)
    options.print_table(COLUMNS, [_column_row(name, column) for name, column in columns.items()])
    typer.echo(f"{table.height:,} rows in {output}; where they come from in {output}.json")


@app.command("sessions")
def show_sessions(
    store: options.StoreArgument,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the table as Markdown.", show_default=False),
    ] = None,
) -> None:
    """Say how much slower or faster each session (a process that measured) was, by networks of several sessions.

    Beside it standard deviations: between sessions, of what networks disagree about them, and of repeats within one. A
    session without networks in common with the others is not compared.
    """
    rows = []
    with StoreReader.opened(store) as reader:
        for digest in reader.schemes():
            _, column = measurements(reader, digest)
            rows += _session_rows(column, "as measured", column.sessions)
            rows += _session_rows(column, "in pairs", column.sessions_paired)
            rows += _session_rows(column, "corrected", column.sessions_corrected)
    if not rows:
        raise DataError(
            f"{store}: too few networks were measured in several sessions; measure more architectures in another "
            "process, whose references are then measured again"
        )
    options.print_table(SESSIONS, rows)
    if output is not None:
        write_text(output, markdown(SESSIONS, rows) + "\n")


def _read(family: str, names: Sequence[str], changes: Sequence[str] | None) -> tuple[NetworkFamily, list[Protocol]]:
    changed = options.read_pairs(changes, "--set", "KEY=VALUE, as resolution=64")
    return load_family(family), [load_protocol(name).changed(**changed) for name in names]


def _agreement_row(protocol: Protocol, found: Repeatability) -> list[str]:
    """Give a row of the table `AGREEMENT`."""
    pair = (found.measured, found.corrected)
    unit = "ms" if protocol.quantity == "latency" else "img/s"
    return [
        protocol.name,
        str(found.architectures),
        *(f"{each.tau:.4f}" for each in pair),
        *(f"{each.difference:.3g} {unit}" for each in pair),
        *(_percent(each.share) for each in pair),
        *map(_percent, found.column.spreads),
    ]


def _session_rows(column: Column, latencies: str, found: SessionEffects | None) -> list[list[str]]:
    """Give rows of the table `SESSIONS`, one a session."""
    if found is None:
        return []
    spreads = [*map(_percent, (found.between, found.apart, found.within))]
    return [
        [
            column.protocol.name,
            latencies,
            str(found.networks),
            name,
            *(
                ("not comparable", "")
                if math.isnan(effect)
                else (f"{effect:+.2%}", f"{effect - margin:+.2%} to {effect + margin:+.2%}")
            ),
            *spreads,
        ]
        for name, effect, margin in zip(column.names, found.effects, found.margins, strict=True)
    ]


def _column_row(name: str, column: Column) -> list[str]:
    """Give a row of the table `COLUMNS`."""
    return [
        name,
        *(f"{number:,}" for number in (column.architectures, column.measurements, column.noisy)),
        *map(_percent, (column.outliers, *column.spreads)),
    ]


def _print_measurement(protocol: Protocol, measured: Measurement) -> None:
    """Show every figure that is known."""
    screen = console()
    screen.print(f"[bold]{protocol.name}[/bold] ({protocol.backend}, batch {protocol.batch}, {protocol.resolution} px)")
    for name, value in measured.values().items():
        if not math.isnan(value) and name != "measured_at":
            screen.print(f"  {name:<18} {value:,.6g}")


def _percent(share: float) -> str:
    return "" if math.isnan(share) else f"{share:.2%}"
