"""Few bits as floats: layers whose weights and inputs take the values that so many bits have."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import nn

from accelnas_training.errors import NetworkError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from torch import Tensor

WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Linear)

_KEPT = 2048  # of each layer's inputs, values of a batch that are looked at
_CLIPS = torch.linspace(1.0, 0.2, 17)  # shares of the whole range among which the best is chosen


def layers(network: nn.Module) -> dict[str, nn.Module]:
    """Give the layers that can have few bits, convolutions and linear ones, by name in the network's order."""
    return {name: module for name, module in network.named_modules() if isinstance(module, WEIGHTED)}


def seen(network: nn.Module, batches: Sequence[Tensor]) -> dict[str, Tensor]:
    """Give values that come into each layer, float32 (n,): an even choice of those of each batch, and their extremes.

    The network is in evaluation mode; batches are float32 (b, channels, r, r).
    """
    found: dict[str, list[Tensor]] = {name: [] for name in layers(network)}

    def keep(name: str, inputs: tuple[Tensor, ...]) -> None:
        flat = inputs[0].flatten()
        step = -(-len(flat) // _KEPT) | 1  # odd: an even one would meet the same columns of images again and again
        found[name] += [flat[::step], torch.stack(flat.aminmax())]

    with _hooked(network, keep), torch.no_grad():
        for batch in batches:
            network(batch)
    return {name: torch.cat(values) for name, values in found.items() if values}


@contextmanager
def quantised(network: nn.Module, bits: Mapping[str, int], values: Mapping[str, Tensor]) -> Iterator[nn.Module]:
    """Let the network compute, inside, with so many bits in the layers named; the others stay as they are.

    Weights are symmetric, of -(2^(b-1) - 1) to 2^(b-1) - 1 steps, with a scale for each output channel; what comes into
    a layer is of 0 to 2^b - 1 steps, of one scale and zero. Both are clipped where that makes the mean squared error
    least: weights by their own values, inputs by `values`, which `seen` gives. Biases, sums and normalisation stay
    float32. Scales of convolutions are those of convolutions with folded normalisation: a factor of each output
    channel changes nothing.

    Raises
    ------
    NetworkError
        If bits are not 2 to 16, or nothing came into a layer.

    Examples
    --------
    >>> layer = nn.Linear(2, 1, bias=False)
    >>> _ = layer.weight.data.copy_(torch.tensor([[1.0, 0.4]]))
    >>> network, inputs = nn.Sequential(layer), torch.tensor([[0.0, 3.0]])
    >>> with quantised(network, {"0": 2}, seen(network, [inputs])):
    ...     network(inputs).item()  # a weight of 2 bits is a step or none
    0.0
    >>> round(network(inputs).item(), 3)
    1.2
    """
    found = layers(network)
    ranges = {}
    for name, number in bits.items():
        if not 2 <= number <= 16:
            raise NetworkError(f"{name} has {number} bits; choose 2 to 16")
        if name not in values:
            raise NetworkError(f"nothing came into layer {name}; leave it as it is")
        ranges[name] = (*_input_scale(values[name], 2**number - 1), 2**number - 1)

    def rounded(name: str, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if name not in ranges:
            return None
        scale, zero, most = ranges[name]
        return (torch.fake_quantize_per_tensor_affine(inputs[0], scale, zero, 0, most), *inputs[1:])

    kept = {name: found[name].weight.detach().clone() for name in bits}  # type: ignore[operator]
    try:
        with torch.no_grad():
            for name, number in bits.items():
                found[name].weight.copy_(_rounded_weight(kept[name], 2 ** (number - 1) - 1))  # type: ignore[operator]
        with _hooked(network, rounded):
            yield network
    finally:
        with torch.no_grad():
            for name, weight in kept.items():
                found[name].weight.copy_(weight)  # type: ignore[operator]


@contextmanager
def _hooked(network: nn.Module, call: Callable[[str, tuple[Tensor, ...]], tuple[Tensor, ...] | None]) -> Iterator[None]:
    """Call with each layer's name and inputs before it computes."""
    handles = [
        module.register_forward_pre_hook(lambda _, inputs, name=name: call(name, inputs))
        for name, module in layers(network).items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _rounded_weight(weight: Tensor, most: int) -> Tensor:
    """Give the weight with -most to most steps of each output channel."""
    flat = weight.flatten(1)
    largest = flat.abs().amax(1).clamp(min=torch.finfo(torch.float32).tiny * 2**16)
    zero = torch.zeros(len(flat), dtype=torch.int32)
    best, least = flat, torch.full((len(flat),), torch.inf)
    for clip in _CLIPS.tolist():
        made = torch.fake_quantize_per_channel_affine(flat, largest * clip / most, zero, 0, -most, most)
        error = (made - flat).square().mean(1)
        best = torch.where((error < least)[:, None], made, best)
        least = torch.minimum(error, least)
    return best.reshape(weight.shape)


def _input_scale(values: Tensor, most: int) -> tuple[float, int]:
    """Give the scale and the zero, of 0 to most steps, that lose least of the values."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    if low == high:
        return 1.0, 0
    best, least = (1.0, 0), float("inf")
    for clip in _CLIPS.tolist():
        scale = (high - low) * clip / most
        zero = min(max(round(-low * clip / scale), 0), most)
        made = torch.fake_quantize_per_tensor_affine(values, scale, zero, 0, most)
        error = float((made - values).square().mean())
        if error < least:
            best, least = (scale, zero), error
    return best
