"""What each layer of a network costs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from accelnas_training.networks.counting import Counter, run_one_image

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["LayerCost", "layer_costs"]


@dataclass
class LayerCost:
    """A module that has parameters of its own.

    Attributes
    ----------
    name
        Its name in the network.
    kind
        Its class.
    output
        Shape of what it gives for one image, without the first dimension.
    macs
        Multiply-accumulates in it, without those of such modules inside of it.
    params
        Its own parameters.
    """

    name: str
    kind: str
    output: tuple[int, ...]
    macs: int
    params: int


def layer_costs(network: nn.Module, resolution: int, in_channels: int = 3) -> list[LayerCost]:
    """Count what one image costs in each layer, in the order in which they run.

    What runs outside of all modules with parameters is in no layer. Parameters and errors are as in
    `accelnas_training.networks.complexity.complexity`; a module that runs twice is in the list twice.

    Examples
    --------
    >>> from torch import nn
    >>> for layer in layer_costs(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(32, 10)), 4):
    ...     print(layer)
    LayerCost(name='0', kind='Conv2d', output=(8, 2, 2), macs=864, params=224)
    LayerCost(name='2', kind='Linear', output=(10,), macs=320, params=330)
    """
    costs: list[LayerCost] = []
    running: list[LayerCost] = []
    at_last_change = 0

    def settle() -> None:
        nonlocal at_last_change
        if running:
            running[-1].macs += counter.macs - at_last_change
        at_last_change = counter.macs

    def begin(name: str, module: nn.Module, _inputs: Any) -> None:
        settle()
        own = sum(p.numel() for p in module.parameters(recurse=False))
        running.append(LayerCost(name, type(module).__name__, (), 0, own))
        costs.append(running[-1])

    def end(_module: nn.Module, _inputs: Any, output: torch.Tensor | Any) -> None:
        settle()
        running.pop().output = tuple(getattr(output, "shape", ()))[1:]

    handles = []
    for name, module in network.named_modules():
        if next(module.parameters(recurse=False), None) is not None:
            handles += [
                module.register_forward_pre_hook(partial(begin, name)),
                module.register_forward_hook(end),
            ]
    try:
        with Counter() as counter:
            run_one_image(network, resolution, in_channels)
    finally:
        for handle in handles:
            handle.remove()
    return costs
