"""All proxies by name, and the scores of one network."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from accelnas_training.errors import NetworkError
from accelnas_training.networks.complexity import complexity
from accelnas_training.zero_cost.gradients import fisher, grad_norm, grasp, snip, synflow
from accelnas_training.zero_cost.kernels import jacob_cov, naswot, zen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import nn

    from accelnas_training.zero_cost.batch import Batch

    Proxy: TypeAlias = Callable[[nn.Module, Batch], float]


def params(network: nn.Module, batch: Batch) -> float:  # noqa: ARG001 (all proxies are called alike)
    """Count the parameters."""
    return float(sum(parameter.numel() for parameter in network.parameters()))


def macs(network: nn.Module, batch: Batch) -> float:
    """Count the multiply-accumulates of one image of the batch's size."""
    return float(complexity(network, batch.images.shape[-1], batch.images.shape[1]).macs)


PROXIES: dict[str, Proxy] = {
    "params": params,
    "macs": macs,
    "synflow": synflow,
    "grad_norm": grad_norm,
    "snip": snip,
    "grasp": grasp,
    "fisher": fisher,
    "naswot": naswot,
    "jacob_cov": jacob_cov,
    "zen": zen,
}

"""Each proxy by name; it leaves the network as it was."""


class Score(NamedTuple):
    """What a proxy says of a network, and the seconds it took."""

    value: float
    seconds: float


def score_network(network: nn.Module, batch: Batch, proxies: Sequence[str] = tuple(PROXIES)) -> dict[str, Score]:
    """Score a network that was not trained.

    Parameters
    ----------
    network
        The network with its first weights; it is left as it was.
    batch
        What the proxies see.
    proxies
        Names from `PROXIES`.

    Raises
    ------
    NetworkError
        If there is no such proxy, or a score is not finite.

    Examples
    --------
    >>> from torch import nn
    >>> from accelnas_training.zero_cost.batch import noise
    >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 10))
    >>> scores = score_network(network, noise(4, 4, seed=0, classes=10), ["params", "macs"])
    >>> scores["params"].value, scores["macs"].value
    (282.0, 592.0)
    """
    check_proxies(proxies)
    scores = {}
    for name in proxies:
        began = time.perf_counter()
        value = PROXIES[name](network, batch)
        scores[name] = Score(value, time.perf_counter() - began)
        if not math.isfinite(value):
            raise NetworkError(f"{name} is {value}; use more pixels, another seed, or leave this proxy out")
    return scores


def check_proxies(names: Sequence[str]) -> None:
    """Raise NetworkError unless there is at least one name, and all are of proxies."""
    for name in names:
        if name not in PROXIES:
            raise NetworkError(f"unknown proxy {name!r}; choose from {', '.join(PROXIES)}")
    if not names:
        raise NetworkError(f"no proxy is named; choose from {', '.join(PROXIES)}")
