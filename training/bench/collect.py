"""Kill workers and drivers, fill disks, again and again; time what a job costs besides its work.

    python training/bench/collect.py [--repeats 20]

writes ``training/bench/results/collect.md``. The full disk is a small tmpfs, which needs the right to mount one.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path.insert(0, str(TESTS))
os.environ["PYTHONPATH"] = str(TESTS)  # of Ray's workers

import ray  # noqa: E402

from accelnas import _core  # noqa: E402
from accelnas_training.collect import collector  # noqa: E402
from accelnas_training.collect.collector import collect  # noqa: E402
from accelnas_training.collect.job import Job  # noqa: E402
from accelnas_training.collect.ray_runner import RayRunner  # noqa: E402
from accelnas_training.collect.reader import StoreReader  # noqa: E402
from accelnas_training.collect.store import Store  # noqa: E402
from accelnas_training.collect.summary import problems  # noqa: E402
from accelnas_training.collect.work import InlineRunner, WorkDescription  # noqa: E402
from collect_driver import SPACE, jobs  # noqa: E402
from collect_works import value  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from accelnas_training.collect.collector import Progress
    from accelnas_training.collect.work import Runner

RESULTS = Path(__file__).parent / "results" / "collect.md"
WORKS = "collect_works:works"
TMPFS = 1024 * 1024  # bytes: of these SQLite's log takes most


def require(true: object, what: str) -> None:
    """End with an error unless something is true."""
    if not true:
        raise SystemExit(f"NOT SO: {what}")


@contextmanager
def opened(folder: Path) -> Iterator[Store]:
    """Open a store in a folder, with a scheme."""
    with Store.opened(folder / "s.db", SPACE) as store:
        store.add_scheme("scheme", "quick", {})
        yield store


def endings(folder: Path, count: int) -> Counter[str]:
    """Check that every job has its one result, and count how attempts ended."""
    with StoreReader.opened(folder / "s.db") as reader:
        require(not problems(reader), "the store holds together")
        given = [values and values["accuracy"] for values in reader.values(jobs(count))]
        require(given == [value(job) for job in jobs(count)], "every job has its result")
        return Counter(ending for (ending,) in reader.connection.execute("SELECT ending FROM attempts"))


def kill_worker(runner: Runner, chance: random.Random, folder: Path) -> Counter[str]:
    """Kill a worker that is busy, at a random time."""
    log = folder / "log"
    log.mkdir()
    work = WorkDescription(WORKS, {"seconds": 0.15, "log": str(log)})
    when, pause, killed = chance.randrange(1, 8), chance.uniform(0, 0.15), []

    def kill(now: Progress) -> None:
        started = sorted(log.iterdir(), key=lambda path: path.stat().st_mtime)
        if now.done >= when and now.running and started and not killed:
            time.sleep(pause)
            killed.append(int(started[-1].name.split("-")[1]))
            os.kill(killed[0], signal.SIGKILL)

    with opened(folder) as store:
        collect(store, jobs(10), work, runner, report=kill)
    require(killed, "a worker was killed")
    return endings(folder, 10)


def kill_driver(address: str, chance: random.Random, folder: Path) -> Counter[str]:
    """Kill the driver at a random time, and start it again."""
    command = [sys.executable, str(TESTS / "collect_driver.py"), str(folder / "s.db"), "10", address, WORKS]
    command.append('{"seconds": 0.15}')
    driver = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for line in driver.stdout or ():
        if line.strip() == "1":
            break
    time.sleep(chance.uniform(0, 0.6))
    driver.kill()
    driver.communicate()
    with StoreReader.opened(folder / "s.db") as reader:
        require(not problems(reader), "the store of the killed driver holds together")
        require(0 < len(reader.jobs("done")) < 10, "the driver was killed midway")
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return endings(folder, 10)


def fill_disk(chance: random.Random, folder: Path) -> Counter[str]:
    """Fill the disk at a random time of a collection, and make room half a second later."""
    filler = folder / "filler"
    is_full, notes = threading.Event(), []

    def fill(now: Progress) -> None:
        if now.done >= when and not is_full.is_set():
            is_full.set()
            with filler.open("wb", buffering=0) as file:  # to the last byte
                for size in (4096, 512, 1):
                    try:
                        while True:
                            file.write(b"x" * size)
                    except OSError:
                        pass
            threading.Timer(0.5, filler.unlink).start()
        if now.note:
            notes.append(now.note)

    when = chance.randrange(1, 8)
    with opened(folder) as store, InlineRunner() as runner:
        collect(store, jobs(10), WorkDescription(WORKS), runner, report=fill)
    require(notes, "the disk was full")
    return endings(folder, 10)


@contextmanager
def small_disk() -> Iterator[Path]:
    """Mount a tmpfs of `TMPFS` bytes, which needs the right to."""
    with tempfile.TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS}", "tmpfs", folder]
        subprocess.run(mount, check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)  # noqa: S607


def many_jobs(count: int) -> list[Job]:
    """Give more jobs than the space has architectures."""
    return [Job((0, 0), "scheme", seed) for seed in range(count)]


def seconds_a_job(runner: Runner, count: int, seconds: float) -> float:
    """Time from the first result to the last, over the number of those after the first."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder, opened(Path(folder)) as store:
        collect(store, many_jobs(4), WorkDescription(WORKS, {"seconds": seconds}), runner)  # all workers are ready
        started = time.perf_counter()
        collect(store, many_jobs(4 + count), WorkDescription(WORKS, {"seconds": seconds}), runner)
        return (time.perf_counter() - started) / count


