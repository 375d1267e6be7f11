"""Trees whose splits are on several variables at once, as trees that test one variable after the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from accelnas.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from numpy.typing import NDArray

    from accelnas import Space
    from accelnas.fitting.encoding import Encoding
    from accelnas.fitting.trees import Trees

    Box = tuple[NDArray[np.intp], ...]  # states of each variable that a path leaves
    Decision = bool | tuple[int, NDArray[np.bool_]]

__all__ = ["COMPARE", "expanded", "over_variables"]

COMPARE: tuple[Callable[..., Any], ...] = (np.less, np.less_equal, np.greater, np.greater_equal, np.equal)
MOST_NODES = 1 << 19  # of all trees


def over_variables(trees: Trees, encoding: Encoding, space: Space) -> tuple[Trees, Encoding, NDArray[np.int32] | None]:
    """Give trees and an encoding whose columns depend on one variable each, and the origin of leaves, if they changed.

    Raises
    ------
    ModelError
        If that needs more than 2^19 nodes.
    """
    joint = [column for column, (variables, _) in enumerate(encoding.columns) if not isinstance(variables, int)]
    if not joint:
        return trees, encoding, None
    trees.check_columns(encoding)
    found, origin = expanded(trees, encoding, space)
    columns = tuple((v, tuple(map(float, range(len(one.states))))) for v, one in enumerate(space.variables))
    return found, replace(encoding, names=tuple(one.name for one in space.variables), columns=columns), origin


def expanded(trees: Trees, encoding: Encoding, space: Space) -> tuple[Trees, NDArray[np.int32]]:
    """Give the same trees over states of single variables, and where their leaves are from.

    A split on several variables becomes a tree over them: each node splits the states of one variable that the path
    leaves into halves of those that matter alike.

    Returns
    -------
    Trees
        Splits list the states that go left.
    array, int32 (nodes,)
        Of each node that is a leaf, the node of the source tree that it stands for, counted from its tree's root.

    Raises
    ------
    ModelError
        If they need more than 2^19 nodes.
    """
    growing = _Growing(trees, encoding, space)
    sizes = []
    for number in range(trees.tree_count):
        before = len(growing.left)
        growing.tree(number)
        sizes.append(len(growing.left) - before)
    nodes = len(growing.left)
    listed = [len(states) for states in growing.states]
    left = np.array(growing.left, np.int32)
    found = replace(
        trees,
        feature_count=len(space.variables),
        tree_offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        feature=np.array(growing.feature, np.int32),
        operator=np.zeros(nodes, np.uint8),
        threshold=np.zeros(nodes),
        float32=False,
        default_left=np.zeros(nodes, np.bool_),
        left=left,
        right=np.array(growing.right, np.int32),
        value=np.array(growing.value),
        category_offsets=np.concatenate([[0], np.cumsum(listed)]).astype(np.int64),
        categories=np.concatenate([np.zeros(0), *growing.states]).astype(np.uint32),
        categories_right=np.zeros(nodes, np.bool_),
        is_categorical=left >= 0,
    )
    return found, np.array(growing.origin, np.int32)


class Test(NamedTuple):
    """A split as a function of the joint states of its variables; `key` tells different ones apart."""

    variables: tuple[int, ...]
    goes_left: NDArray[np.bool_]
    key: Hashable


class _Growing:
    """Nodes of trees over single variables, as lists that grow."""

    def __init__(self, trees: Trees, encoding: Encoding, space: Space) -> None:
        self.trees, self.encoding = trees, encoding
        self.full: Box = tuple(np.arange(len(variable.states)) for variable in space.variables)
        self.feature: list[int] = []
        self.left: list[int] = []
        self.right: list[int] = []
        self.value: list[float] = []
        self.states: list[NDArray[np.intp]] = []
        self.origin: list[int] = []
        self.tests: dict[int, Test] = {}
        self.decided: dict[tuple[Hashable, ...], Decision] = {}

    def tree(self, number: int) -> None:
        """Add a tree."""
        first, root = len(self.left), int(self.trees.tree_offsets[number])
        waiting = [(root, self.full, -1, False)]  # a source node, what the path leaves, the parent and its side
        while waiting:
            source, box, parent, is_left = waiting.pop()
            while self.trees.left[source] >= 0:
                decision = self.decide(self.test(source), box)
                if not isinstance(decision, bool):
                    break
                source = root + int((self.trees.left if decision else self.trees.right)[source])
            here = len(self.left)
            if here >= MOST_NODES:
                raise ModelError(
                    f"the trees split on several variables at once; as trees over one each, {number + 1} of "
                    f"{self.trees.tree_count} need more than {MOST_NODES:,} nodes; fit fewer or shallower trees, or "
                    "columns of fewer variables, or compile with --enumerate in a small space"
                )
            if parent >= 0:
                (self.left if is_left else self.right)[parent] = here - first
            is_leaf = self.trees.left[source] < 0
            self.origin.append(source - root if is_leaf else 0)
            self.value.append(float(self.trees.value[source]) if is_leaf else 0.0)
            self.left.append(-1)
            self.right.append(-1)
            if is_leaf:
                self.feature.append(0)
                self.states.append(np.zeros(0, np.intp))
                continue
            variable, own = decision  # type: ignore[misc]  # a leaf has none
            self.feature.append(variable)
            self.states.append(box[variable][own])
            for side, kept in ((False, ~own), (True, own)):
                narrower = (*box[:variable], box[variable][kept], *box[variable + 1 :])
                waiting.append((source, narrower, here, side))

    def decide(self, test: Test, box: Box) -> Decision:
        """Say whether a split goes left or right in all of a box, or which variable's states to halve."""
        key = test.key, *(box[variable].tobytes() for variable in test.variables)
        found = self.decided.get(key)
        if found is None:
            within = test.goes_left[np.ix_(*(box[variable] for variable in test.variables))]
            if within.all() or not within.any():
                found = bool(within.all())
            else:
                axis, own = _halves(within)
                found = test.variables[axis], own
            self.decided[key] = found
        return found

    def test(self, node: int) -> Test:
        """Give the variables of a split, and whether it goes left at each of their joint states."""
        found = self.tests.get(node)
        if found is None:
            trees = self.trees
            feature = int(trees.feature[node])
            variables, numbers = self.encoding.columns[feature]
            x = np.asarray(numbers)
            if trees.is_categorical[node]:
                start, stop = trees.category_offsets[node : node + 2]
                goes_left = np.isin(x, trees.categories[start:stop]) != trees.categories_right[node]
            else:
                threshold = trees.threshold[node]
                if trees.float32:
                    x, threshold = x.astype(np.float32), np.float32(threshold)
                goes_left = COMPARE[trees.operator[node]](x, threshold)
            goes_left = np.where(np.isnan(x), trees.default_left[node], goes_left)
            key = feature, goes_left.tobytes()
            if isinstance(variables, int):
                found = Test((variables,), goes_left, key)
            else:
                shape = [count for _, count in variables]
                found = Test(tuple(place for place, _ in variables), goes_left.reshape(shape), key)
            self.tests[node] = found
        return found


def _halves(within: NDArray[np.bool_]) -> tuple[int, NDArray[np.bool_]]:
    """Choose the axis along which most differs, and half of its states, alike ones together."""
    best, axis, kinds = 0, 0, [b""]
    for one in range(within.ndim):
        slices = [part.tobytes() for part in np.moveaxis(within, one, 0)]
        if len(set(slices)) > best:
            best, axis, kinds = len(set(slices)), one, slices
    # in the order of how many go left, so that sums are split in the middle
    order = sorted(set(kinds), key=lambda kind: (kind.count(1), kind))
    return axis, np.array([order.index(kind) * 2 < best for kind in kinds])
