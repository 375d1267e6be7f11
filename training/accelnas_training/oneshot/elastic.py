"""One network whose weights all networks of a family share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from timm.models._efficientnet_blocks import DepthwiseSeparableConv, InvertedResidual
from torch import nn
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from accelnas_training.errors import NetworkError
from accelnas_training.oneshot.kernels import KernelTransforms

if TYPE_CHECKING:
    from accelnas import Space
    from accelnas_training.arrays import Archs
    from accelnas_training.networks import NetworkFamily

# what layers without an expansion call their tensors, and what those that have one call the same
_WITHOUT_EXPANSION = {"conv_dw": "conv_dw", "bn1": "bn2", "se": "se", "conv_pw": "conv_pwl", "bn2": "bn3"}


def extreme(space: Space, largest: bool) -> Archs:
    """Give the architecture of the largest, or the smallest, choice of every variable: uint8 (variables,).

    Raises NetworkError if choices are words, which have no order.

    Examples
    --------
    >>> from accelnas import mnasnet_space
    >>> space = mnasnet_space()
    >>> space.format(extreme(space, largest=False)[None])[0][:20]
    'e1_k3_l1_se0-e1_k3_l'
    """
    for variable in space.variables:
        if any(isinstance(choice, str) for choice in variable.choices):
            raise NetworkError(
                f"{variable.name} has choices {', '.join(map(str, variable.choices))}, which have no order; weights "
                "are shared where choices are numbers, as kernel sizes, or true and false"
            )
    pick = np.argmax if largest else np.argmin
    return np.array([pick(variable.choices) for variable in space.variables], np.uint8)


class ElasticNetwork(nn.Module):
    """The largest network of a family, of which every other is a part.

    A network of the family takes the leading channels of each tensor, the centre of each kernel, and the leading
    layers of each block, as in Once-for-All and BigNAS; a layer without an expansion shares its depthwise and its last
    convolution with those that have one. It is the builder's own network, computed with these weights.

    Parameters
    ----------
    family
        The networks: timm's EfficientNet of inverted residual blocks, as the builder ``"mnasnet"`` and those of
        ``examples/digits`` make them, each a part of the largest.
    kernel_transforms
        The centre of a kernel becomes a smaller one by a learned matrix for each layer and step between sizes, as in
        Once-for-All; without, it is the smaller kernel.

    Attributes
    ----------
    largest
        The network of the largest choices; its weights are those that are shared. Its statistics of batch
        normalisation are its own; others count theirs when they are evaluated (`accelnas_training.oneshot.evaluation`).
    transforms
        What makes smaller kernels of its kernels.
    drop_rate
        Share of the classifier's inputs that are set to 0 in training, of the largest network alone, as in BigNAS.

    Raises
    ------
    NetworkError
        If choices have no order, or the builder's networks are of another kind.

    Examples
    --------
    >>> from accelnas_training import load_family
    >>> family = load_family("mnasnet").with_options(num_classes=10, width=0.25)
    >>> elastic = ElasticNetwork(family)
    >>> arch = family.space.sample(1, seed=0)[0]
    >>> images = torch.zeros(2, 3, 32, 32)
    >>> shared, alone = elastic(images, arch), elastic.extracted(arch).train()(images)
    >>> torch.equal(shared, alone)
    True
    """

    def __init__(self, family: NetworkFamily, *, kernel_transforms: bool = False) -> None:
        super().__init__()
        self.family, self.drop_rate = family, 0.0
        self.arch = extreme(family.space, largest=True)
        self.largest = family.build(self.arch)
        self._shared = {role: name for name, role in _roles(self.largest, family).items()}
        self.transforms = KernelTransforms(self._kernel_sizes() if kernel_transforms else {})
        self.parts(self.skeleton(extreme(family.space, largest=False)))

    def forward(self, images: torch.Tensor, architecture: Archs | None = None) -> torch.Tensor:
        """Compute an architecture, uint8 (variables,), by default the largest: (n, classes).

        In training mode, batches are normalised by their own statistics. Only the largest keeps them, so only it can
        be computed in evaluation mode; others by `extracted`.
        """
        if architecture is None or np.array_equal(architecture, self.arch):
            setattr(self.largest, "drop_rate", self.drop_rate)  # noqa: B010 (not a tensor)
            out: torch.Tensor = self.largest(images)
            return out
        network = self.skeleton(architecture).train(self.training)
        buffers = {name: _fresh(name, buffer, images) for name, buffer in network.named_buffers()}
        part: torch.Tensor = functional_call(network, {**self.parts(network), **buffers}, (images,))
        return part

    def parts(self, network: nn.Module) -> dict[str, torch.Tensor]:
        """Give the part of the shared weights that each parameter of a network of the family is, by name.

        Raises NetworkError if one is no part of the largest network's.
        """
        weights = dict(self.largest.named_parameters())
        found = {}
        roles = _roles(network, self.family)
        for name, parameter in network.named_parameters():
            own = self._shared.get(roles[name])
            if own is None:
                raise NetworkError(
                    f"builder {self.family.builder}: a network has {name}, the largest has nothing of the kind; "
                    "weights are shared where all networks are parts of that of the largest choices"
                )
            weight = _leading(weights[own], parameter.shape, name, self.family.builder)
            found[name] = self.transforms(own, weight, parameter.shape[-1]) if weight.dim() == 4 else weight
        return found

    def extracted(self, architecture: Archs) -> nn.Module:
        """Give an architecture's network on its own, as the builder makes it, with a copy of its weights.

        Statistics of batch normalisation are as new: count them, or train on, before it is evaluated.
        """
        network = self.family.build(architecture).to(next(self.parameters()).device)
        with torch.no_grad():
            for name, part in self.parts(network).items():
                network.get_parameter(name).copy_(part)
        return network

    def skeleton(self, architecture: Archs) -> nn.Module:
        """Give an architecture's network, as the builder makes it, without memory for its weights."""
        with torch.device("meta"), _Unfilled():
            return self.family.build(architecture)

    def _kernel_sizes(self) -> dict[str, set[int]]:
        """Give the sizes of each shared kernel, found by changing one variable of the largest network at a time."""
        sizes: dict[str, set[int]] = {}
        for place, variable in enumerate(self.family.space.variables):
            for choice in range(len(variable.choices)):
                architecture = self.arch.copy()
                architecture[place] = choice
                network = self.skeleton(architecture)
                roles = _roles(network, self.family)
                for name, parameter in network.named_parameters():
                    if parameter.dim() == 4:
                        sizes.setdefault(self._shared.get(roles[name], name), set()).add(parameter.shape[-1])
        return {name: each for name, each in sizes.items() if len(each) > 1}