def repeated(name: str, repeats: int, once: Callable[[random.Random, Path], Counter[str]]) -> str:
    """Do something again and again, each time with other random numbers, and give the report's row."""
    found: Counter[str] = Counter()
    started = time.perf_counter()
    for number in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            found += once(random.Random(number), Path(folder))  # noqa: S311
    took = time.perf_counter() - started
    attempts = ", ".join(f"{count} {ending}" for ending, count in sorted(found.items()))
    row = f"| {name} | {repeats} | {10 * repeats} | {found['done']} | {attempts} | {took:.0f} s |"
    print(row, flush=True)
    return row


def main() -> None:
    """Measure, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=20)
    repeats = parser.parse_args().repeats
    collector._PAUSE = 0.05  # looks for room: often, so that repetitions are quick
    rows, times = [], []
    with RayRunner(1, cpus_each=0.25) as one:
        times.append(("Ray, 1 worker", seconds_a_job(one, 500, 0.0), 500))
        alone = seconds_a_job(one, 20, 0.5)
    with RayRunner(2, cpus_each=0.25) as two:
        times.append(("Ray, 2 workers", seconds_a_job(two, 500, 0.0), 500))
        both = statistics.median(seconds_a_job(two, 40, 0.5) for _ in range(3))
        rows.append(repeated("worker killed (-9)", repeats, lambda chance, folder: kill_worker(two, chance, folder)))
        address = ray.get_runtime_context().gcs_address
        rows.append(
            repeated("driver killed (-9)", repeats, lambda chance, folder: kill_driver(address, chance, folder))
        )
    with InlineRunner() as inline:
        times.append(("in the driver's process", seconds_a_job(inline, 500, 0.0), 500))

    def on_small_disk(chance: random.Random, _folder: Path) -> Counter[str]:
        with small_disk() as disk:
            return fill_disk(chance, disk)

    rows.append(repeated("disk full", repeats, on_small_disk))
    text = f"""# Collection: kills, full disks, overhead

`{shlex.join(["python", *sys.argv])}` on {platform.machine()} with {_core.processors()} cores,
Python {platform.python_version()}, Ray {ray.__version__}; load average at the end {os.getloadavg()[0]:.1f}.

The full disk is a tmpfs of {TMPFS // 1024} KiB, filled to the last byte, with room again half a second later.

| event | repeats | jobs | results | attempts, by how they ended | time |
|---|---|---|---|---|---|
{chr(10).join(rows)}

After each repeat every job has exactly one result, of the right value, `store check` finds nothing, and SQLite's
integrity check passes.

| runner | time a job besides its work |
|---|---|
{chr(10).join(f"| {name} | {1000 * each:.1f} ms, over {count} jobs that do nothing |" for name, each, count in times)}

Jobs that sleep 0.5 s: {3600 / alone:,.0f} an hour with one Ray worker, {3600 / both:,.0f} with two, which is
{alone / both:.2f} times as many.
"""
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
