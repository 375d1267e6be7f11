"""What networks and their layers cost: multiply-accumulates and parameters."""

from __future__ import annotations

import math
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from accelnas_training.errors import NetworkError
from accelnas_training.networks.builders import SHIPPED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from accelnas_training.arrays import Archs
    from accelnas_training.networks.family import NetworkFamily


_aten = torch.ops.aten

_FILLS = {_aten.normal_, _aten.uniform_, _aten.fill_, _aten.zero_}


class Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts while it is entered; on the meta device it leaves out what has no bearing on shapes.

    Attributes
    ----------
    macs : int
        Multiply-accumulates of convolutions, matrix products and attention.
    extras : int
        4 operations a value that a batch normalisation gives, and a mean's inputs and outputs.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.macs = 0
        self.extras = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compute, and count."""
        operation = func.overloadpacket
        if operation in _FILLS and args[0].is_meta:
            return args[0]
        if operation is _aten.native_batch_norm:
            self.extras += 4 * args[0].numel()
            if args[0].is_meta:  # PyTorch takes most of its time for this one
                return torch.empty_like(args[0]), args[0].new_empty(0), args[0].new_empty(0)
        out = func(*args, **(kwargs or {}))
        if operation is _aten.mean:
            self.extras += args[0].numel() + out.numel()
        elif operation in flop_registry:
            self.macs += flop_registry[operation](*args, **(kwargs or {}), out_val=out) // 2
        return out


def run_one_image(network: nn.Module, resolution: int, in_channels: int) -> torch.Tensor:
    """Run a network in evaluation mode, where it is, on an image of zeros; it is left as it was.

    Raises NetworkError if the image does not go through, or gives something else than (1, classes).
    """
    like = next(network.parameters(), torch.empty(0))
    image = torch.zeros(1, in_channels, resolution, resolution, dtype=like.dtype, device=like.device)
    try:
        with _evaluating(network), torch.no_grad():
            out = network(image)
    except RuntimeError as error:
        raise NetworkError(
            f"an image of {in_channels} × {resolution} × {resolution} does not go through the network: {error}; "
            "use other channels or more pixels"
        ) from error
    if not isinstance(out, torch.Tensor) or out.ndim != 2:
        given = tuple(out.shape) if isinstance(out, torch.Tensor) else type(out).__name__
        raise NetworkError(f"the network gives {given}; expected (images, classes)")
    return out


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


@dataclass(frozen=True)
class Complexity:
    """Costs of one image."""

    macs: int  # multiply-accumulates of convolutions, matrix products and attention; nothing else counts
    params: int  # parameters
    # what the data set of Accel-NASBench counts besides: 4 operations a value of a batch normalisation, and the
    # inputs and outputs of means over pixels
    extras: int = 0

    @property
    def dataset_macs(self) -> int:
        """MACs as the data set of Accel-NASBench counts them: ``macs + extras``."""
        return self.macs + self.extras


def complexity(network: nn.Module, resolution: int, in_channels: int = 3) -> Complexity:
    """Count what one image of `resolution` pixels a side costs.

    The network runs once where it is, and is left as it was; on the meta device nothing is computed. Raises
    NetworkError as `run_one_image`.

    Examples
    --------
    >>> from torch import nn
    >>> complexity(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Flatten(), nn.Linear(8 * 16, 10)), 4)
    Complexity(macs=4736, params=1514, extras=0)
    """
    with Counter() as counter:
        run_one_image(network, resolution, in_channels)
    return Complexity(counter.macs, sum(p.numel() for p in network.parameters()), counter.extras)


def complexities(family: NetworkFamily, archs: Archs, resolution: int, workers: int = 1) -> Iterator[Complexity]:
    """Count what one image costs in one network after another; those of MnasNet take about a tenth of a second each.

    `archs` are choice indices, uint8 (n, variables); `workers` processes count at the same time. Raises SpaceError if
    one is not of the space, NetworkError if a network can't be built, or such an image does not go through.
    """
    count = partial(_count, family, resolution)
    if workers == 1:
        yield from map(count, archs)
        return
    # fresh processes: a fork would take over locks of this one's threads
    with ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        yield from pool.map(count, archs, chunksize=8)


def _count(family: NetworkFamily, resolution: int, architecture: Archs) -> Complexity:
    return complexity(build_to_count(family, architecture), resolution, family.options.in_channels)


def build_to_count(family: NetworkFamily, architecture: Archs) -> nn.Module:
    """Build a network to be counted, without values where the builder is one of the package."""
    if family.builder in SHIPPED:
        with torch.device("meta"), Counter():
            return family.build(architecture)
    return family.build(architecture)  # builders of users may look at values


@dataclass
class LayerCost:
    """A module that has parameters of its own."""

    name: str  # its name in the network
    kind: str  # its class
    reads: int  # values that go in for one image
    output: tuple[int, ...]  # shape of what it gives for one image, without the first dimension
    macs: int  # multiply-accumulates in it, without those of such modules inside of it
    params: int  # its own parameters

    @property
    def writes(self) -> int:
        """Values that it gives for one image."""
        return math.prod(self.output)


def layer_costs(network: nn.Module, resolution: int, in_channels: int = 3) -> list[LayerCost]:
    """Count what one image costs in each layer, in the order in which they run; raises as `complexity`.

    What runs outside of all modules with parameters is in no layer; a module that runs twice is in the list twice.

    Examples
    --------
    >>> from torch import nn
    >>> for layer in layer_costs(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(32, 10)), 4):
    ...     print(layer)
    LayerCost(name='0', kind='Conv2d', reads=48, output=(8, 2, 2), macs=864, params=224)
    LayerCost(name='2', kind='Linear', reads=32, output=(10,), macs=320, params=330)
    """
    costs: list[LayerCost] = []
    running: list[LayerCost] = []
    at_last_change = 0

    def settle() -> None:
        nonlocal at_last_change
        if running:
            running[-1].macs += counter.macs - at_last_change
        at_last_change = counter.macs

    def begin(name: str, module: nn.Module, inputs: Any) -> None:
        settle()
        own = sum(p.numel() for p in module.parameters(recurse=False))
        reads = sum(value.numel() for value in inputs if isinstance(value, torch.Tensor))
        running.append(LayerCost(name, type(module).__name__, reads, (), 0, own))
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
