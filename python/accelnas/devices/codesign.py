"""The cheapest device that runs some network fast and accurately enough, and that network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelnas.devices.ratios import (
    Answered,
    Tabular,
    best_of,
    checked_accuracy,
    checked_costs,
    checked_devices,
    fixed,
    predicted,
    require_one_unit,
    speed_text,
    texts_of,
)
from accelnas.errors import SearchError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from accelnas.exact.certificate import Certificate
    from accelnas.exact.constraints import Constraints
    from accelnas.exact.objectives import Within
    from accelnas.models.predictor import Predictor

__all__ = ["Codesign", "Pair", "codesign"]


@dataclass(frozen=True, repr=False, eq=False)
class Pair:
    """A device and the most accurate network that is fast enough on it.

    Attributes
    ----------
    device : str
        A metric of speed.
    cost : float
        What was given for the device.
    is_feasible : bool
        Whether the network is accurate enough; if not, none is on this device.
    accuracy, speed : float
        Of the network, in the units of the metrics; NaN if none is fast enough.
    architecture : uint8 array (variables,) or None
        Choice indices; None if none is fast enough.
    text : str
        The architecture as a readable string, empty if there is none.
    certificate : Certificate
        That no network is more accurate at this speed on this device.
    """

    device: str
    cost: float
    is_feasible: bool
    accuracy: float
    speed: float
    architecture: NDArray[np.uint8] | None
    text: str
    certificate: Certificate

    def __repr__(self) -> str:
        word = "feasible" if self.is_feasible else "infeasible"
        return f"<Pair: {self.device} at cost {self.cost:g}, accuracy {self.accuracy:.6g}, {word}>"


@dataclass(frozen=True, repr=False, eq=False)
class Codesign(Tabular):
    """A pair a device, the cheapest devices first; of equal costs the more accurate first.

    Attributes
    ----------
    accuracy : str
        The metric that is at least `at_least`.
    at_least, speed : float
        What was asked for, in the units of the metrics.
    pairs : tuple of Pair
        One a device.
    """

    accuracy: str
    at_least: float
    speed: float
    pairs: tuple[Pair, ...]

    @property
    def best(self) -> Pair | None:
        """The pair of least cost that meets both bounds, of equal costs the most accurate; None if there is none.

        The certificates of the cheaper pairs prove that no cheaper device will do.
        """
        return next((pair for pair in self.pairs if pair.is_feasible), None)

    def __len__(self) -> int:
        return len(self.pairs)

    def __repr__(self) -> str:
        return f"<Codesign: {len(self)} devices, best {self.best}>"

    def to_columns(self) -> dict[str, Any]:
        """Give a row a device: its name, cost, whether it will do, accuracy, speed, architecture."""
        names = {"device": "device", "cost": "cost", "feasible": "is_feasible", self.accuracy: "accuracy"}
        names |= {"speed": "speed", "architecture": "text"}
        return {column: [getattr(pair, name) for pair in self.pairs] for column, name in names.items()}


def codesign(
    bench: Predictor,
    costs: Mapping[str, float],
    *,
    at_least: float,
    speed: float,
    accuracy: str = "accuracy",
    subject_to: Constraints = (),
    within: Within | None = None,
    threads: int | None = None,
    progress: Answered | None = None,
) -> Codesign:
    """Choose network and device together: the least cost at a given accuracy and speed, proven.

    Parameters
    ----------
    bench : Benchmark
        The benchmark.
    costs : mapping of str to float
        Price, power or any other cost above 0 of each device, by its metric of speed. All these metrics are in one
        unit and direction; `Benchmark.derive` can bring them there.
    at_least : float
        The least predicted accuracy, in its unit.
    speed : float
        The least predicted throughput, or the highest latency, in the unit of the devices' metrics.
    accuracy : str
        A metric that is maximised.
    subject_to, within, threads
        As for `Benchmark.best`.
    progress : callable, optional
        Called with the number of devices done and their total.

    Returns
    -------
    Codesign
        A pair a device, with certificates.

    Raises
    ------
    SearchError
        If a cost is not above 0, the least accuracy or the speed is no finite number, or as `Benchmark.best`.
    MetricError
        If a metric is unknown or has no tables, or the speeds are not of one unit and direction.

    Examples
    --------
    >>> import accelnas
    >>> bench = accelnas.load()
    >>> part = {f"block{b}_{v}": 3 for b in range(5) for v in "kl"}
    >>> found = codesign(bench, {"throughput_a100": 250, "throughput_zcu102": 20}, at_least=60, speed=300, within=part)
    >>> found.best.device, len(found)
    ('throughput_zcu102', 2)
    """
    amounts = checked_costs(costs)
    devices = checked_devices(bench, list(amounts))
    require_one_unit(bench.metrics, devices)
    checked_accuracy(bench, accuracy, devices)
    for name, number in (("at_least", at_least), ("speed", speed)):
        if not math.isfinite(number):
            raise SearchError(f"{name} is {number!r}; give a finite number")
    others = texts_of(bench, subject_to)
    pairs = []
    for i, device in enumerate(devices):
        limits = [*others, speed_text(bench.metrics[device], speed)]
        best = best_of(bench, accuracy, limits, within, threads)
        row = best.architectures[0] if len(best) else None
        reached = math.nan if row is None else float(best.values[0])
        pairs.append(
            Pair(
                device=device,
                cost=amounts[device],
                is_feasible=bool(reached >= at_least),
                accuracy=reached,
                speed=math.nan if row is None else float(predicted(bench, row[None], [device], threads)[0, 0]),
                architecture=None if row is None else fixed(row),
                text="" if row is None else bench.space.format(row[None])[0],
                certificate=best.certificate,
            )
        )
        if progress is not None:
            progress(i + 1, len(devices))
    ordered = sorted(pairs, key=lambda pair: (pair.cost, math.inf if math.isnan(pair.accuracy) else -pair.accuracy))
    return Codesign(accuracy, float(at_least), float(speed), tuple(ordered))
