"""What measuring a network gives."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

__all__ = ["Measurement"]


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
    prepare_seconds: float = math.nan
    measured_at: float = math.nan

    @property
    def spread(self) -> float:
        """Standard deviation of the latency as a share of its mean."""
        return self.latency_std_ms / self.latency_ms

    def values(self) -> dict[str, float]:
        """Give all figures by name, as numbers."""
        return {name: float(value) for name, value in asdict(self).items()}
