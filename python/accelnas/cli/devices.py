"""``accelnas devices``: networks for several devices, and network and device together."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelnas.cli.device_tables import front_parts, print_json, show_ratios, worst_certificates, write_results
from accelnas.cli.exact import ConstraintsOption, WithinOption, parse_choices
from accelnas.cli.info import new_table, significant
from accelnas.cli.shared import (
    BenchmarkOption,
    DeriveOption,
    SpelledGroup,
    ThreadsOption,
    console,
    load_benchmark,
    progress,
)

if TYPE_CHECKING:
    from accelnas import Benchmark
    from accelnas.devices import Specialisation

DevicesArgument = Annotated[
    str,
    typer.Argument(metavar="DEVICE,…", help="Metrics of speed; patterns such as 'throughput_*' stand for several."),
]
CostsArgument = Annotated[
    str,
    typer.Argument(
        metavar="DEVICE[=COST],…", help="Metrics of speed in one unit, with a price, power or other cost above 0 each."
    ),
]
AtLeastOption = Annotated[float, typer.Option("--at-least", "-a", metavar="NUMBER", help="Least accuracy.")]
AccuracyOption = Annotated[str, typer.Option("--accuracy", metavar="METRIC", help="The metric of accuracy.")]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write the table: CSV, or Parquet if the name ends in .parquet.",
        show_default=False,
    ),
]
CertificatesOption = Annotated[
    Path | None,
    typer.Option(
        "--certificates",
        "-c",
        metavar="FOLDER",
        help="Write all certificates, for accelnas verify.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the table and all certificates as JSON.")]

app = typer.Typer(
    cls=SpelledGroup, no_args_is_help=True, help="Find networks for several devices, or network and device together."
)


def register(parent: typer.Typer) -> None:
    """Add the commands to the application."""
    parent.add_typer(app, name="devices")


def named_devices(bench: Benchmark, text: str) -> list[str]:
    """Give the metrics that names and patterns stand for, each once, in the order given."""
    found: dict[str, None] = {}
    for part in (part.strip() for part in text.split(",")):
        matching = [name for name in bench.metrics if fnmatchcase(name, part)]
        found |= dict.fromkeys(matching or [part])  # an unknown name is refused with all others listed
    return list(found)


@app.command(epilog="Example:  accelnas devices specialise 'throughput_*' --at-least 66 --compromises")
def specialise(
    devices: DevicesArgument,
    at_least: AtLeastOption,
    network: Annotated[
        list[str] | None,
        typer.Option(
            "--network",
            "-n",
            metavar="NAME=ARCHITECTURE",
            help="Add a network of one's own, given as a string or as its index. May be repeated.",
            show_default=False,
        ),
    ] = None,
    compromises: Annotated[
        bool, typer.Option("--compromises", help="Add the networks that are best in the worst case and on average.")
    ] = False,
    accuracy: AccuracyOption = "accuracy",
    subject_to: ConstraintsOption = None,
    within: WithinOption = None,
    output: OutputOption = None,
    certificates: CertificatesOption = None,
    as_json: JsonOption = False,
    derive: DeriveOption = None,
    threads: ThreadsOption = None,
    benchmark: BenchmarkOption = None,
) -> None:
    """Find the best network of each device, proven, and compare them on all devices."""
    from accelnas.devices import weighted_mean, worst_case

    bench = load_benchmark(benchmark, derive)
    table = _specialised(bench, devices, at_least, accuracy, subject_to, within, threads)
    proofs = dict(table.certificates)
    networks: dict[str, Any] = dict(_named(text) for text in network or ())
    if compromises:
        with progress("comparing", None, "questions") as show:
            worst = worst_case(bench, table, threads=threads, progress=lambda done, _total: show(done))
        mean = weighted_mean(bench, table, threads=threads)
        networks |= {"worst case": worst.architecture, "mean": mean.architecture}
        proofs |= worst_certificates(worst.reached, worst.excluded) | {"mean": mean.certificate}
    table = table.with_networks(bench, networks, threads=threads)
    write_results(table.to_columns(), proofs, output, certificates)
    if as_json:
        print_json({"optima": dict(zip(table.devices, table.optima.tolist(), strict=True))}, table, proofs)
        return
    show_ratios(bench, table)


@app.command("worst-case", epilog="Example:  accelnas devices worst-case 'throughput_*' --at-least 66")
def worst_case(
    devices: DevicesArgument,
    at_least: AtLeastOption,
    tolerance: Annotated[
        float, typer.Option("--tolerance", min=0, help="Proven width of the ratio; 0 for the optimum itself.")
    ] = 1e-4,
    accuracy: AccuracyOption = "accuracy",
    subject_to: ConstraintsOption = None,
    within: WithinOption = None,
    output: OutputOption = None,
    certificates: CertificatesOption = None,
    as_json: JsonOption = False,
    derive: DeriveOption = None,
    threads: ThreadsOption = None,
    benchmark: BenchmarkOption = None,
) -> None:
    """Find one network for all devices, whose smallest ratio to a device's own optimum is largest."""
    from accelnas.devices import worst_case as search

    bench = load_benchmark(benchmark, derive)
    table = _specialised(bench, devices, at_least, accuracy, subject_to, within, threads)
    with progress("comparing", None, "questions") as show:
        found = search(bench, table, tolerance=tolerance, threads=threads, progress=lambda done, _total: show(done))
    table = table.with_networks(bench, {"worst case": found.architecture}, threads=threads)
    proofs = {**table.certificates, **worst_certificates(found.reached, found.excluded)}
    write_results(table.to_columns(), proofs, output, certificates)
    if as_json:
        print_json({"lower": found.lower, "upper": found.upper, "questions": found.questions}, table, proofs)
        return
    show_ratios(bench, table)
    screen = console()
    screen.print(f"[bold]{found.text}[/bold]", soft_wrap=True)
    until = "the highest there is" if found.is_exact else f"none has {found.upper:.6f} or more"
    screen.print(f"[green]proven[/green]: {found.lower:.6f} of the optimum on every device, {until}", soft_wrap=True)
    screen.print(f"{found.questions} questions after those of the devices")


