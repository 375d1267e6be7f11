"""Programs of the user's: any board that some command can prepare and run a network on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from accelnas_training.measure.backends.printed import understand
from accelnas_training.measure.errors import MeasurementError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnas_training.measure.measurement import Measurement
    from accelnas_training.measure.protocol import Protocol
    from accelnas_training.measure.subject import Subject

__all__ = ["measure"]

_TAIL = 15  # lines of a program's complaint that are shown
_PAUSE = 2.0  # seconds before the second try; each next one waits for twice as long


def measure(subject: Subject, protocol: Protocol) -> Measurement:
    """Write the network, run the programs, and read what the last one prints; all of it again if one fails.

    Raises
    ------
    MeasurementError
        If they fail after all retries; the message has the end of what the program complained of.
    """
    started = time.perf_counter()
    batch = protocol.batch
    onnx = subject.int8(protocol.quantisation, batch) if protocol.precision == "int8" else subject.onnx(batch)
    command = protocol.command
    for left in range(command.retries, -1, -1):
        try:
            with tempfile.TemporaryDirectory(dir=subject.folder) as folder:
                filled = _filler(
                    {"onnx": str(onnx), "folder": folder, "here": protocol.here, "python": sys.executable}, protocol
                )
                for arguments in command.prepare:
                    _run(filled(arguments), command.timeout)
                ready = time.perf_counter() - started
                printed = _run(filled(command.run), command.timeout)
                return replace(understand(printed, batch, protocol.timing.outlier), prepare_seconds=ready)
        except MeasurementError:
            if left == 0:
                raise
            time.sleep(_PAUSE * 2 ** (command.retries - left))
    raise AssertionError  # the loop returns or raises


def _filler(paths: dict[str, str], protocol: Protocol) -> Any:
    timing = protocol.timing
    known = paths | {
        "batch": str(protocol.batch),
        "resolution": str(protocol.resolution),
        "threads": str(protocol.threads),
        "passes": str(timing.passes),
        "seconds": str(timing.seconds),
    }
    return lambda arguments: [argument.format_map(known) for argument in arguments]


def _run(arguments: Sequence[str], timeout: float) -> str:
    """Run a program, and whatever it starts, for no longer than `timeout` seconds, and give what it printed."""
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
