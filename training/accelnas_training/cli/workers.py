"""What commands share that use workers: their options, the runner, progress, and how values are written."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelnas.cli.shared import console, progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from accelnas_training.collect.collector import Progress
    from accelnas_training.collect.ray_runner import RayRunner
    from accelnas_training.collect.work import InlineRunner

WorkersOption = Annotated[int, typer.Option("--workers", "-w", min=0, help="Ray workers; 0 works in this process.")]
CpusEachOption = Annotated[float, typer.Option("--cpus-each", min=0, help="Cores that a worker occupies.")]
GpusEachOption = Annotated[float, typer.Option("--gpus-each", min=0, help="GPUs that a worker occupies.")]
AddressOption = Annotated[
    str | None,
    typer.Option("--address", help="Ray cluster: auto or HOST:PORT.", show_default="one on this machine"),
]
DeviceOption = Annotated[
    str | None,
    typer.Option("--device", help="Where a worker trains.", show_default="cuda with --gpus-each, else cpu"),
]
LoadersOption = Annotated[int, typer.Option("--loaders", min=0, help="Processes that load images, a worker.")]
TimeoutOption = Annotated[
    str | None,
    typer.Option("--timeout", metavar="TIME", help="Longest a job may take: 90, 30m, 6h.", show_default="none"),
]
RetriesOption = Annotated[int, typer.Option("--retries", min=0, help="Attempts after a failed one.")]
WorkFolderOption = Annotated[
    Path | None,
    typer.Option("--work-folder", help="For checkpoints; all workers share it.", show_default="STORE.work"),
]

_LINE_EVERY = 60.0  # seconds between lines for a log that nobody watches
_NOTE_AFTER = 10.0  # seconds that something hinders the work before it is worth a line
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def read_seconds(text: str) -> float:
    """Read a duration such as 90, 30m or 6h."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    try:
        return float(number) * _UNITS[unit]
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no duration; write 90, 30m, 6h or 2d") from None


def read_seeds(text: str) -> list[int]:
    """Read seeds, written as 0 or 0,1,2."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{text!r} are no seeds; write 0 or 0,1,2") from None


def make_runner(workers: int, cpus: float, gpus: float, address: str | None) -> InlineRunner | RayRunner:
    """Give a runner of so many workers on Ray, or of this process for 0; to be closed by ``with``."""
    if workers == 0:
        from accelnas_training.collect.work import InlineRunner

        return InlineRunner()
    from accelnas_training.collect.ray_runner import RayRunner

    return RayRunner(workers, cpus_each=cpus, gpus_each=gpus, address=address)


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
