"""Programs of the user's: any board that some command can prepare and run a network on."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas_training.errors import MeasurementError
from accelnas_training.measure.timing import Measurement, summary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelnas_training.measure.protocol import Protocol
    from accelnas_training.measure.subject import Subject


# what a line may say, and which field of Measurement it is
_FIGURES = {
    **{name: name for name in ("latency_ms", "latency_std_ms", "latency_median_ms", "throughput", "throughput_std")},
    **{name: name for name in ("passes", "outliers", "warm_up", "memory_mb", "energy_mj")},
    "clock_mhz": "clock_after_mhz",
}


def understand(printed: str, batch: int, outlier: float) -> Measurement:
    r"""Read what a program printed; lines that are no JSON objects are its chatter.

    Either a line for each pass, ``{"latency_ms": 5.21}``, of which outliers are left out as in `is_kept`, or one for
    all, which says ``passes`` too. Other figures may be on any line: ``latency_std_ms``, ``latency_median_ms``,
    ``throughput``, ``throughput_std``, ``outliers``, ``warm_up``, ``memory_mb``, ``energy_mj``, ``clock_mhz``. Raises
    MeasurementError if there is no latency or throughput, or a figure is unknown or no number.

    Examples
    --------
    >>> measured = understand('loading\n{"latency_ms": 4.0, "passes": 200, "energy_mj": 9}', 1, 4.0)
    >>> measured.latency_ms, measured.throughput, measured.passes, measured.energy_mj
    (4.0, 250.0, 200, 9.0)
    """
    figures: dict[str, float] = {}
    latencies = []
    for line in printed.splitlines():
        said = _figures(line)
        if "latency_ms" in said and "passes" not in said:
            latencies.append(said.pop("latency_ms"))
        figures |= said
    if not latencies and not figures.keys() & {"latency_ms", "throughput"}:
        raise MeasurementError(
            "not understood",
            f"the program printed no latency_ms or throughput, but {printed[-300:]!r}; print JSON lines",
        )
    if latencies:
        measured = summary(np.array(latencies) / 1e3, batch, outlier, 0)
    else:
        latency = figures.get("latency_ms", 0.0) or 1e3 * batch / figures["throughput"]
        measured = Measurement(latency, math.nan, latency, 1e3 * batch / latency, math.nan, 1, 0, 0)
    counts = {"passes", "outliers", "warm_up"}
    own = {_FIGURES[name]: int(value) if name in counts else value for name, value in figures.items()}
    return replace(measured, **own)  # type: ignore[arg-type]


def _figures(line: str) -> dict[str, float]:
    try:
        content: Any = json.loads(line)
    except ValueError:
        return {}
    if not isinstance(content, dict):
        return {}
    for name, value in content.items():
        if name not in _FIGURES:
            known = ", ".join(_FIGURES)
            raise MeasurementError("not understood", f"the program printed {name!r}; choose from {known}")
        positive = name in {"latency_ms", "throughput", "passes"}
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not number or value < 0 or (positive and value == 0):
            sign = "above 0" if positive else "of 0 or more"
            raise MeasurementError("not understood", f"the program printed {name} {value!r}; expected a number {sign}")
    return {name: float(value) for name, value in content.items()}


_TAIL = 15  # lines of a program's complaint that are shown

_PAUSE = 2.0  # seconds before the second try; each next one waits for twice as long


def measure(subject: Subject, protocol: Protocol) -> Measurement:
    """Write the network, run the programs, and read what the last one prints; all of it again if one fails.

    After all retries that is a MeasurementError, which has the end of what the program complained of.
    """
    started = time.perf_counter()
    batch = protocol.batch
    onnx = subject.int8(protocol.quantisation, batch) if protocol.precision == "int8" else subject.onnx(batch)
    command, timing = protocol.command, protocol.timing
    known = {"onnx": onnx, "here": protocol.here, "python": sys.executable, "batch": batch, "seconds": timing.seconds}
    known |= {"resolution": protocol.resolution, "threads": protocol.threads, "passes": timing.passes}
    for left in range(command.retries, -1, -1):
        try:
            with tempfile.TemporaryDirectory(dir=subject.folder) as folder:
                for arguments in command.prepare:
                    _run(arguments, known | {"folder": folder}, command.timeout)
                ready = time.perf_counter() - started
                printed = _run(command.run, known | {"folder": folder}, command.timeout)
                return replace(understand(printed, batch, timing.outlier), prepare_seconds=ready)
        except MeasurementError:
            if left == 0:
                raise
            time.sleep(_PAUSE * 2 ** (command.retries - left))
    raise AssertionError  # the loop returns or raises


def _run(template: Sequence[str], known: Mapping[str, object], timeout: float) -> str:
    """Run a program, and whatever it starts, for no longer than `timeout` seconds, and give what it printed."""
    arguments = [argument.format_map(known) for argument in template]
    program = arguments[0]
    try:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise MeasurementError(
            "command failed", f"{program} can't be run: {error.strerror}; name a program, or its path"
        ) from error
    try:
        printed, complained = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        _end(process)
        _, complained = process.communicate()
        raise MeasurementError(
            "timed out", f"{program} ran for {timeout:g} s; raise command.timeout{_tail(complained)}"
        ) from None
    except BaseException:  # Ctrl-C: nothing stays behind
        _end(process)
        raise
    if process.returncode != 0:
        code = process.returncode
        raise MeasurementError("command failed", f"{program} ended with {code}{_tail(complained or printed)}")
    return printed


def _end(process: subprocess.Popen[str]) -> None:
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)  # its session, so what it started ends too
    process.kill()


def _tail(complained: str) -> str:
    lines = complained.strip().splitlines()[-_TAIL:]
    return "".join(f"\n  {line}" for line in lines)
