"""The most accurate network that a microcontroller's memories hold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelnas.arguments import check_number
from accelnas.devices.ratios import Tabular, best_of, checked_accuracy, fixed, predicted, texts_of
from accelnas.errors import SearchError
from accelnas.exact.constraints import require_tables

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from accelnas.exact.certificate import Certificate
    from accelnas.exact.constraints import Constraints
    from accelnas.exact.objectives import Within
    from accelnas.models.predictor import Predictor

__all__ = ["Microcontroller", "microcontroller"]

BITS = (4, 8, 16, 32)
_KILOBYTE = 1024
_MILLION = 1e6  # what parameters and peak memory are counted in
_FLOAT = 32  # bits of the values whose peak memory is known


@dataclass(frozen=True, repr=False, eq=False)
class Microcontroller(Tabular):
    """The most accurate network that fits, with what it takes.

    Attributes
    ----------
    accuracy : float
        Of the network; NaN if none fits.
    flash, sram : float
        What its weights and its activations take, in KB of 1,024 bytes; of the least of all networks if none fits.
    bits : int
        Of a weight and of an activation.
    architecture : uint8 array (variables,) or None
        Choice indices; None if none fits.
    text : str
        The architecture as a readable string, empty if none fits.
    certificate : Certificate
        That no network which fits is more accurate.
    """

    accuracy: float
    flash: float
    sram: float
    bits: int
    architecture: NDArray[np.uint8] | None
    text: str
    certificate: Certificate

    def __repr__(self) -> str:
        if self.architecture is None:
            return f"<Microcontroller: no network fits; at least {self.flash:.0f} and {self.sram:.0f} KB are needed>"
        return f"<Microcontroller: accuracy {self.accuracy:.6g}, {self.flash:.0f} KB of flash, {self.sram:.0f} of SRAM>"

    def to_columns(self) -> dict[str, Any]:
        """Give one row: accuracy, flash and SRAM in KB, the architecture."""
        row = {"accuracy": self.accuracy, "flash_kb": self.flash, "sram_kb": self.sram, "architecture": self.text}
        return {name: [value] for name, value in row.items()}


def microcontroller(
    bench: Predictor,
    flash: float,
    sram: float,
    *,
    bits: int = 8,
    accuracy: str = "accuracy",
    subject_to: Constraints = (),
    within: Within | None = None,
    threads: int | None = None,
) -> Microcontroller:
    """Find the most accurate network whose weights fit into flash and whose activations fit into SRAM, proven.

    Parameters
    ----------
    bench : Benchmark
        A benchmark with the metrics ``params`` (in M) and ``peak_memory`` (in MB, of float32).
    flash, sram : float
        In KB of 1,024 bytes, above 0.
    bits : {4, 8, 16, 32}
        Of a weight and of an activation. Accuracy is the metric's, whatever the bits.
    accuracy : str
        A metric that is maximised.
    subject_to, within, threads
        As for `Benchmark.best`.

    Raises
    ------
    SearchError
        If a size is no finite number above 0, or as `Benchmark.best`.
    MetricError
        If the benchmark lacks one of these metrics, or it has no tables.

    Notes
    -----
    Peak memory is of one image, layer by layer; patches as those of MCUNet (Lin et al., NeurIPS 2021) need less.
    What code, buffers of convolutions and biases take is yours to subtract.

    Examples
    --------
    >>> import accelnas
    >>> microcontroller(accelnas.load(), flash=4096, sram=1024)
    <Microcontroller: accuracy 66.2463, 3937 KB of flash, 980 of SRAM>
    >>> microcontroller(accelnas.load(), flash=1024, sram=320)
    <Microcontroller: no network fits; at least 1756 and 784 KB are needed>
    """
    checked_accuracy(bench, accuracy, ("params", "peak_memory"))
    for metric in ("params", "peak_memory"):
        require_tables(bench.metrics, metric)
    for name, size in (("flash", flash), ("sram", sram)):
        check_number(name, size, 1e-6, 1e12, SearchError)
    if bits not in BITS:
        raise SearchError(f"bits is {bits!r}; choose {', '.join(map(str, BITS))}")
    of_unit = {"params": _MILLION * bits / 8 / _KILOBYTE, "peak_memory": _MILLION * bits / _FLOAT / _KILOBYTE}
    sizes = {"params": flash, "peak_memory": sram}
    limits = [f"{metric} <= {size / of_unit[metric]!r}" for metric, size in sizes.items()]
    best = best_of(bench, accuracy, [*texts_of(bench, subject_to), *limits], within, threads)
    row = best.architectures[0] if len(best) else None
    if row is None:
        least = [float(best_of(bench, metric, (), within, threads).values[0]) for metric in sizes]
    else:
        least = [float(value) for value in predicted(bench, row[None], list(sizes), threads)[0]]
    taken = [value * of_unit[metric] for metric, value in zip(sizes, least, strict=True)]
    return Microcontroller(
        accuracy=math.nan if row is None else float(best.values[0]),
        flash=taken[0],
        sram=taken[1],
        bits=bits,
        architecture=None if row is None else fixed(row),
        text="" if row is None else bench.space.format(row[None])[0],
        certificate=best.certificate,
    )
