"""Trees that grow node by node, as importers of other formats than Treelite's write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.errors import ModelError
from accelnas.fitting.trees import Trees

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LESS", "LESS_EQUAL", "Nodes"]

LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, EQUAL = range(5)  # `Trees.operator`


class Nodes:
    """Nodes of all trees, one tree after the other; children count from their tree's first node."""

    def __init__(self, targets: int = 1) -> None:
        self.targets = targets
        self.offsets = [0]
        self.splits: list[tuple[int, int, float, bool]] = []  # feature, operator, threshold, whether missing goes left
        self.children: list[list[int]] = []
        self.values: list[Sequence[float]] = []

    def leaf(self, values: Sequence[float]) -> int:
        """Add a leaf with a number for each target; give its place in the tree."""
        if len(values) != self.targets:
            raise ModelError(f"a leaf has {len(values)} numbers for {self.targets} targets; the model is damaged")
        return self._add((0, LESS, 0.0, False), values)

    def split(self, feature: int, operator: int, threshold: float, default_left: bool) -> int:
        """Add a split, whose children are told by `link`; give its place in the tree."""
        return self._add((feature, operator, threshold, default_left), (0.0,) * self.targets)

    def _add(self, split: tuple[int, int, float, bool], values: Sequence[float]) -> int:
        self.splits.append(split)
        self.children.append([-1, -1])
        self.values.append(values)
        return len(self.splits) - 1 - self.offsets[-1]

    def link(self, node: int, left: int, right: int) -> None:
        """Say which nodes of the tree are a split's children."""
        self.children[self.offsets[-1] + node] = [left, right]

    def end_tree(self) -> None:
        """Begin the next tree."""
        self.offsets.append(len(self.splits))

    def trees(
        self,
        feature_count: int,
        base_scores: Sequence[float],
        postprocessors: Sequence[str],
        *,
        float32: bool,
        average: bool = False,
        parameter: float = 1.0,
    ) -> tuple[Trees, ...]:
        """Give the trees of each target, of the targets' base scores and what is applied to their sums."""
        columns = list(zip(*self.splits, strict=True)) or [()] * 4
        children = np.array(self.children, np.int32).reshape(-1, 2)
        nodes = len(self.splits)
        values = np.array(self.values, np.float64).reshape(nodes, self.targets)
        if not np.isfinite(values).all() or not np.isfinite(base_scores).all():
            raise ModelError("a leaf of the model is not finite; fit it again")
        shared: dict[str, Any] = {
            "feature_count": feature_count,
            "average": average,
            "parameter": parameter,
            "tree_offsets": np.array(self.offsets, np.int64),
            "feature": np.array(columns[0], np.int32),
            "operator": np.array(columns[1], np.uint8),
            "threshold": np.array(columns[2], np.float64),
            "float32": float32,
            "default_left": np.array(columns[3], np.bool_),
            "left": children[:, 0].copy(),
            "right": children[:, 1].copy(),
            "category_offsets": np.zeros(nodes + 1, np.int64),
            "categories": np.zeros(0, np.uint32),
            "categories_right": np.zeros(nodes, np.bool_),
            "is_categorical": np.zeros(nodes, np.bool_),
        }
        return tuple(
            Trees(base_score=float(base), postprocessor=post, value=np.ascontiguousarray(values[:, i]), **shared)
            for i, (base, post) in enumerate(zip(base_scores, postprocessors, strict=True))
        )
