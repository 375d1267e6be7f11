"""Energy that was used, where the machine counts it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self


_POWERCAP = Path("/sys/class/powercap")


@dataclass(frozen=True)
class _Counter:
    read: Callable[[], float]  # joules since some time
    period: float = math.inf  # joules after which it begins again


class Meter:
    """Counts joules while it is open; it can be opened again.

    Those of an NVIDIA GPU come from NVML (package ``nvidia-ml-py``), those of the processors' packages, all programs
    together, from RAPL (``/sys/class/powercap``, which Linux often reserves for root). RAPL's counters begin again
    after some 260 kJ; open it for less than that.

    Parameters
    ----------
    device
        ``cpu``, or what is counted besides: ``cuda:1``.
    processors
        Whether to count the processors; of several processes on a machine, one does.

    Attributes
    ----------
    joules : float or None
        Energy while it was last open; None where the device, or the processors of a training on them, are not counted.

    Examples
    --------
    >>> from accelnas_training.energy import Meter
    >>> with Meter() as meter:
    ...     total = sum(range(1000))
    >>> meter.joules is None or meter.joules >= 0
    True
    """

    def __init__(self, device: str = "cpu", processors: bool = True) -> None:
        self.joules: float | None = None
        self._counters = _rapl() if processors else []
        if device.startswith("cuda"):
            gpu = _nvml(int(device.partition(":")[2] or 0))
            self._counters = [*self._counters, gpu] if gpu is not None else []  # never the lesser part alone
        elif device != "cpu":
            self._counters = []

    def __enter__(self) -> Self:
        self.joules = None
        self._before = self._read()
        return self

    def __exit__(self, *exception: object) -> None:
        after = self._read()
        if self._before and after:
            pairs = zip(self._counters, self._before, after, strict=True)
            self.joules = sum((end - start) % counter.period for counter, start, end in pairs)

    def _read(self) -> list[float]:
        try:
            return [counter.read() for counter in self._counters]
        except Exception:  # a driver that goes away costs the figure, not the training
            return []


def grams_of_co2(joules: float | None, intensity: float) -> float | None:
    """Give grams of CO₂ for an energy, with the grid's intensity in grams per kWh.

    Examples
    --------
    >>> from accelnas_training.energy import grams_of_co2
    >>> grams_of_co2(7.2e6, intensity=400)
    800.0
    """
    return None if joules is None else joules / 3.6e6 * intensity


def _rapl() -> list[_Counter]:
    """Give the processor packages' counters; the parts inside a package are in its sum."""
    counters = []
    for folder in sorted(_POWERCAP.glob("intel-rapl:*")):
        try:
            if (folder / "name").read_text().startswith("package"):
                file = folder / "energy_uj"
                int(file.read_text())
                period = int((folder / "max_energy_range_uj").read_text()) / 1e6
                counters.append(_Counter(lambda file=file: int(file.read_text()) / 1e6, period))  # type: ignore[misc]
        except (OSError, ValueError):
            continue
    return counters


def _nvml(index: int) -> _Counter | None:
    """Give the counter of the CUDA device of this number, if NVML has one."""
    try:
        import pynvml
        import torch

        pynvml.nvmlInit()
        # by its name: CUDA_VISIBLE_DEVICES changes the numbers
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(index).uuid}")
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except Exception:  # no package, driver or counter: then there is no figure
        return None
    return _Counter(lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3)
