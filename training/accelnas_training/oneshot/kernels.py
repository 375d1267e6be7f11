"""What makes the centre of a shared kernel a smaller kernel: learned matrices, as in Once-for-All."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def centre(weight: torch.Tensor, size: int) -> torch.Tensor:
    """Cut the centre of kernels (…, height, width) out: (…, size, size)."""
    for place in (-2, -1):
        weight = weight.narrow(place, (weight.shape[place] - size) // 2, size)
    return weight


class KernelTransforms(nn.Module):
    """A matrix for each layer and step to the next smaller kernel (Cai et al. 2020, section 3.3).

    The next smaller kernel is the centre of the one before, each channel's times the matrix. What is learned is its
    difference from the identity, which begins as 0, where the kernel is the centre itself; weight decay leads back
    there.

    Parameters
    ----------
    sizes
        For the name of each layer's weight, the sizes of its kernel. Kernels of layers that are not named are centres.

    Examples
    --------
    >>> transforms = KernelTransforms({"blocks.0.0.conv_dw.weight": [7, 3, 5]})
    >>> weight = torch.randn(8, 1, 7, 7)
    >>> torch.equal(transforms("blocks.0.0.conv_dw.weight", weight, 3), centre(weight, 3))
    True
    >>> [tuple(matrix.shape) for matrix in transforms.parameters()]
    [(9, 9), (25, 25)]
    """

    def __init__(self, sizes: Mapping[str, Collection[int]]) -> None:
        super().__init__()
        self._steps = {name: sorted(each, reverse=True)[1:] for name, each in sizes.items()}
        self.away = nn.ParameterDict(
            {
                _key(name, size): nn.Parameter(torch.zeros(size**2, size**2))
                for name, steps in self._steps.items()
                for size in steps
            }
        )

    def forward(self, name: str, weight: torch.Tensor, size: int) -> torch.Tensor:
        """Give a layer's kernel of a size, (channels, 1, size, size), from its largest."""
        for step in self._steps.get(name, ()):
            if step < size:
                break
            weight = centre(weight, step)
            weight = weight + (weight.flatten(2) @ self.away[_key(name, step)].T).view(weight.shape)
        return centre(weight, size)


def _key(name: str, size: int) -> str:
    return f"{name.replace('.', '_')}_to_{size}"
