"""All trade-offs of accuracy, speed and cost when network and device are chosen together."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from accelnas import _core
from accelnas.arguments import check_choice
from accelnas.devices.ratios import (
    Answered,
    Tabular,
    checked_accuracy,
    checked_costs,
    checked_devices,
    fixed,
    require_one_unit,
    texts_of,
)
from accelnas.errors import SearchError
from accelnas.exact.engine import Run
from accelnas.exact.questions import FrontQuestion
from accelnas.exact.solve import solve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from accelnas.exact.certificate import Certificate
    from accelnas.exact.constraints import Constraints
    from accelnas.exact.objectives import Within
    from accelnas.models.predictor import Predictor

__all__ = ["JointFront", "Segment", "joint_front"]


class Segment(NamedTuple):
    """Points of a front that one device has: their number, accuracy and score of the first and the last one."""

    device: str
    points: int
    accuracy: tuple[float, float]
    score: tuple[float, float]


@dataclass(frozen=True, repr=False, eq=False)
class JointFront(Tabular):
    """Pairs of network and device that no other pair dominates, the most accurate first.

    Attributes
    ----------
    accuracy : str
        The metric of accuracy.
    devices : tuple of str
        Metrics of speed, of one unit and direction.
    costs : mapping of str to float, or None
        What was given for the devices.
    cost_is : {"divisor", "objective"}
        Whether speed is counted per cost, or cost is an objective of its own.
    owners : intp array (n,)
        Position in `devices` of every point's device.
    architectures : uint8 array (n, variables)
        Choice indices.
    texts : tuple of str
        The architectures as readable strings.
    accuracies, speeds : float64 array (n,)
        In the units of the metrics.
    scores : float64 array (n,)
        What is compared beside accuracy: the speed; per cost where that divides: throughput divided by cost, latency
        times cost.
    certificates : mapping of str to Certificate
        Of the front of each device.
    """

    accuracy: str
    devices: tuple[str, ...]
    costs: Mapping[str, float] | None
    cost_is: str
    owners: NDArray[np.intp]
    architectures: NDArray[np.uint8]
    texts: tuple[str, ...]
    accuracies: NDArray[np.float64]
    speeds: NDArray[np.float64]
    scores: NDArray[np.float64]
    certificates: Mapping[str, Certificate]

    @property
    def labels(self) -> tuple[str, ...]:
        """The device of every point."""
        return tuple(self.devices[i] for i in self.owners.tolist())

    @property
    def composition(self) -> dict[str, int]:
        """Number of points of each device."""
        counts = np.bincount(self.owners, minlength=len(self.devices))
        return dict(zip(self.devices, counts.tolist(), strict=True))

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Which device has which part of the front, the most accurate part first."""
        positions = [list(group) for _, group in groupby(range(len(self)), key=self.owners.__getitem__)]
        return tuple(map(self._segment, positions))

    @property
    def spans(self) -> tuple[Segment, ...]:
        """All points of each device that has some as one segment, for fronts whose parts overlap."""
        positions = (np.flatnonzero(self.owners == i).tolist() for i in range(len(self.devices)))
        return tuple(self._segment(inside) for inside in positions if inside)

    def _segment(self, inside: list[int]) -> Segment:
        first, last = inside[0], inside[-1]
        (a, b), (c, d) = ((float(column[first]), float(column[last])) for column in (self.accuracies, self.scores))
        return Segment(self.labels[first], len(inside), (a, b), (c, d))

    def __len__(self) -> int:
        return len(self.owners)

    def __repr__(self) -> str:
        parts = ", ".join(f"{count} of {device}" for device, count in self.composition.items())
        return f"<JointFront: {len(self)} points, {parts}>"

    def to_columns(self) -> dict[str, Any]:
        """Give a row a point: device, accuracy, speed, architecture; with costs also cost and score."""
        columns: dict[str, Any] = {"device": self.labels, self.accuracy: self.accuracies, "speed": self.speeds}
        if self.costs is not None:
            columns["cost"] = np.array([self.costs[device] for device in self.labels], np.float64)
            columns["score"] = self.scores
        return {**columns, "architecture": self.texts}


