"""What commands share: their options, how values are written, workers, and progress."""

from __future__ import annotations

import inspect
import json
import shlex
import time
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import numpy as np
import typer

from accelnas.cli.info import new_table
from accelnas.cli.shared import console, progress
from accelnas.errors import SearchError
from accelnas.exact import Certificate
from accelnas.fitting.table import read_table
from accelnas.space import Frame
from accelnas_training.collect.job import Limits
from accelnas_training.collect.work import InlineRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from accelnas import Space
    from accelnas_training.arrays import Archs
    from accelnas_training.collect.collector import Progress
    from accelnas_training.collect.work import Runner

ArchitectureArgument = Annotated[
    str,
    typer.Argument(
        metavar="ARCHITECTURE",
        help="String, as `accelnas sample` prints it, index in the space, or a certificate (.json): the best of it.",
    ),
]
DataArgument = Annotated[
    Path,
    typer.Argument(metavar="DATA", help="Measured architectures: a .csv or .parquet table, or the archive."),
]
StoreArgument = Annotated[Path, typer.Argument(help="File of the results; `collect` and `measure` make it.")]
TableArgument = Annotated[Path, typer.Argument(help="File to write: .parquet or .csv.")]
FamilyOption = Annotated[
    str,
    typer.Option(
        "--family", "-f", metavar="mnasnet|nasbench201|…|TOML", help="The networks, or a file that names yours."
    ),
]
ImagesOption = Annotated[str, typer.Option("--images", "-i", help="Images: digits, folder:PATH, cache:PATH, …")]
SchemeOption = Annotated[
    str, typer.Option("--scheme", "-s", help="Training scheme: p_star, reference, or a TOML file.")
]
SeedsOption = Annotated[str, typer.Option("--seeds", metavar="A,B,…", help="Seeds, each of its own weights.")]
NumberOption = Annotated[int, typer.Option("--number", "-n", min=1, help="Number of architectures.")]
ListOption = Annotated[
    Path | None,
    typer.Option("--architectures", metavar="FILE", help="Take those of a table instead.", show_default=False),
]
FolderOption = Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where to write.")]
ReportOption = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE", help="Markdown; a plot and a table beside.")
]
MetricsOption = Annotated[
    str | None, typer.Option("--metrics", "-m", metavar="A,B,…", help="Metrics.", show_default="all speeds")
]
WhereOption = Annotated[str, typer.Option("--device", help="Where to compute: cpu, cuda, cuda:1, …")]
RetriesOption = Annotated[int, typer.Option("--retries", min=0, help="Attempts after a failed one.")]
TimeoutOption = Annotated[
    str | None,
    typer.Option("--timeout", metavar="TIME", help="Longest a job may take: 90, 30m, 6h.", show_default="none"),
]
IntensityOption = Annotated[
    float | None,
    typer.Option(
        "--grid-intensity", metavar="G/KWH", min=0, help="Show CO₂ by the grid's intensity.", show_default=False
    ),
]

_LINE_EVERY = 60.0  # seconds between lines for a log that nobody watches
_NOTE_AFTER = 10.0  # seconds that something hinders the work before it is worth a line
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Workers:
    """Who trains, and where: options of all commands that train many networks."""

    workers: Annotated[int, typer.Option("--workers", "-w", min=0, help="Ray workers; 0 works in this process.")] = 1
    cpus_each: Annotated[float, typer.Option("--cpus-each", min=0, help="Cores that a worker occupies.")] = 1
    gpus_each: Annotated[float, typer.Option("--gpus-each", min=0, help="GPUs that a worker occupies.")] = 0
    address: Annotated[
        str | None,
        typer.Option("--address", help="Ray cluster: auto or HOST:PORT.", show_default="one on this machine"),
    ] = None
    device: Annotated[
        str | None,
        typer.Option("--device", help="Where a worker trains.", show_default="cuda with --gpus-each, else cpu"),
    ] = None
    loaders: Annotated[int, typer.Option("--loaders", min=0, help="Processes that load images, a worker.")] = 0
    timeout: TimeoutOption = None
    retries: RetriesOption = 2
    work_folder: Annotated[
        Path | None,
        typer.Option("--work-folder", help="For checkpoints; all workers share it.", show_default="STORE.work"),
    ] = None

    @property
    def place(self) -> str:
        """The device."""
        return self.device or ("cuda" if self.gpus_each else "cpu")

    @property
    def limits(self) -> Limits:
        """When a job is given up."""
        return Limits(self.retries, timeout=read_seconds(self.timeout))

    def folder(self, store: Path) -> Path:
        """Where checkpoints are."""
        return self.work_folder or store.with_name(f"{store.name}.work")

    def runner(self) -> Runner:
        """Give the workers."""
        return make_runner(self.workers, self.cpus_each, self.gpus_each, self.address)


