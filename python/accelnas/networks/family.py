"""Layers of all networks of a search space, block by block."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.errors import ModelError
from accelnas.networks import mnasnet, nasbench201, nasbench_macro

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from accelnas.networks.layer import Layer
    from accelnas.space import Space

__all__ = ["NetworkLayers", "network_layers"]


@dataclass(frozen=True)
class NetworkLayers:
    """Layers of all networks of a space.

    Attributes
    ----------
    fixed : tuple of Layer
        What every network has.
    states : tuple
        For each block, for each of its joint choices, the layers, in the order of the network.
    """

    fixed: tuple[Layer, ...]
    states: tuple[tuple[tuple[Layer, ...], ...], ...]

    def sums(self, of_layer: Callable[[Layer], int]) -> tuple[int, list[NDArray[np.int64]]]:
        """Add a number of each layer up, such as ``lambda layer: layer.macs``.

        Gives the sum over the fixed layers, and for each block those over its layers in each of its states,
        int64 (states,).
        """
        of_state = [[sum(map(of_layer, layers)) for layers in states] for states in self.states]
        return sum(map(of_layer, self.fixed)), [np.array(values, np.int64) for values in of_state]

    def distinct(self) -> list[Layer]:
        """Give every layer that some network has, once."""
        chosen = (layer for states in self.states for layers in states for layer in layers)
        return list(dict.fromkeys([*self.fixed, *chosen]))


@dataclass(frozen=True)
class _Family:
    fixed: Callable[[], Iterable[Layer]]
    parts: tuple[tuple[str, ...], ...]
    """Variables whose choices decide layers together."""
    layers: Callable[[Sequence[str], Sequence[Any]], Iterable[Layer]]
    """Of a part, from its variables and their choices."""


_FAMILIES = {
    "mnasnet": _Family(
        lambda: [*mnasnet.stem_layers(), *mnasnet.head_layers()],
        tuple(tuple(f"block{b}_{symbol}" for symbol in ("e", "k", "l", "se")) for b in range(7)),
        lambda names, choices: mnasnet.block_layers(int(names[0][5]), *map(int, choices)),  # type: ignore[arg-type]
    ),
    "nasbench201": _Family(
        nasbench201.fixed_layers,
        tuple((name,) for name in nasbench201.VARIABLES),
        lambda names, choices: nasbench201.choice_layers(names[0], choices[0]),
    ),
    "nasbench-macro": _Family(
        nasbench_macro.fixed_layers,
        tuple((name,) for name in nasbench_macro.VARIABLES),
        lambda names, choices: nasbench_macro.choice_layers(names[0], choices[0]),
    ),
}


def network_layers(space: Space) -> NetworkLayers:
    """Give the layers of all networks of a space.

    Known are the networks of MnasNet (arXiv 1807.11626), NAS-Bench-201 (arXiv 2001.00326) and NAS-Bench-Macro
    (arXiv 2103.11922), whatever blocks their variables are in.

    Raises
    ------
    ModelError
        If the space is none of these, or a block divides what is decided together.

    Examples
    --------
    >>> import accelnas
    >>> bench = accelnas.load("nasbench201")
    >>> fixed, of_blocks = network_layers(bench.space).sums(lambda layer: layer.params)
    >>> states = bench.space.block_states(bench.space.parse(["c3_c3_c1-skip_c3_c3"]))[0]
    >>> fixed + sum(int(values[state]) for values, state in zip(of_blocks, states, strict=True))
    1073466
    """
    names = {variable.name for variable in space.variables}
    family = next((f for f in _FAMILIES.values() if names == {name for part in f.parts for name in part}), None)
    if family is None:
        raise ModelError(f"layers of {space.name} are not known, only those of {', '.join(_FAMILIES)}; give them")
    choices = {variable.name: variable.choices for variable in space.variables}
    blocks = []
    for block in space.blocks:
        parts = [part for part in family.parts if set(part) <= set(block.variables)]
        if sorted(name for part in parts for name in part) != sorted(block.variables):
            raise ModelError(f"block {block.name} of {space.name} divides what decides layers together; join blocks")
        states = []
        for chosen in product(*(choices[name] for name in block.variables)):
            arch = dict(zip(block.variables, chosen, strict=True))
            states.append(tuple(x for part in parts for x in family.layers(part, [arch[name] for name in part])))
        blocks.append(tuple(states))
    return NetworkLayers(tuple(family.fixed()), tuple(blocks))
