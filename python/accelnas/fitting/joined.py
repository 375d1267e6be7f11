"""Spaces as tables of all their architectures have them: in at most three blocks."""

from __future__ import annotations

import math
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

from accelnas import _core
from accelnas.errors import DataError
from accelnas.space.definition import defined, definition

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelnas.space import Space

    _Part = tuple[str, list[dict[str, Any]]]  # a block's name and its variables' tables

__all__ = ["tabulated_space"]


def tabulated_space(space: Space) -> Space:
    """Give a space whose architectures fit one table: the same, its variables in at most three blocks.

    Raises
    ------
    DataError
        If the space has more than 2^26 joint choices.

    Examples
    --------
    >>> layers = {f"layer{i}": [{"name": f"op{i}", "choices": [0, 1, 2]}] for i in range(8)}
    >>> joined = tabulated_space(defined("macro", layers))
    >>> [block.size for block in joined.blocks], joined.size == 3**8
    ([81, 81], True)
    """
    table = definition(space)
    cards = {v.name: len(v.states) for v in space.variables}
    joint = math.prod(cards.values())
    if joint > _core.MAX_COMPLETE:
        what = "joint choices" if space.has_rules else "architectures"
        raise DataError(
            f"the space has {joint:,} {what}, a table at most {_core.MAX_COMPLETE:,}; fit a surrogate with accelnas fit"
        )
    own = [(block["name"], block["variables"]) for block in table.pop("blocks")]
    if sum(n > 1 for n in _states(own, cards)) <= _core.MAX_BLOCKS:
        return space
    return defined(**table, blocks=dict(_joined(own, cards)))


def _states(blocks: Sequence[_Part], cards: Mapping[str, int]) -> list[int]:
    return [math.prod(cards[variable["name"]] for variable in variables) for _, variables in blocks]


def _joined(parts: Sequence[_Part], cards: Mapping[str, int]) -> list[_Part]:
    """Join neighbours to the fewest blocks whose states fit a byte; else to the most that a table has, all small."""
    states = _states(parts, cards)

    def largest(cuts: tuple[int, ...]) -> int:
        return max(math.prod(states[a:b]) for a, b in pairwise((0, *cuts, len(parts))))

    for blocks in range(1, _core.MAX_BLOCKS + 1):
        cuts = min(combinations(range(1, len(parts)), blocks - 1), key=largest)
        if largest(cuts) <= _core.BYTE_STATES:
            break
    joined = [parts[a:b] for a, b in pairwise((0, *cuts, len(parts)))]
    return [("+".join(name for name, _ in own), [v for _, variables in own for v in variables]) for own in joined]