def joint_front(
    bench: Predictor,
    devices: Sequence[str],
    *,
    costs: Mapping[str, float] | None = None,
    cost_is: Literal["divisor", "objective"] = "divisor",
    accuracy: str = "accuracy",
    subject_to: Constraints = (),
    within: Within | None = None,
    threads: int | None = None,
    progress: Answered | None = None,
) -> JointFront:
    """Find all trade-offs of accuracy and speed over all pairs of network and device, and prove them.

    Parameters
    ----------
    bench : Benchmark
        The benchmark.
    devices : sequence of str
        Metrics of speed, of one unit and direction; `Benchmark.derive` can bring them there.
    costs : mapping of str to float, optional
        Price, power or any other cost above 0 of each device.
    cost_is : {"divisor", "objective"}
        Count speed per cost (throughput divided by cost, latency times cost), or make cost a third objective.
    accuracy : str
        A metric that is maximised.
    subject_to, within, threads
        As for `Benchmark.pareto_front`.
    progress : callable, optional
        Called with the number of devices done and their total.

    Returns
    -------
    JointFront
        The pairs, with a certificate a device. Pairs of different devices with equal values are all there;
        of one device the first architecture of the space stands for those with its values.

    Raises
    ------
    SearchError
        If costs are missing, of other devices or not above 0.
    ParameterError
        If `cost_is` is unknown.
    MetricError
        If a metric is unknown or has no tables, or the speeds are not of one unit and direction.
    KeyboardInterrupt
        On Ctrl-C: fronts that were not finished prove nothing of the whole.

    Notes
    -----
    A pair that no other pair dominates is, on its device, a network that no other network dominates: cost is constant
    there, and dividing by it keeps the order. So the union of the proven fronts of all devices has every such pair, and
    what remains is to leave out the points that those of other devices dominate.

    Examples
    --------
    >>> import accelnas
    >>> bench = accelnas.load()
    >>> part = {f"block{b}_{v}": 3 for b in range(5) for v in "kl"}
    >>> costs = {"throughput_a100": 250, "throughput_zcu102": 20}
    >>> found = joint_front(bench, list(costs), costs=costs, within=part)
    >>> sum(found.composition.values()) == len(found)
    True
    """
    names = checked_devices(bench, devices)
    maximised = require_one_unit(bench.metrics, names).direction == "maximise"
    checked_accuracy(bench, accuracy, names)
    amounts = _amounts(names, costs, cost_is)
    limits = texts_of(bench, subject_to)
    fronts, certificates = [], {}
    for i, name in enumerate(names):
        front = solve(bench, FrontQuestion([accuracy, name], limits, within), Run(threads=threads))
        if not front.is_complete:
            raise KeyboardInterrupt
        fronts.append(front)
        certificates[name] = front.certificate
        if progress is not None:
            progress(i + 1, len(names))
    owners = np.repeat(np.arange(len(names)), [len(front) for front in fronts])
    accuracies, speeds = np.concatenate([front.values for front in fronts]).T
    prices = np.ones(len(names)) if amounts is None else np.array([amounts[name] for name in names])
    scores = speeds
    if amounts is not None and cost_is == "divisor":
        scores = speeds / prices[owners] if maximised else speeds * prices[owners]
    goodness = [accuracies, scores if maximised else -scores]
    if cost_is == "objective":
        goodness.append(-prices[owners])
    kept = np.flatnonzero(_core.non_dominated_ranks(np.stack(goodness, axis=1)) == 0)  # equal ones all stay
    kept = kept[np.lexsort((owners[kept], -goodness[1][kept], -accuracies[kept]))]
    rows = np.concatenate([front.architectures for front in fronts])[kept]
    return JointFront(
        accuracy=accuracy,
        devices=names,
        costs=None if amounts is None else MappingProxyType(amounts),
        cost_is=cost_is,
        owners=fixed(owners[kept]),
        architectures=fixed(rows),
        texts=tuple(bench.space.format(rows)),
        accuracies=fixed(accuracies[kept]),
        speeds=fixed(speeds[kept]),
        scores=fixed(scores[kept]),
        certificates=MappingProxyType(certificates),
    )


def _amounts(devices: Sequence[str], costs: Mapping[str, float] | None, cost_is: str) -> dict[str, float] | None:
    check_choice("cost_is", cost_is, ("divisor", "objective"))
    if costs is None:
        if cost_is == "objective":
            raise SearchError("cost_is is 'objective', but there are no costs; give one of each device")
        return None
    if set(costs) != set(devices):
        raise SearchError(f"costs are of {', '.join(costs)}; give one of each of {', '.join(devices)}")
    return checked_costs(costs)