def flat(command: Callable[..., None]) -> Callable[..., None]:
    """Let each field of a dataclass that a command takes, such as `Workers`, be an option of its own."""
    signature = inspect.signature(command, eval_str=True)
    grouped: dict[str, Any] = {
        name: p.annotation for name, p in signature.parameters.items() if is_dataclass(p.annotation)
    }
    parameters: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        if name in grouped:
            hints = get_type_hints(grouped[name], include_extras=True)
            parameters += [
                parameter.replace(
                    name=field.name,
                    default=parameter.empty if field.default is MISSING else field.default,
                    annotation=hints[field.name],
                )
                for field in fields(grouped[name])
            ]
        else:
            parameters.append(parameter)

    @wraps(command)
    def run(**given: Any) -> None:
        for name, kind in grouped.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        command(**given)

    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    setattr(run, "__signature__", signature.replace(parameters=parameters))  # noqa: B010 (not declared)
    return run


def read_architecture(text: str, space: Space) -> Archs:
    """Read an architecture, its string, its index, or the first of a certificate's: uint8 (variables,)."""
    if text.endswith(".json"):
        text = _found(text, space)
    rows = space.at([int(text)]) if text.isdecimal() else space.parse([text])
    row: Archs = rows[0]
    return row


def _found(path: str, space: Space) -> str:
    """Give the best architecture that the certificate in a file names."""
    certificate = Certificate.load(path)
    if certificate.space["sha256"] != space.sha256:
        raise SearchError(f"{path} is of space {certificate.space['name']}, not {space.name}; name its --family")
    kind, found = certificate.question["kind"], certificate.result.get("architectures")
    if kind == "front" or not found:
        raise SearchError(f"{path} answers {kind!r}, names no best architecture; use that of `accelnas best`")
    return str(found[0])


def read_architectures(path: Path, space: Space) -> Archs:
    """Read the architectures of a Parquet or CSV file, each once: uint8 (n, variables)."""
    frame = read_table(path)
    rows = space.encode(Frame(frame, ignore_others=True))
    _, first = np.unique(rows, axis=0, return_index=True)
    return rows[np.sort(first)]


def read_seconds(text: str | None) -> float | None:
    """Read a duration such as 90, 30m or 6h, if there is one."""
    if text is None:
        return None
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    try:
        return float(number) * _UNITS[unit]
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no duration; write 90, 30m, 6h or 2d") from None


def read_integers(text: str, option: str = "--seeds") -> list[int]:
    """Read integers such as seeds, written as 0 or 0,1,2."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{option}: {text!r} are no integers; write 0 or 0,1,2") from None


def read_pairs(texts: Sequence[str] | None, option: str, form: str = "KEY=VALUE") -> dict[str, Any]:
    """Read values written as KEY=VALUE: those of JSON's types, or words."""
    found: dict[str, Any] = {}
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"{option} {text!r}; write {form}")
        try:
            found[key.strip()] = json.loads(value)
        except (ValueError, RecursionError):  # a word
            found[key.strip()] = value.strip()
    return found


def command_text(*words: object, **options: object) -> str:
    """Write a command of this program out, without options that were not given."""
    for name, value in options.items():
        for each in value if isinstance(value, list) else [value]:
            words += () if each is None else (f"--{name.replace('_', '-')}", each)
    return shlex.join(["accelnas-training", *map(str, words)])


def make_runner(workers: int, cpus: float = 1, gpus: float = 0, address: str | None = None) -> Runner:
    """Give a runner of so many workers on Ray, or of this process for 0; to be closed by ``with``."""
    if workers == 0:
        return InlineRunner()
    from accelnas_training.collect.ray_runner import RayRunner  # Ray takes seconds to import

    return RayRunner(workers, cpus_each=cpus, gpus_each=gpus, address=address)


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]], numbers: tuple[str, ...] = ()) -> None:
    """Show a table, the columns `numbers` to the right."""
    table = new_table(*header, numbers=numbers)
    for row in rows:
        table.add_row(*row)
    console().print(table)


def tell_failed(failed: int, store: Path) -> None:
    """Say how many jobs failed, if any."""
    if failed:
        typer.echo(f"{failed:,} failed; `accelnas-training store status {store}` says why", err=True)


@contextmanager
def watched(jobs: int) -> Iterator[Callable[[Progress], None]]:
    """Show progress: a bar where a person watches, else a line a minute; and whatever hinders it."""
    screen = console(stderr=True)
    said, noted = "", time.monotonic()
    written = noted
    with progress("working", jobs, "jobs") as bar:

        def report(now: Progress) -> None:
            nonlocal said, noted, written
            clock = time.monotonic()
            bar(now.done + now.quarantined)
            if not screen.is_terminal and clock - written >= _LINE_EVERY:
                counts = f"{now.done} of {now.jobs} done, {now.quarantined} failed, {now.running} running"
                screen.print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {counts}")
                written = clock
            if not now.note:
                said, noted = "", clock
            elif now.note != said and clock - noted >= _NOTE_AFTER:
                screen.print(now.note)
                said, noted = now.note, clock

        yield report
