"""What a program prints about its passes: lines of JSON."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np

from accelnas_training.measure.errors import MeasurementError
from accelnas_training.measure.measurement import Measurement
from accelnas_training.measure.timing import summary

__all__ = ["understand"]

# what a line may say, and which field of Measurement it is
_FIGURES = {
    "latency_ms": "latency_ms",
    "latency_std_ms": "latency_std_ms",
    "latency_median_ms": "latency_median_ms",
    "throughput": "throughput",
    "throughput_std": "throughput_std",
    "passes": "passes",
    "outliers": "outliers",
    "warm_up": "warm_up",
    "memory_mb": "memory_mb",
    "energy_mj": "energy_mj",
    "clock_mhz": "clock_after_mhz",
}


def understand(printed: str, batch: int, outlier: float) -> Measurement:
    r"""Read what a program printed; lines that are no JSON objects are its chatter.

    Parameters
    ----------
    printed
        Either a line for each pass, ``{"latency_ms": 5.21}``, or one for all, which says ``passes`` too. Other
        figures may be on any line: ``latency_std_ms``, ``latency_median_ms``, ``throughput``, ``throughput_std``,
        ``outliers``, ``warm_up``, ``memory_mb``, ``energy_mj``, ``clock_mhz``.
    batch
        Images of one pass.
    outlier
        As in `is_kept`, for passes that are told one by one.

    Raises
    ------
    MeasurementError
        If there is no latency or throughput, or a figure is unknown or no number.

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
