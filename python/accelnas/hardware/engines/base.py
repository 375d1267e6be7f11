"""What an engine is: how accelerators of a kind compute a layer, in how much time, and with how much energy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from accelnas.networks import Layer

    Floats = NDArray[np.float64]
    Configurations = Mapping[str, NDArray[Any]]
    Constants = Mapping[str, Any]

__all__ = ["RATIOS", "Cost", "Engine", "Ratio", "ceiling", "interpolated"]


@dataclass(frozen=True)
class Cost:
    """A metric that an engine predicts.

    Attributes
    ----------
    unit, direction, link : str
        As of any metric; what is summed over layers is on the scale of the link.
    description : str
        One sentence.
    """

    unit: str
    direction: str
    description: str
    link: str = "identity"


@dataclass(frozen=True)
class Ratio(Cost):
    """A metric that is no sum over layers: an expression of a benchmark's metrics, of its networks' MACs among them."""

    expression: str = ""


RATIOS = {
    "energy_delay_product": Ratio(
        "mJ ms", "minimise", "Energy of one image times its latency.", expression="energy * latency"
    ),
    "power": Ratio("W", "minimise", "Energy of one image by its latency.", expression="energy / latency"),
}
"""Those of all engines."""


@dataclass(frozen=True)
class Engine:
    """A kind of accelerators.

    Attributes
    ----------
    parameters : mapping of str to tuple or type
        What a configuration has, by name: the values that there are, or ``int`` or ``float`` for any above 0.
    constants : mapping of str to str
        What all configurations share: ``"number"``, of at least 0, or ``"table"``, numbers above 0 by another one.
    layer_costs : mapping of str to Cost
        Metrics that are sums over the layers of a network.
    own_costs : mapping of str to Cost
        Metrics of the accelerator alone.
    ratios : mapping of str to Ratio
        Metrics that are computed from predictions of others.
    of_layer : callable
        From a layer, configurations (arrays (n,) by parameter) and constants, each of `layer_costs`, float64 (n,).
    of_own : callable
        From configurations and constants, each of `own_costs`, float64 (n,).
    """

    parameters: Mapping[str, tuple[Any, ...] | type]
    constants: Mapping[str, str]
    layer_costs: Mapping[str, Cost]
    own_costs: Mapping[str, Cost]
    ratios: Mapping[str, Ratio]
    of_layer: Callable[[Layer, Configurations, Constants], dict[str, Floats]]
    of_own: Callable[[Configurations, Constants], dict[str, Floats]]


def ceiling(a: Any, b: Any) -> Any:
    """Divide whole numbers and round up."""
    return -(-np.asarray(a, np.int64) // np.asarray(b, np.int64))


def interpolated(table: Mapping[float, float], at: NDArray[Any]) -> Floats:
    """Give values between those of a table, straight on logarithmic axes, and so beyond its ends.

    Examples
    --------
    >>> interpolated({8: 10, 32: 20}, np.array([8, 16, 32, 128])).round(2).tolist()
    [10.0, 14.14, 20.0, 40.0]
    """
    x, y = np.log(list(table)), np.log(list(table.values()))
    if len(x) == 1:
        return np.full(len(at), np.exp(y[0]))
    wanted = np.log(np.asarray(at, np.float64))
    left = np.clip(np.searchsorted(x, wanted, side="right") - 1, 0, len(x) - 2)
    slope = (y[left + 1] - y[left]) / (x[left + 1] - x[left])
    return np.asarray(np.exp(y[left] + slope * (wanted - x[left])))