@app.command(
    "codesign", epilog="Example:  accelnas devices codesign throughput_zcu102=20,throughput_a100=250 -a 66 --speed 400"
)
def codesign_command(
    costs: CostsArgument,
    at_least: AtLeastOption,
    speed: Annotated[
        float, typer.Option("--speed", metavar="NUMBER", help="Least throughput, or highest latency, in the unit.")
    ],
    accuracy: AccuracyOption = "accuracy",
    subject_to: ConstraintsOption = None,
    within: WithinOption = None,
    output: OutputOption = None,
    certificates: CertificatesOption = None,
    as_json: JsonOption = False,
    derive: DeriveOption = None,
    threads: ThreadsOption = None,
    benchmark: BenchmarkOption = None,
) -> None:
    """Find the cheapest device that runs some network fast and accurately enough, and that network."""
    from accelnas.devices import codesign

    bench = load_benchmark(benchmark, derive)
    amounts = _costs(costs)
    if amounts is None:
        raise typer.BadParameter(f"{costs!r} has no costs; write DEVICE=COST for each device")
    choices = parse_choices(bench.space, within)
    limits = subject_to or ()
    with progress("searching", len(amounts), "devices") as show:
        found = codesign(
            bench, amounts, at_least=at_least, speed=speed, accuracy=accuracy, subject_to=limits, within=choices,
            threads=threads, progress=lambda done, _total: show(done),
        )  # fmt: skip
    proofs = {pair.device: pair.certificate for pair in found.pairs}
    write_results(found.to_columns(), proofs, output, certificates)
    if as_json:
        print_json({"best": None if found.best is None else found.best.device}, found, proofs)
        return
    numbers = ("cost", accuracy, "speed")
    table = new_table("device", *numbers, "", "network", numbers=numbers)
    for pair in found.pairs:
        figures = (significant(number, 6) for number in (pair.cost, pair.accuracy, pair.speed))
        word = "enough" if pair.is_feasible else "too slow" if not pair.text else "not accurate"
        table.add_row(pair.device, *figures, word, pair.text)
    screen = console()
    screen.print(table)
    if found.best is None:
        screen.print("[green]proven[/green]: no device will do")
        return
    screen.print(f"[bold]{found.best.device}[/bold]: {found.best.text}", soft_wrap=True)
    screen.print("[green]proven[/green]: no cheaper device has a network that meets both bounds")


@app.command(epilog="Example:  accelnas devices front throughput_zcu102=20,throughput_a100=250 -o front.csv")
def front(
    devices: CostsArgument,
    cost_objective: Annotated[
        bool, typer.Option("--cost-objective", help="Make cost a third objective in place of speed per cost.")
    ] = False,
    accuracy: AccuracyOption = "accuracy",
    subject_to: ConstraintsOption = None,
    within: WithinOption = None,
    output: OutputOption = None,
    certificates: CertificatesOption = None,
    as_json: JsonOption = False,
    derive: DeriveOption = None,
    threads: ThreadsOption = None,
    benchmark: BenchmarkOption = None,
) -> None:
    """Find all trade-offs of accuracy and speed, or speed per cost, over all networks on all devices."""
    from accelnas.devices import joint_front

    bench = load_benchmark(benchmark, derive)
    costs = _costs(devices)
    names = named_devices(bench, devices) if costs is None else list(costs)
    choices, limits = parse_choices(bench.space, within), subject_to or ()
    with progress("searching", len(names), "devices") as show:
        found = joint_front(
            bench, names, costs=costs, cost_is="objective" if cost_objective else "divisor", accuracy=accuracy,
            subject_to=limits, within=choices, threads=threads, progress=lambda done, _total: show(done),
        )  # fmt: skip
    write_results(found.to_columns(), found.certificates, output, certificates)
    if as_json:
        print_json({"composition": found.composition}, found, found.certificates)
        return
    screen = console()
    screen.print(front_parts(found))
    screen.print(f"[green]proven[/green]: {len(found)} points, and no pair of network and device is missing")


def _specialised(
    bench: Benchmark,
    devices: str,
    at_least: float,
    accuracy: str,
    subject_to: Sequence[str] | None,
    within: Sequence[str] | None,
    threads: int | None,
) -> Specialisation:
    from accelnas.devices import specialise as search

    names = named_devices(bench, devices)
    choices = parse_choices(bench.space, within)
    with progress("searching", len(names), "devices") as show:
        return search(
            bench, names, at_least=at_least, accuracy=accuracy, subject_to=subject_to or (), within=choices,
            threads=threads, progress=lambda done, _total: show(done),
        )  # fmt: skip


def _named(text: str) -> tuple[str, Any]:
    """Read ``NAME=ARCHITECTURE``."""
    name, equals, arch = (part.strip() for part in text.partition("="))
    if not (name and equals and arch):
        raise typer.BadParameter(f"--network {text!r}; write NAME=ARCHITECTURE")
    return name, [int(arch)] if arch.isdecimal() else [arch]


def _costs(text: str) -> dict[str, float] | None:
    """Read ``DEVICE=COST,…``; None where no device has a cost."""
    if "=" not in text:
        return None
    costs: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = (piece.strip() for piece in part.partition("="))
        try:
            costs[name] = float(number)
        except ValueError:
            raise typer.BadParameter(f"{part!r} in {text!r}; write DEVICE=COST for each device, or for none") from None
    return costs
