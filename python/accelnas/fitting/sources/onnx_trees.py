"""The trees of ONNX's operators, as their attributes list them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from accelnas.errors import ModelError
from accelnas.fitting.sources.nodes import EQUAL, GREATER, GREATER_EQUAL, LESS, LESS_EQUAL

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from accelnas.fitting.sources.nodes import Nodes

__all__ = ["Trees1", "Trees5", "add_tree", "one_of"]

MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "BRANCH_MEMBER")
OPERATORS = (LESS_EQUAL, LESS, GREATER_EQUAL, GREATER, EQUAL)  # of the first modes


class Split(NamedTuple):
    """A split, with what its children are found by."""

    feature: int
    operator: int
    threshold: float
    default_left: bool
    left: Hashable
    right: Hashable


Read: TypeAlias = "Split | list[float]"  # or a leaf's number of each target


def one_of(value: Any, names: Sequence[str]) -> str:
    """Give the name of a setting, which operators of version 5 number."""
    return names[value] if isinstance(value, int) else value.decode() if isinstance(value, bytes) else str(value)


def add_tree(nodes: Nodes, root: Hashable, read: Callable[[Any], Read], factor: float) -> None:
    """Add a tree from its root on; it is left where a node would be met a second time."""
    places: dict[Hashable, int] = {}
    waiting, links = [root], []
    while waiting:
        at = waiting.pop()
        if at in places:
            raise ModelError("a tree of the ONNX model meets a node twice; the file is damaged")
        found = read(at)
        if isinstance(found, Split):
            places[at] = nodes.split(found.feature, found.operator, found.threshold, found.default_left)
            links.append((places[at], found.left, found.right))
            waiting += [found.right, found.left]
        else:
            places[at] = nodes.leaf([factor * number for number in found])
    for place, left, right in links:
        nodes.link(place, places[left], places[right])
    nodes.end_tree()


def _split(mode: str, feature: int, threshold: float, default: bool, true: Hashable, false: Hashable) -> Read:
    """Give a split; a number that is missing is not equal to any."""
    if mode not in MODES:
        raise ModelError(f"the ONNX model has nodes of mode {mode}, which accelnas can't")
    if mode == "BRANCH_NEQ":
        return Split(feature, EQUAL, threshold, False, false, true)
    return Split(feature, OPERATORS[MODES.index(mode)], threshold, default, true, false)


class Trees1:
    """Trees of TreeEnsembleRegressor, versions 1 and 3 of ai.onnx.ml: every node is listed, leaves among them."""

    def __init__(self, given: Mapping[str, Any], targets: int, _: Any) -> None:
        keys = list(zip(given["nodes_treeids"], given["nodes_nodeids"], strict=True))
        self.place = {key: i for i, key in enumerate(keys)}
        if len(self.place) != len(keys):
            raise ModelError("the ONNX model lists a node twice; the file is damaged")
        self.keys, self.given = keys, given
        self.modes = [one_of(mode, MODES) for mode in given["nodes_modes"]]
        self.defaults = given.get("nodes_missing_value_tracks_true") or [0] * len(keys)
        self.values = np.zeros((len(keys), targets))
        of_leaf = zip(given["target_treeids"], given["target_nodeids"], strict=True)
        for key, target, weight in zip(of_leaf, given["target_ids"], given["target_weights"], strict=True):
            self.values[self.place[key], range(targets)[target]] += weight
        children = {
            (tree, given[name][i])
            for i, (tree, _) in enumerate(keys)
            if self.modes[i] != "LEAF"
            for name in ("nodes_truenodeids", "nodes_falsenodeids")
        }
        self.roots = [key for key in keys if key not in children]
        if sorted(tree for tree, _ in self.roots) != sorted({tree for tree, _ in keys}):
            raise ModelError("a tree of the ONNX model has no root, or several; the file is damaged")

    def node(self, key: Any) -> Read:
        at = self.place[key]
        if self.modes[at] == "LEAF":
            return [float(value) for value in self.values[at]]
        true, false = ((key[0], self.given[name][at]) for name in ("nodes_truenodeids", "nodes_falsenodeids"))
        threshold, feature = float(self.given["nodes_values"][at]), int(self.given["nodes_featureids"][at])
        return _split(self.modes[at], feature, threshold, bool(self.defaults[at]), true, false)


class Trees5:
    """Trees of TreeEnsemble, version 5 of ai.onnx.ml: splits and leaves are listed apart."""

    def __init__(self, given: Mapping[str, Any], targets: int, member: Callable[..., int]) -> None:
        self.given, self.targets, self.member = given, targets, member
        self.roots = [("node", int(root)) for root in given["tree_roots"]]
        self.modes = [MODES[int(mode)] for mode in given["nodes_modes"]]
        self.defaults = given.get("nodes_missing_value_tracks_true") or [0] * len(self.modes)
        self.sets = iter(_sets(given.get("membership_values", ())))
        self.set_of = {at: next(self.sets) for at, mode in enumerate(self.modes) if mode == "BRANCH_MEMBER"}

    def node(self, key: Any) -> Read:
        kind, at = key[:2]
        given = self.given
        if kind == "leaf":
            values = [0.0] * self.targets
            values[range(self.targets)[given["leaf_targetids"][at]]] = float(given["leaf_weights"][at])
            return values
        true, false = (
            ("leaf", int(given[f"nodes_{side}nodeids"][at]), at, side)
            if given[f"nodes_{side}leafs"][at]
            else ("node", int(given[f"nodes_{side}nodeids"][at]))
            for side in ("true", "false")
        )
        feature, default = int(given["nodes_featureids"][at]), bool(self.defaults[at])
        if at in self.set_of:
            column = self.member(feature, self.set_of[at], default)
            return _split("BRANCH_GT", column, 0.5, False, true, false)
        return _split(self.modes[at], feature, float(given["nodes_splits"][at]), default, true, false)


def _sets(values: Any) -> list[frozenset[float]]:
    """Cut the listed members apart, after each of which sets comes a nan."""
    found: list[frozenset[float]] = []
    own: list[float] = []
    for value in map(float, values):
        if math.isnan(value):
            found.append(frozenset(own))
            own = []
        else:
            own.append(value)
    return found
