"""``accelnas devices``: networks for several devices, and network and device together."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from accelnas.cli.commands import command
from accelnas.cli.device_tables import Results, front_parts, show_ratios, worst_certificates
from accelnas.cli.exact import Restricted
from accelnas.cli.info import new_table, significant
from accelnas.cli.shared import Computed, SpelledGroup, console, optional, progress

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
group = typer.Typer(
    cls=SpelledGroup, no_args_is_help=True, help="Find networks for several devices, or network and device together."
)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What all questions about devices take."""

    accuracy: Annotated[str, typer.Option("--accuracy", metavar="METRIC", help="The metric of accuracy.")] = "accuracy"
    restricted: Restricted
    results: Results
    opened: Computed

    @property
    def options(self) -> dict[str, Any]:
        """Give them as the API takes them."""
        return {"accuracy": self.accuracy, **self.restricted.of(self.opened.bench), "threads": self.opened.threads}


def named_devices(bench: Benchmark, text: str) -> list[str]:
    """Give the metrics that names and patterns stand for, each once, in the order given."""
    found: dict[str, None] = {}
    for part in (part.strip() for part in text.split(",")):
        matching = [name for name in bench.metrics if fnmatchcase(name, part)]
        found |= dict.fromkeys(matching or [part])  # an unknown name is refused with all others listed
    return list(found)


@command("accelnas devices specialise 'throughput_*' --at-least 66 --compromises", of=group)
def specialise(
    devices: DevicesArgument,
    at_least: AtLeastOption,
    *,
    network: Annotated[
        list[str] | None,
        optional(
            "--network",
            "-n",
            metavar="NAME=ARCHITECTURE",
            text="Add a network of one's own, given as a string or as its index. May be repeated.",
        ),
    ] = None,
    compromises: Annotated[
        bool, typer.Option("--compromises", help="Add the networks that are best in the worst case and on average.")
    ] = False,
    compared: Compared,
) -> None:
    """Find the best network of each device, proven, and compare them on all devices."""
    from accelnas.devices import weighted_mean, worst_case

    bench, threads = compared.opened.bench, compared.opened.threads
    table = _specialised(compared, devices, at_least)
    proofs = dict(table.certificates)
    networks: dict[str, Any] = dict(_named(text) for text in network or ())
    if compromises:
        with progress("comparing", None, "questions") as show:
            worst = worst_case(bench, table, threads=threads, progress=show)
        mean = weighted_mean(bench, table, threads=threads)
        networks |= {"worst case": worst.architecture, "mean": mean.architecture}
        proofs |= worst_certificates(worst.reached, worst.excluded) | {"mean": mean.certificate}
    table = table.with_networks(bench, networks, threads=threads)
    figures = {"optima": dict(zip(table.devices, table.optima.tolist(), strict=True))}
    if not compared.results.write(figures, table, proofs):
        show_ratios(bench, table)


@command("accelnas devices worst-case 'throughput_*' --at-least 66", of=group)
def worst_case(
    devices: DevicesArgument,
    at_least: AtLeastOption,
    *,
    tolerance: Annotated[
        float, typer.Option("--tolerance", min=0, help="Proven width of the ratio; 0 for the optimum itself.")
    ] = 1e-4,
    compared: Compared,
) -> None:
    """Find one network for all devices, whose smallest ratio to a device's own optimum is largest."""
    from accelnas.devices import worst_case as search

    bench, threads = compared.opened.bench, compared.opened.threads
    table = _specialised(compared, devices, at_least)
    with progress("comparing", None, "questions") as show:
        found = search(bench, table, tolerance=tolerance, threads=threads, progress=show)
    table = table.with_networks(bench, {"worst case": found.architecture}, threads=threads)
    proofs = {**table.certificates, **worst_certificates(found.reached, found.excluded)}
    figures = {"lower": found.lower, "upper": found.upper, "questions": found.questions}
    if compared.results.write(figures, table, proofs):
        return
    show_ratios(bench, table)
    screen = console()
    screen.print(f"[bold]{found.text}[/bold]", soft_wrap=True)
    until = "the highest there is" if found.is_exact else f"none has {found.upper:.6f} or more"
    screen.print(f"[green]proven[/green]: {found.lower:.6f} of the optimum on every device, {until}", soft_wrap=True)
    screen.print(f"{found.questions} questions after those of the devices")


