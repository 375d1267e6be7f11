"""Compare accelnas with its peers: ``python -m bench`` writes JSON, Markdown and a chart.

Each engine runs in processes of its own, one a thread count, pinned to as many cores. All of a
workload's processes live at the same time and take turns, round by round, while the others are
stopped: a ratio is the median of ratios within a round, so a noisy minute touches both sides.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np

from accelnas import _core
from accelnas.circumstances import processor
from bench import chart, report
from bench.engines import ENGINES, Engine
from bench.models import CACHE, ROOT, WORKLOADS, Workload, data_hash
from bench.walk import reference_file


class EngineError(Exception):
    """The reason why an engine has no figures."""


@dataclass(frozen=True)
class Options:
    """How long to measure."""

    rounds: int
    rows: int
    threads: tuple[int, ...]
    seconds: float
    quick: bool

    def batch(self, engine: type[Engine], workload: Workload) -> int:
        """Rows of the engine's large batch: a million, fewer where that takes minutes."""
        rows = engine.batch if engine.name == "accelnas" else engine.batch // workload.members
        return min(rows, self.rows) // 10 if self.quick else min(max(rows, 10_000), self.rows)


class Session:
    """A worker process, stopped while it is not asked."""

    def __init__(self, mode: str, engine: str, workload: Workload, threads: int, rows: int) -> None:
        self.log = CACHE / "logs" / f"{workload.name}-{engine}-{mode}-{threads}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        arguments = [mode, engine, workload.name, str(threads), str(rows)]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bench.worker", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=ROOT,
                env=os.environ | {"OMP_NUM_THREADS": str(threads)},
            )

    def receive(self, timeout: float) -> dict[str, Any]:
        """Wait for the next answer; raise EngineError with the log's last line."""
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], timeout)[0]:
            self.process.kill()
            self.process.wait()
            raise EngineError(f"no answer within {timeout:.0f} s")
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            lines = self.log.read_text().strip().splitlines() or ["no message"]
            raise EngineError(f"{lines[-1][:200]} (exit status {code})")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, timeout: float = 300, **command: Any) -> dict[str, Any]:
        """Wake the worker, have one command done and stop it again."""
        assert self.process.stdin is not None
        self.process.send_signal(signal.SIGCONT)
        try:
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # receive says why
        answer = self.receive(timeout)
        self.stop()
        return answer

    def stop(self) -> None:
        """Keep threads that spin between calls from disturbing the others."""
        self.process.send_signal(signal.SIGSTOP)

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()


def prepare(engine: type[Engine], workload: Workload, options: Options) -> dict[str, float]:
    """Fit what is missing and compile ahead of time, in a process that is not measured."""
    try:
        engine.version()
    except PackageNotFoundError:
        raise EngineError(f"{engine.distribution} is not installed") from None
    if engine.slow_compile and options.quick:
        raise EngineError("not part of a quick run: it takes minutes to compile")
    session = Session("prepare", engine.name, workload, max(options.threads), 1)
    try:
        seconds: dict[str, float] = session.receive(timeout=900)["compile"]
    finally:
        session.close()
    return seconds


def measure(workload: Workload, names: list[str], options: Options) -> dict[str, Any]:
    """Run every engine on one workload; engines that fail are named with the reason."""
    results: dict[str, dict[str, Any]] = {name: {"title": ENGINES[name].title} for name in names}
    sessions: dict[tuple[str, int], Session] = {}

    def drop(name: str, reason: object) -> None:
        say(f"{workload.name}: {name} fails: {reason}")
        results[name]["failed"] = str(reason)
        for key in [key for key in sessions if key[0] == name]:
            sessions.pop(key).close()

    try:
        for name in names:
            say(f"{workload.name}: {name}")
            rows = options.batch(ENGINES[name], workload)
            try:
                compiled = prepare(ENGINES[name], workload, options)
                for threads in options.threads:
                    session = Session("measure", name, workload, threads, rows)
                    sessions[name, threads] = session
                    started = session.receive(timeout=300)
                    if threads == options.threads[0]:
                        checked = session.ask(do="check")
                        results[name] |= started | checked | {"compile": compiled, "rows": rows}
                        results[name]["same_trees"] = started["family"] == workload.source
                        results[name]["samples"] = {}
                    session.stop()
            except EngineError as reason:
                drop(name, reason)
        for number in range(options.rounds):
            say(f"{workload.name}: round {number + 1} of {options.rounds}")
            for size in ("1", "1000", "batch"):
                for (name, threads), session in list(sessions.items()):
                    rows = results[name]["rows"] if size == "batch" else int(size)
                    try:
                        timed = session.ask(do="time", rows=rows, seconds=options.seconds)
                    except EngineError as reason:
                        drop(name, reason)
                        continue
                    sizes = results[name]["samples"].setdefault(str(threads), {})
                    sizes.setdefault(size, []).append(timed["seconds"] / rows)
    finally:
        for session in sessions.values():
            session.close()
    return results


def say(message: str) -> None:
    """Progress, with the time."""
    print(f"{time.strftime('%H:%M:%S')} {message}", flush=True)


def machine() -> dict[str, Any]:
    """Describe what the figures are measured on."""
    git = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    return {
        "cpu": processor(),
        "kernels": _core.kernels(),
        "cores": _core.processors(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "load_before": os.getloadavg()[0],
        "commit": git.stdout.strip(),
        "date": time.strftime("%Y-%m-%d"),
    }


def main() -> None:
    """Parse the command line, measure, write the results."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute: fewer rows and rounds")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=None)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--rounds", type=int, default=None, help="default 5, quick 2")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the large batch, at most")
    parser.add_argument("--threads", nargs="+", type=int, default=None, help="default 1 2")
    parser.add_argument("--out", type=Path, default=None, help="folder of the results")
    given = parser.parse_args()

    if platform.system() != "Linux":
        sys.exit("bench: memory and thread limits are read and set the Linux way; run it on Linux")
    cores = _core.processors()
    threads = given.threads or ((min(2, cores),) if given.quick else range(1, min(2, cores) + 1))
    options = Options(
        rounds=given.rounds or (2 if given.quick else 5),
        rows=given.rows,
        threads=tuple(threads),
        seconds=0.05 if given.quick else 0.2,
        quick=given.quick,
    )
    chosen = given.workloads or (["accuracy", "time"] if given.quick else list(WORKLOADS))
    # a quick run does not replace published results
    out = given.out or (CACHE / "quick" if given.quick else ROOT / "bench" / "results")
    picture = out / "peers.svg" if given.quick or given.out else ROOT / "docs" / "measurements" / "peers.svg"
    results: dict[str, Any] = {
        "command": " ".join(["python -m bench", *sys.argv[1:]]),
        "machine": machine(),
        "data_sha256": data_hash(),
        "rounds": options.rounds,
        "workloads": {},
    }
    started = time.time()
    for workload in (WORKLOADS[name] for name in chosen):
        names = [name for name in given.engines if name in (workload.engines or ENGINES)]
        reference_file(workload)
        results["workloads"][workload.name] = {
            "title": workload.title,
            "engines": measure(workload, names, options),
        }
        # written after every workload, so that an interrupted run leaves what it has
        report.save("peers", results, report.markdown(results), out)
        chart.draw(results, picture)
    say(f"{time.time() - started:.0f} s; results in {out}, chart in {picture}")
    print(report.markdown(results))


if __name__ == "__main__":
    main()
