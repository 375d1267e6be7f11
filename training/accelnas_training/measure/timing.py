"""Warm up until steady, time passes, leave outliers out: a measurement, and what is measured in this process."""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from accelnas_training.energy import Meter
from accelnas_training.measure.machine import clock_mhz

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from accelnas_training.arrays import Floats
    from accelnas_training.measure.protocol import Protocol, Timing
    from accelnas_training.measure.subject import Subject


@dataclass(frozen=True)
class Measurement:
    """One network under one protocol. What the backend can't say is NaN.

    Attributes
    ----------
    latency_ms, latency_std_ms, latency_median_ms : float
        Milliseconds of one pass of a batch: mean and standard deviation without outliers, median of all passes. Where
        passes are paired, the deviation is that of their ratios to the reference's, times the mean.
    throughput, throughput_std : float
        Images a second: batch over mean latency, unless the command says its own.
    passes, outliers, warm_up : int
        Passes that were timed, those of them that are outliers, and passes before them.
    reference_ms : float
        Mean of the reference network's passes that these were paired with.
    memory_mb : float
        Peak memory of the device for the network and one pass, 10⁶ bytes.
    energy_mj : float
        Millijoules an image, of the whole device: an idle one uses energy too.
    clock_before_mhz, clock_after_mhz : float
        Clock of the device.
    load_before, load_after : float
        Processes that wanted this machine's processors, over a minute.
    processors : int
        Cores that this process may use: by its affinity, and the quota of its control group.
    threads : int
        Threads of a pass on this machine's processor; 0 where a device or a program computes.
    prepare_seconds : float
        From the module to a network ready to run: export, compilation, placing.
    measured_at : float
        Middle of the timed passes, seconds since 1970.

    Examples
    --------
    >>> from torch import nn
    >>> from accelnas_training.measure import load_protocol, measure_module
    >>> quick = load_protocol("torch_cpu_latency").changed(resolution=8, **{"timing.passes": 3, "timing.seconds": 0})
    >>> measured = measure_module(nn.Conv2d(3, 8, 3), (3, 8, 8), quick)
    >>> measured.passes >= 3, measured.latency_ms > 0
    (True, True)
    """

    latency_ms: float
    latency_std_ms: float
    latency_median_ms: float
    throughput: float
    throughput_std: float
    passes: int
    outliers: int
    warm_up: int
    reference_ms: float = math.nan
    memory_mb: float = math.nan
    energy_mj: float = math.nan
    clock_before_mhz: float = math.nan
    clock_after_mhz: float = math.nan
    load_before: float = math.nan
    load_after: float = math.nan
    processors: int = 0
    threads: int = 0
    prepare_seconds: float = math.nan
    measured_at: float = math.nan

    @property
    def spread(self) -> float:
        """Standard deviation of the latency as a share of its mean."""
        return self.latency_std_ms / self.latency_ms

    def values(self) -> dict[str, float]:
        """Give all figures by name, as numbers."""
        return {name: float(value) for name, value in asdict(self).items()}


_NORMAL = 1.4826  # a normal distribution's standard deviation, in median absolute deviations


def warm_up(once: Callable[[], float], rule: Timing) -> int:
    """Run passes, whose seconds `once` gives, until they are steady, as `rule` defines it, and give their number."""
    seconds: list[float] = []
    total = 0.0
    while True:
        seconds.append(once())
        total += seconds[-1]
        if len(seconds) >= 2 * rule.warm_up:
            before, after = np.median(seconds[-2 * rule.warm_up : -rule.warm_up]), np.median(seconds[-rule.warm_up :])
            if abs(after - before) <= rule.steady * after:
                return len(seconds)
        if total >= rule.warm_up_seconds:
            return len(seconds)


def time_passes(
    once: Callable[[], float], rule: Timing, beside: Callable[[], float] | None = None
) -> tuple[Floats, Floats | None]:
    """Run passes until there are enough of them and they took long enough.

    Each is followed by one of a reference, if it is `beside`, whose time counts like the others'. Gives the seconds of
    each pass, float64 (passes,), and of the reference's, or None.
    """
    seconds: list[float] = []
    reference: list[float] = []
    total = 0.0
    while len(seconds) < rule.passes or total < rule.seconds:
        seconds.append(once())
        total += seconds[-1]
        if beside is not None:
            reference.append(beside())
            total += reference[-1]
    return np.array(seconds), np.array(reference) if reference else None


def is_kept(seconds: Floats, outlier: float) -> NDArray[np.bool_]:
    """Say which passes, seconds float64 (passes,), are no outliers, bool (passes,).

    An outlier is further from the median than `outlier` robust standard deviations; a deviation less than a clock's
    tick in a thousand of the median counts as that.

    Examples
    --------
    >>> is_kept(np.array([1.0, 1.01, 0.99, 1.0, 3.0]), 4.0)
    array([ True,  True,  True,  True, False])
    """
    median = np.median(seconds)
    distance = np.abs(seconds - median)
    deviation = max(_NORMAL * float(np.median(distance)), 1e-3 * float(median))
    return distance <= outlier * deviation


def summary(
    seconds: Floats,
    batch: int,
    outlier: float,
    warm_up: int,
    reference: Floats | None = None,
) -> Measurement:
    """Summarise the seconds of passes, float64 (passes,), of `batch` images each, after `warm_up` others.

    `outlier` is as in `is_kept`. With the seconds of a reference's passes, float64 (passes,), outliers are those of the
    ratios.

    Examples
    --------
    >>> measured = summary(np.array([0.01, 0.01, 0.01, 0.01, 0.05]), batch=2, outlier=4.0, warm_up=6)
    >>> measured.latency_ms, measured.throughput, measured.outliers
    (10.0, 200.0, 1)
    """
    beside = np.ones(len(seconds)) if reference is None else reference
    is_in = is_kept(seconds / beside, outlier)
    kept, mean = seconds[is_in], float(seconds[is_in].mean())
    steady = kept / beside[is_in] * float(beside[is_in].mean())  # as they were, had the reference's been alike
    several = len(kept) > 1
    return Measurement(
        latency_ms=1e3 * mean,
        latency_std_ms=1e3 * float(steady.std(ddof=1)) if several else math.nan,
        latency_median_ms=1e3 * float(np.median(seconds)),
        throughput=batch / mean,
        throughput_std=float((batch / steady).std(ddof=1)) if several else math.nan,
        passes=len(seconds),
        outliers=len(seconds) - len(kept),
        warm_up=warm_up,
        reference_ms=math.nan if reference is None else 1e3 * float(reference[is_in].mean()),
    )


_FIRST = 2  # passes in turn until both networks have their memory


@dataclass(frozen=True)
class Session:
    """A network ready to run."""

    once: Callable[[], float]  # runs one pass of a batch, waits for its end, and gives its seconds
    memory_mb: Callable[[], float]  # gives the peak memory so far, 10⁶ bytes; NaN where unknown
    device: str = "cpu"  # ``cpu``, ``cuda`` or ``xla``, whose clock and energy are read


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
