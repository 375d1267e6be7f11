"""A network that is ready to run in this process, and how it is measured."""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from accelnas_training.energy import Meter
from accelnas_training.measure.machine import clock_mhz
from accelnas_training.measure.timing import summary, time_passes, warm_up

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from accelnas_training.measure.protocol import Protocol
    from accelnas_training.measure.subject import Subject
    from accelnas_training.measure.timing import Measurement


_FIRST = 2  # passes in turn until both networks have their memory


@dataclass(frozen=True)
class Session:
    """A network ready to run.

    Attributes
    ----------
    once
        Runs one pass of a batch, waits for its end, and gives its seconds.
    memory_mb
        Gives the peak memory so far, 10⁶ bytes; NaN where unknown.
    device
        ``cpu``, ``cuda`` or ``xla``, whose clock and energy are read.
    """

    once: Callable[[], float]
    memory_mb: Callable[[], float]
    device: str = "cpu"


def measured_in(
    opened: Callable[[Subject, Protocol], AbstractContextManager[Session]], subject: Subject, protocol: Protocol
) -> Measurement:
    """Measure with a backend of this process: warm up, then time passes, with the energy of these alone.

    If the protocol pairs passes and the subject has a reference, each pass is followed by one of the reference.
    """
    rule = protocol.timing
    started = time.perf_counter()
    with ExitStack() as stack:
        session = stack.enter_context(opened(subject, protocol))
        ready = time.perf_counter() - started
        warmed = warm_up(session.once, rule)
        memory = session.memory_mb()
        beside = None
        if protocol.paired and subject.reference is not None:
            beside = stack.enter_context(opened(subject.reference, protocol)).once
            for _ in range(_FIRST):
                session.once()
                beside()
        clock = clock_mhz(session.device)
        with Meter(session.device, processors=session.device == "cpu") as meter:
            seconds, reference = time_passes(session.once, rule, beside)
        images = len(seconds) * protocol.batch
        joules = None if beside is not None else meter.joules
        return replace(
            summary(seconds, protocol.batch, rule.outlier, warmed, reference),
            memory_mb=memory,
            energy_mj=math.nan if joules is None else 1e3 * joules / images,
            clock_before_mhz=clock,
            clock_after_mhz=clock_mhz(session.device),
            prepare_seconds=ready,
        )
