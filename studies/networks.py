"""Networks that the paper's authors picked, trained fully and measured on devices; and where they lie in the space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelnas.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from accelnas.benchmark import Benchmark
    from accelnas.exact import FrontResult
    from accelnas.space import Rows, Space

__all__ = [
    "EFFICIENTNET_B0",
    "NEAREST",
    "NETWORKS",
    "SOURCE",
    "TPUV3_B",
    "Location",
    "Network",
    "SearchedNetwork",
    "ahead",
    "encoded",
    "locate",
]

SOURCE = "arXiv 2404.08005 and the authors' code"
BLOCKS = 7


@dataclass(frozen=True)
class Network:
    """An architecture of the MnasNet space, written as the authors do.

    Attributes
    ----------
    name
        As it is known.
    expansions, kernels, layers, excitations
        One digit a block; of squeeze-and-excitation 1 for on.

    Examples
    --------
    >>> EFFICIENTNET_B0.architecture["block5_l"], EFFICIENTNET_B0.architecture["block6_se"]
    (4, True)
    """

    name: str
    expansions: str
    kernels: str
    layers: str
    excitations: str

    @property
    def architecture(self) -> dict[str, int | bool]:
        """Names of variables to choices.

        Raises
        ------
        DataError
            If a string has not one digit a block.
        """
        digits = {"e": self.expansions, "k": self.kernels, "l": self.layers, "se": self.excitations}
        for variable, text in digits.items():
            if len(text) != BLOCKS or not text.isdigit():
                raise DataError(f"{self.name} has {variable} {text!r}; give {BLOCKS} digits, one a block")
        return {
            f"block{block}_{variable}": digit == "1" if variable == "se" else int(digit)
            for variable, text in digits.items()
            for block, digit in enumerate(text)
        }


@dataclass(frozen=True)
class SearchedNetwork(Network):
    """A network of the authors' searches, its accuracy after full training, and its speed on its device.

    Attributes
    ----------
    name
        Device and letter, as the authors call it.
    top1
        Measured after full training (scheme r), in per cent.
    throughput
        Measured on the first of its devices, in images a second.
    devices
        That it was searched for.

    Examples
    --------
    >>> NETWORKS[0].architecture["block1_e"], NETWORKS[0].architecture["block6_se"], NETWORKS[0].metric
    (6, True, 'throughput_zcu102')
    """

    top1: float
    throughput: float
    devices: tuple[str, ...]

    @property
    def metric(self) -> str:
        """What was measured."""
        return f"throughput_{self.devices[0]}"

    def is_of(self, metric: str) -> bool:
        """Tell whether it was searched for the device of a metric."""
        return metric.rpartition("_")[2] in self.devices


NETWORKS = (
    SearchedNetwork("zcu102-a", "4666666", "3555555", "2133343", "0000001", 77.698, 271.94, ("zcu102",)),
    SearchedNetwork("zcu102-b", "1666666", "3353355", "1231343", "0000100", 76.602, 398.54, ("zcu102",)),
    SearchedNetwork("zcu102-c", "1666666", "3355555", "2133241", "0000000", 75.048, 520.06, ("zcu102",)),
    SearchedNetwork("vck190-a", "1666666", "5355555", "1233243", "0001011", 77.568, 2805.14, ("vck190",)),
    SearchedNetwork("vck190-b", "1666666", "3355355", "1223242", "0000010", 76.656, 4015.04, ("vck190",)),
    SearchedNetwork("a100-a", "1666666", "3555555", "2231343", "0001111", 77.81, 7734.21, ("a100",)),
    # the authors list the same network as 3090-b
    SearchedNetwork("a100-b", "1466666", "3355555", "1123242", "0001011", 76.51, 11098.05, ("a100", "3090")),
    SearchedNetwork("3090-a", "1466666", "5555555", "1233342", "1001111", 77.358, 5988.54, ("3090",)),
    SearchedNetwork("tpuv3-a", "1466666", "5555555", "3333343", "0110110", 77.921, 1010.3, ("tpuv3",)),
)

# of Fig. 6 alone
TPUV3_B = SearchedNetwork("tpuv3-b", "1666666", "5555555", "1233333", "0100110", 77.348, 1012.89, ("tpuv3",))
# with ReLU, as all networks of the space
EFFICIENTNET_B0 = Network("EfficientNet-B0", "1666666", "3353553", "1223341", "1111111")
# what the space has nearest to MnasNet-A1 and B1 (timm's definitions): expansion 4 for 3, at most 3 layers in block 3,
# 192 channels in block 5 for the 160 of A1, 112 in block 4 for the 96 of B1
NEAREST = (
    Network("MnasNet-A1", "1646666", "3353353", "1233231", "0010110"),
    Network("MnasNet-B1", "1446666", "3355353", "1333241", "0000000"),
)


def encoded(space: Space, networks: Sequence[Network] = NETWORKS) -> Rows:
    """Give networks as choice indices, uint8 (n, variables).

    Examples
    --------
    >>> import accelnas
    >>> encoded(accelnas.mnasnet_space()).shape
    (9, 28)
    """
    rows: Rows = space.encode([network.architecture for network in networks])
    return rows


@dataclass(frozen=True)
class Location:
    """A network beside the exact front of two metrics.

    Attributes
    ----------
    values
        Predicted, of both metrics.
    dominating
        Architectures of the space that are at least as good in both and better in one.
    shortfalls
        By how much the best architecture that is at least as good in the other metric is better, of each metric, in
        its unit.
    distance
        IGD+ of the network to the front's nearest point: how far that is ahead, every metric scaled to its range on
        the front. 0 on the front.
    """

    values: tuple[float, float]
    dominating: int
    shortfalls: tuple[float, float]
    distance: float


def locate(bench: Benchmark, arch: Rows, front: FrontResult, threads: int | None = None) -> Location:
    """Set one architecture, uint8 (variables,), beside a front of two metrics."""
    metrics = [objective.metric for objective in front.objectives]
    predicted = bench.predict(arch[None], metrics, dtype="float64", threads=threads)
    values = [float(predicted[metric][0]) for metric in metrics]
    return Location(
        (values[0], values[1]),
        _dominating(bench, dict(zip(metrics, values, strict=True)), _signs(front).tolist(), threads),
        *ahead(front, values),
    )


def ahead(front: FrontResult, values: Sequence[float]) -> tuple[tuple[float, float], float]:
    """Say how far a front is ahead of a point: shortfalls and distance, as `Location` has them."""
    gains = (front.values - np.array(values)) * _signs(front)
    shortfalls = [float(gains[gains[:, 1 - i] >= 0, i].max(initial=0.0)) for i in range(2)]
    extent = np.ptp(front.values, axis=0)
    scaled = np.maximum(gains / np.where(extent > 0, extent, 1.0), 0.0)
    return (shortfalls[0], shortfalls[1]), float(np.sqrt((scaled**2).sum(axis=1)).min())


def _signs(front: FrontResult) -> NDArray[np.float64]:
    return np.array([1.0 if objective.direction == "maximise" else -1.0 for objective in front.objectives])


def _dominating(bench: Benchmark, values: Mapping[str, float], signs: Sequence[float], threads: int | None) -> int:
    """Count what is at least as good in all, less what is equal in all."""
    at_least: dict[str, tuple[float | None, float | None]] = {
        metric: (value, None) if sign > 0 else (None, value)
        for (metric, value), sign in zip(values.items(), signs, strict=True)
    }
    equal = {metric: (value, value) for metric, value in values.items()}
    return int(bench.count(at_least, threads=threads)) - int(bench.count(equal, threads=threads))
