"""How many small requests a second ``accelnas serve`` answers, and how fast: server and client on one machine.

``python -m bench.serve`` starts the server in a process of its own, and asks over connections that stay open, each
sending its next request when it has its answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import cast

import accelnas
from accelnas.circumstances import machine
from accelnas.reports import markdown as table
from bench.models import ROOT

AIM = "at least 3,000 requests a second with a 99th percentile of at most 20 ms, on two cores"
Times = list[float]


class Connection(asyncio.Protocol):
    """Sends requests one after the other, at little cost: the client shares the processor with the server."""

    def __init__(self, requests: list[bytes], times: Times) -> None:
        self._requests, self._times = iter(requests), times
        self._received, self._sent = b"", 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Send the next request when the answer is there."""
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end or len(body) < int(head.partition(b"content-length: ")[2].partition(b"\r")[0]):
            return
        self._times.append(time.perf_counter() - self._sent)
        assert head.startswith(b"HTTP/1.1 200"), head
        self._received = b""
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        """Fail where answers are missing."""
        if not self.done.done():
            self.done.set_exception(error or OSError("the server closed the connection"))

    def _send(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self.done.set_result(None)
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(request)


async def ask(port: int, requests: list[bytes], times: Times) -> None:
    """Send requests one after the other over one connection."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(lambda: Connection(requests, times), "127.0.0.1", port)
    await connection.done


async def measure(port: int, bodies: list[bytes], connections: int) -> tuple[float, Times]:
    """Give the seconds that all took, and those of each."""
    head = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    requests = [head % len(body) + body for body in bodies]
    times: Times = []
    started = time.perf_counter()
    await asyncio.gather(*(ask(port, requests[i::connections], times) for i in range(connections)))
    return time.perf_counter() - started, sorted(times)


def cpu_seconds(process: subprocess.Popen[str]) -> float | None:
    """Time that a process has computed, where Linux tells it."""
    path = Path(f"/proc/{process.pid}/schedstat")
    return int(path.read_text().split()[0]) / 1e9 if path.exists() else None


def main() -> None:
    """Measure, print a table, write ``serve.md``."""
    parser = argparse.ArgumentParser(prog="python -m bench.serve", description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--note", default="", help="what else ran on the machine")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results")
    given = parser.parse_args()

    bench = accelnas.load()
    texts = bench.space.format(bench.space.sample(given.requests, seed=0))
    asked = {
        "one architecture, one metric": [{"architectures": [text], "metrics": ["accuracy"]} for text in texts],
        "one architecture, one metric, standard deviation": [
            {"architectures": [text], "metrics": ["accuracy"], "std": True} for text in texts
        ],
        "ten architectures, two metrics": [
            {"architectures": texts[i : i + 10], "metrics": ["accuracy", "latency_zcu102"]} for i in range(len(texts))
        ],
    }
    command = [sys.executable, "-m", "accelnas", "serve", "--port", "0"]
    rows = []
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            said = server.stderr.readline()  # when it listens
            port = int(said.partition(",")[0].rpartition(":")[2])
            body = json.dumps({"architectures": texts[:1], "metrics": ["accuracy"]}).encode()
            asyncio.run(measure(port, [body] * 200, 1))
            for name, contents in asked.items():
                bodies = [json.dumps(content).encode() for content in contents]
                for connections in (1, 16):
                    runs, before = [], cpu_seconds(server)
                    for _ in range(given.repeats):
                        seconds, times = asyncio.run(measure(port, bodies, connections))
                        runs.append((len(times) / seconds, *(1e3 * times[int(q * len(times))] for q in (0.5, 0.99))))
                    after = cpu_seconds(server)
                    answers = given.repeats * len(bodies)
                    cpu = "" if before is None or after is None else f"{1e6 * (after - before) / answers:.0f}"
                    rate, middle, high = (median(column) for column in zip(*runs, strict=True))
                    best = max(runs)[0]
                    row = [name, str(connections), f"{rate:,.0f}", f"{best:,.0f}", f"{middle:.2f}", f"{high:.2f}", cpu]
                    rows.append(row)
        finally:
            server.terminate()
    header = ["request", "connections", "requests/s", "best", "median, ms", "99 %, ms", "server's CPU, µs"]
    shown = table(header, rows)
    print(shown)
    text = (
        f"# Requests a second\n\n{machine()}; `python -m bench.serve --requests {given.requests}`, medians of "
        f"{given.repeats} runs and the best of them; the client is on the same machine. {given.note}".rstrip()
        + f"\n\nAim: {AIM}.\n\n{shown}\n"
    )
    (given.out / "serve.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