class _Unfilled(TorchFunctionMode):
    """Draws no first weights, which takes most of the time to build a network."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else given["tensor"]
        return func(*args, **given)


def _roles(network: nn.Module, family: NetworkFamily) -> dict[str, str]:
    """Name each parameter by what it does, in all networks alike."""
    roles = {name: name for name, _ in network.named_parameters()}
    kinds = (DepthwiseSeparableConv, InvertedResidual)
    layers = {path: module for path, module in network.named_modules() if isinstance(module, kinds)}
    if not layers:
        raise NetworkError(
            f"builder {family.builder} makes {type(network).__name__} without timm's inverted residual layers; weights "
            "are shared by networks that have them, such as those of builder 'mnasnet'"
        )
    for path, module in layers.items():
        for name, _ in module.named_parameters():
            first, _, rest = name.partition(".")
            if isinstance(module, DepthwiseSeparableConv):
                first = _WITHOUT_EXPANSION[first]
            roles[f"{path}.{name}"] = f"{path}.{first}.{rest}"
    return roles


def _leading(weight: torch.Tensor, shape: torch.Size, name: str, builder: str) -> torch.Tensor:
    """Cut the leading channels out, of kernels as large as they are."""
    if weight.dim() != len(shape) or any(whole < own for whole, own in zip(weight.shape, shape, strict=True)):
        raise NetworkError(
            f"builder {builder}: {name} is of shape {tuple(shape)}, that of the largest network {tuple(weight.shape)}; "
            "weights are shared where all networks are parts of that of the largest choices"
        )
    for place, own in enumerate(shape[:2]):
        weight = weight.narrow(place, 0, own)
    return weight


def _fresh(name: str, buffer: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Give a new statistic of batch normalisation: variances are 1."""
    new = torch.ones_like if name.endswith("running_var") else torch.zeros_like
    return new(buffer, device=images.device, dtype=images.dtype if buffer.is_floating_point() else buffer.dtype)
