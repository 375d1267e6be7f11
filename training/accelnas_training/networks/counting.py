"""Watch PyTorch's operations and count multiply-accumulates."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from accelnas_training.errors import NetworkError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

__all__ = ["Counter", "run_one_image"]

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

    Raises
    ------
    NetworkError
        If the image does not go through.
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