@command("accelnas devices codesign throughput_zcu102=20,throughput_a100=250 -a 66 --speed 400", of=group)
def codesign(
    costs: CostsArgument,
    at_least: AtLeastOption,
    speed: Annotated[
        float, typer.Option("--speed", metavar="NUMBER", help="Least throughput, or highest latency, in the unit.")
    ],
    compared: Compared,
) -> None:
    """Find the cheapest device that runs some network fast and accurately enough, and that network."""
    from accelnas.devices import codesign as search

    bench = compared.opened.bench
    amounts = _costs(costs)
    if amounts is None:
        raise typer.BadParameter(f"{costs!r} has no costs; write DEVICE=COST for each device")
    with progress("searching", len(amounts), "devices") as show:
        found = search(bench, amounts, at_least=at_least, speed=speed, progress=show, **compared.options)
    proofs = {pair.device: pair.certificate for pair in found.pairs}
    if compared.results.write({"best": None if found.best is None else found.best.device}, found, proofs):
        return
    numbers = ("cost", compared.accuracy, "speed")
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


@command("accelnas devices front throughput_zcu102=20,throughput_a100=250 -o front.csv", of=group)
def front(
    devices: CostsArgument,
    *,
    cost_objective: Annotated[
        bool, typer.Option("--cost-objective", help="Make cost a third objective in place of speed per cost.")
    ] = False,
    compared: Compared,
) -> None:
    """Find all trade-offs of accuracy and speed, or speed per cost, over all networks on all devices."""
    from accelnas.devices import joint_front

    bench = compared.opened.bench
    costs = _costs(devices)
    names = named_devices(bench, devices) if costs is None else list(costs)
    cost_is: Literal["objective", "divisor"] = "objective" if cost_objective else "divisor"
    with progress("searching", len(names), "devices") as show:
        found = joint_front(bench, names, costs=costs, cost_is=cost_is, progress=show, **compared.options)
    if compared.results.write({"composition": found.composition}, found, found.certificates):
        return
    screen = console()
    screen.print(front_parts(found))
    screen.print(f"[green]proven[/green]: {len(found)} points, and no pair of network and device is missing")


@command("accelnas devices mcu --flash 4096 --sram 1024", of=group)
def mcu(
    *,
    flash: Annotated[float, typer.Option("--flash", metavar="KB", help="What weights may take, in KB of 1,024 bytes.")],
    sram: Annotated[float, typer.Option("--sram", metavar="KB", help="What activations may take.")],
    bits: Annotated[int, typer.Option("--bits", help="Of a weight and of an activation: 4, 8, 16 or 32.")] = 8,
    compared: Compared,
) -> None:
    """Find the most accurate network that the memories of a microcontroller hold."""
    from accelnas.devices import microcontroller

    found = microcontroller(compared.opened.bench, flash, sram, bits=bits, **compared.options)
    if compared.results.write({"fits": bool(found.text)}, found, {"mcu": found.certificate}):
        return
    screen = console()
    if not found.text:
        screen.print(
            f"[green]proven[/green]: no network fits; the least flash of a network is {found.flash:,.0f} KB, the least "
            f"SRAM of one {found.sram:,.0f} KB",
            soft_wrap=True,
        )
        return
    screen.print(f"[bold]{found.text}[/bold]", soft_wrap=True)
    taken = f"{found.flash:,.0f} KB of flash, {found.sram:,.0f} KB of SRAM"
    screen.print(
        f"{compared.accuracy} {significant(found.accuracy, 6)}, {taken} with {found.bits} bits", soft_wrap=True
    )
    screen.print("[green]proven[/green]: no network that fits is more accurate")


def _specialised(compared: Compared, devices: str, at_least: float) -> Specialisation:
    from accelnas.devices import specialise as search

    names = named_devices(compared.opened.bench, devices)
    with progress("searching", len(names), "devices") as show:
        return search(compared.opened.bench, names, at_least=at_least, progress=show, **compared.options)


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
