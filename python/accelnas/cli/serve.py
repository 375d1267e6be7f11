"""``accelnas serve``: a benchmark over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelnas.cli.commands import command
from accelnas.cli.shared import DeriveOption, ThreadsOption, load_benchmark

if TYPE_CHECKING:
    from accelnas.serve.limits import Limits


@dataclass(frozen=True)
class Limited:
    """What one request may take."""

    body: Annotated[int, typer.Option("--max-body", min=1, help="Bytes of a request's body, or a stream's line.")] = (
        4 << 20
    )
    rows: Annotated[int, typer.Option("--max-rows", min=1, help="Architectures of a request.")] = 10_000
    points: Annotated[int, typer.Option("--max-points", min=1, help="Architectures of a front, or of the best.")] = (
        100_000
    )
    seconds: Annotated[
        float,
        typer.Option(
            "--time-limit",
            min=0.001,
            help="Seconds of a question about the whole space, and of sending a request; it is stopped then.",
        ),
    ] = 60.0
    questions: Annotated[
        int,
        typer.Option("--questions", min=1, help="Questions about the whole space at the same time; more are refused."),
    ] = 1
    threads: ThreadsOption = None

    def limits(self) -> Limits:
        """Give them as the application takes them."""
        from accelnas.serve.limits import Limits

        return Limits(self.body, self.rows, self.points, self.seconds, self.questions, self.threads)


@command(
    "accelnas serve",
    "accelnas serve nasbench201 --port 9000",
    "accelnas serve -d 'time_a100 = 1000 / throughput_a100' --time-limit 600 --max-points 1000000",
    "accelnas serve --host 0.0.0.0 --max-rows 1000",
)
def serve(
    bench: Annotated[
        Path | None,
        typer.Argument(
            metavar="BENCH", help="Benchmark directory, or the name of one.", show_default="the bundled one"
        ),
    ] = None,
    *,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen at; any but a loopback one lets other machines ask.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", "-p", min=0, max=65_535, help="Port to listen at; 0 takes a free one.")
    ] = 8000,
    derive: DeriveOption = None,
    limited: Limited,
) -> None:
    """Answer questions to a benchmark over HTTP, until Ctrl-C; /docs describes them.

    Requests name no files, and nothing is written. There is no encryption and no password: only programs of this
    machine are answered, unless --host says otherwise.
    """
    import httptools  # noqa: F401 uvicorn would go without, at half the speed

    from accelnas.serve.names import is_loopback
    from accelnas.serve.server import listening, server

    limits = limited.limits()
    with listening(host, port) as listener:
        served = load_benchmark(bench, derive)
        serving = server(served, limits, host)
        name = f"[{host}]" if ":" in host else host
        url = f"http://{name}:{listener.getsockname()[1]}"
        typer.echo(f"{served.name} at {url}, described at {url}/docs; Ctrl-C ends it", err=True)
        if not is_loopback(host):
            typer.echo(
                f"listening at {host}: every machine that reaches it can ask, unencrypted and without a password; "
                "put a proxy before it that asks for one, or leave --host out",
                err=True,
            )
        serving.run([listener])
