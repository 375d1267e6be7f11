"""Any model that Treelite reads, as a forest over a space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accelnas import _core
from accelnas.errors import ModelError

if TYPE_CHECKING:
    from accelnas import Space
    from accelnas.fitting.checkpoint import Trees
    from accelnas.fitting.encoding import Encoding

__all__ = ["check_columns", "import_forest"]

# what Treelite does to the sum of leaves, and the link that undoes the same
LINKS = {"identity": None, "exponential": "log"}
MAX_CATEGORY = 2**24  # whole numbers beyond have gaps in float32


def import_forest(
    trees: Trees,
    space: Space,
    encoding: Encoding,
    *,
    link: str = "identity",
    scale: float = 1.0,
    bias: float = 0.0,
) -> _core.Forest:
    """Forest over a space, whose prediction is ``bias + scale * model output``.

    Parameters
    ----------
    trees
        The model's trees.
    space
        Space of the architectures.
    encoding
        What the model sees for each choice, one column a feature of the model.
    link
        The metric's link; a model that exponentiates its sum needs ``"log"``.
    scale, bias
        From the model's output to the metric's link space.

    Raises
    ------
    ModelError
        When the model's features, categories or link don't fit.
    """
    if trees.postprocessor not in LINKS:
        raise ModelError(f"the model applies {trees.postprocessor} to the sum of its trees, which "
                         "accelnas can't; fit with a regression objective")  # fmt: skip
    needed = LINKS[trees.postprocessor] or link
    if link != needed:
        raise ModelError(f"the model applies {trees.postprocessor} to the sum of its trees; "
                         f"give the metric the link {needed!r}, not {link!r}")  # fmt: skip
    check_columns(trees, encoding)
    _check_categories(trees, encoding)
    return _core.Forest(
        space._core,
        columns=[(variable, list(numbers)) for variable, numbers in encoding.columns],
        tree_offsets=trees.tree_offsets,
        feature=trees.feature,
        operator=trees.operator,
        threshold=trees.threshold,
        float32=trees.float32,
        default_left=trees.default_left,
        left=trees.left,
        right=trees.right,
        value=trees.value,
        category_offsets=trees.category_offsets,
        categories=trees.categories,
        categories_right=trees.categories_right,
        is_categorical=trees.is_categorical,
        scale=scale / trees.divisor,
        bias=bias + scale * trees.base_score,
    )


def check_columns(trees: Trees, encoding: Encoding) -> None:
    """Refuse an encoding of another number of columns than the model has features."""
    if len(encoding.columns) != trees.feature_count:
        raise ModelError(
            f"the model has {trees.feature_count} features, the encoding {len(encoding.columns)} "
            "columns; name or count the columns as in training"
        )


def _check_categories(trees: Trees, encoding: Encoding) -> None:
    for feature in np.unique(trees.feature[trees.is_categorical]):
        numbers = np.asarray(encoding.columns[feature][1])
        numbers = numbers[~np.isnan(numbers)]
        wrong = numbers[(numbers < 0) | (numbers >= MAX_CATEGORY) | (numbers % 1 != 0)]
        if len(wrong):
            raise ModelError(
                f"feature {encoding.names[feature]} is categorical in the model; encode its "
                f"choices as whole numbers from 0, not {wrong[0]:g}"
            )
