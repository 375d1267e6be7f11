"""Energy that was used, where the machine counts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Meter", "grams_of_co2"]


class Meter:
    """Counts joules while it is open: those of an NVIDIA GPU (NVML), and those of the processors (RAPL).

    Attributes
    ----------
    joules : float or None
        Energy between entry and exit; None where nothing is counted.
    """

    joules: float | None = None

    def __init__(self, device: str = "cpu", processors: bool = True) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        raise NotImplementedError

    def __exit__(self, *exception: object) -> None:
        raise NotImplementedError


def grams_of_co2(joules: float | None, intensity: float) -> float | None:
    """Give grams of CO₂ for an energy, with the grid's intensity in grams per kWh.

    Examples
    --------
    >>> from accelnas_training.energy import grams_of_co2
    >>> grams_of_co2(7.2e6, intensity=400)
    800.0
    """
    return None if joules is None else joules / 3.6e6 * intensity
