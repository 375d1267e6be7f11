"""Trees of a model as flat arrays of nodes, and what they become over a space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from accelnas import _core
from accelnas.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelnas import Space
    from accelnas.fitting.encoding import Encoding

__all__ = ["Trees"]

# what `_core.Forest` takes as it is
FOREST = (
    "tree_offsets", "feature", "operator", "threshold", "float32", "default_left", "left", "right", "value",
    "category_offsets", "categories", "categories_right", "is_categorical",
)  # fmt: skip
# what a library does to the sum of leaves, and the link that undoes the same
LINKS = {"identity": None, "exponential": "log"}
# what no link undoes; `Trees.parameter` is the factor in front of the sum, or what it is divided by
APPLIED: dict[str, Callable[[Any, float], Any]] = {
    "sigmoid": lambda sums, factor: 1.0 / (1.0 + np.exp(-factor * sums)),
    "signed_square": lambda sums, _: np.copysign(np.square(sums), sums),
    "logarithm_one_plus_exp": lambda sums, _: np.logaddexp(0.0, sums),
    "hinge": lambda sums, _: (sums > 0).astype(np.float64),
    "exponential_standard_ratio": lambda sums, divisor: np.exp2(-sums / divisor),
}
MAX_CATEGORY = 2**24  # whole numbers beyond have gaps in float32


@dataclass(frozen=True)
class Trees:
    """Trees of one model; its output is ``base_score`` plus the sum (or mean) of one leaf a tree.

    Node arrays have one entry a node, all trees one after the other; children count from the first
    node of their tree, -1 marks a leaf. A row goes left where ``feature operator threshold`` holds,
    for categories where the feature is listed (or not listed, if ``categories_right``).
    """

    feature_count: int
    base_score: float
    average: bool
    postprocessor: str
    tree_offsets: npt.NDArray[np.int64]
    feature: npt.NDArray[np.int32]
    operator: npt.NDArray[np.uint8]  # 0 <, 1 <=, 2 >, 3 >=, 4 ==
    threshold: npt.NDArray[np.float64]
    float32: bool  # whether the model compares in single precision
    default_left: npt.NDArray[np.bool_]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    value: npt.NDArray[np.float64]
    category_offsets: npt.NDArray[np.int64]
    categories: npt.NDArray[np.uint32]
    categories_right: npt.NDArray[np.bool_]
    is_categorical: npt.NDArray[np.bool_]
    parameter: float = 1.0  # of the postprocessor
    numbers: npt.NDArray[np.int64] | None = None  # of these trees among the model's, where it has others besides

    @property
    def tree_count(self) -> int:
        """Number of trees."""
        return len(self.tree_offsets) - 1

    @property
    def divisor(self) -> int:
        """What the sum of leaves is divided by."""
        return self.tree_count if self.average and self.tree_count else 1

    @property
    def magnitude(self) -> float:
        """Bound on the sum of absolute leaf values, before any averaging."""
        if not self.tree_count:
            return 0.0
        leaves = np.where(self.left < 0, np.abs(self.value), 0.0)
        return float(np.maximum.reduceat(leaves, self.tree_offsets[:-1]).sum())

    def check_columns(self, encoding: Encoding) -> None:
        """Refuse an encoding of another number of columns than the model has features."""
        if len(encoding.columns) != self.feature_count:
            raise ModelError(
                f"the model has {self.feature_count} features, the encoding {len(encoding.columns)} "
                "columns; name or count the columns as in training"
            )

    def check_categories(self, encoding: Encoding) -> None:
        """Refuse an encoding that gives a categorical feature anything but whole numbers from 0."""
        for feature in np.unique(self.feature[self.is_categorical]):
            numbers = np.asarray(encoding.columns[feature][1])
            numbers = numbers[~np.isnan(numbers)]
            wrong = numbers[(numbers < 0) | (numbers >= MAX_CATEGORY) | (numbers % 1 != 0)]
            if len(wrong):
                raise ModelError(
                    f"feature {encoding.names[feature]} is categorical in the model; encode its "
                    f"choices as whole numbers from 0, not {wrong[0]:g}"
                )

    def check_link(self, link: str, raw: bool = False) -> None:
        """Refuse a metric's link that does not undo what the model applies to its sum, unless that is left out."""
        if raw:
            return
        if self.postprocessor not in LINKS:
            raise ModelError(f"the model applies {self.postprocessor} to the sum of its trees, which no link undoes; "
                             "compile the sum itself with --raw (raw=True), which ranks alike, or in a small space the "
                             "values with --enumerate")  # fmt: skip
        needed = LINKS[self.postprocessor] or link
        if link != needed:
            raise ModelError(f"the model applies {self.postprocessor} to the sum of its trees; "
                             f"give the metric the link {needed!r}, not {link!r}")  # fmt: skip

    def applied(self, sums: npt.NDArray[np.float64], link: str) -> npt.NDArray[np.float64]:
        """Give what is to be on the scale of a metric's link, of sums of trees: those, or what the model makes of them.

        Raises
        ------
        ModelError
            If the link does not suit what the model applies.
        """
        if self.postprocessor not in APPLIED or link != "identity":
            self.check_link(link)
            return sums
        with np.errstate(over="ignore"):
            return np.asarray(APPLIED[self.postprocessor](sums, self.parameter), np.float64)

    def forest(
        self,
        space: Space,
        encoding: Encoding,
        *,
        link: str = "identity",
        raw: bool = False,
        scale: float = 1.0,
        bias: float = 0.0,
    ) -> _core.Forest:
        """Forest over a space, whose prediction is ``bias + scale * model output``.

        Parameters
        ----------
        space
            Space of the architectures.
        encoding
            What the model sees for each choice, one column a feature of the model.
        link
            The metric's link; a model that exponentiates its sum needs ``"log"``.
        raw
            Leave out what the model applies to its sum.
        scale, bias
            From the model's output to the metric's link space.

        Raises
        ------
        ModelError
            When the model's features, categories or link don't fit.
        """
        self.check_link(link, raw)
        self.check_columns(encoding)
        self.check_categories(encoding)
        shared = {name: getattr(self, name) for name in FOREST}
        return _core.Forest(
            space._core,
            columns=[(v, list(numbers)) for v, numbers in encoding.columns if isinstance(v, int)],
            scale=scale / self.divisor,
            bias=bias + scale * self.base_score,
            **shared,
        )
