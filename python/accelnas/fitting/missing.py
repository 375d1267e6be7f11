"""Whether a model and an encoding mean the same by a missing value: what can't be known has to be said."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from accelnas.errors import ModelError
from accelnas.fitting.expansion import COMPARE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accelnas.fitting.encoding import Encoding
    from accelnas.fitting.sources import Source
    from accelnas.fitting.trees import Trees

__all__ = ["check_missing"]

# numbers that people write for a missing value, beyond all other numbers of a column
SENTINELS = {-1.0, *(sign * float("9" * digits) for sign in (-1, 1) for digits in range(2, 10)), -9.0}


def check_missing(source: Source, encoding: Encoding) -> None:
    """Refuse a model whose training may have had missing values where the encoding gives numbers, unless that is said.

    A model may state which features had missing values. Else two signs are looked for. A split that sends all numbers
    of a column one way and missing values the other was learned from missing values, as of sparse one-hot rows, or
    from other numbers. And a number such as -1 beside others of at least 0, which the model would send another way
    than a missing value, may have stood for one.

    Raises
    ------
    ModelError
        With the column, and how to say what is meant.
    """
    trees = source.trees
    numerical = (trees.left >= 0) & ~trees.is_categorical
    for column, name in enumerate(encoding.names[: source.width]):
        given = np.unique(np.array(encoding.columns[column][1]))
        one_hot = encoding.is_one_hot(column)
        said = encoding.absent if one_hot else encoding.missing
        if said is not None or np.isnan(given).any() or (source.missing is not None and not math.isnan(source.missing)):
            continue
        if source.had_missing is not None:
            if column in source.had_missing:
                raise ModelError(
                    f"{name} had missing values when the model was trained, which the encoding never gives; say which "
                    "number was missing, --missing NUMBER (missing = in the encoding file), or --missing nan if none "
                    "of these was"
                )
            continue
        nodes = np.flatnonzero(numerical & (trees.feature == column))
        left = _goes_left(trees, nodes, given)
        default = trees.default_left[nodes, None]
        blind = int((left != default).all(axis=1).sum())
        if blind and one_hot:
            raise ModelError(
                f"{blind:,} of {len(nodes):,} splits on {name} separate only missing values, which zeros and ones "
                "never are: the model was trained on sparse rows; say what stands for other choices, --absent missing "
                "or --absent zero (absent = in the encoding file)"
            )
        if blind:
            raise ModelError(
                f"{blind:,} of {len(nodes):,} splits on {name} send all of its numbers ({given[0]:g} to {given[-1]:g}) "
                "one way and missing values the other; check that the encoding gives what the model was trained on, or "
                "say which number was missing then, --missing NUMBER (missing = in the encoding file), or --missing nan"
            )
        doubtful = [number for number in given[[0, -1]] if number in SENTINELS and _beyond(number, given)]
        for number in doubtful if source.chooses_missing and source.missing is None else ():
            if (left[:, given == number] != default).any():
                raise ModelError(
                    f"{name} has {number:g}, which may stand for a missing value, and the model does not say so; say "
                    f"--missing {number:g}, or --missing nan if it is a number as any other (missing = in the encoding "
                    "file)"
                )


def _beyond(number: float, given: NDArray[np.float64]) -> bool:
    """Whether a number is alone below 0, or far above the others."""
    others = given[given != number]
    return len(others) > 0 and bool((others >= 0).all()) and (number < 0 or bool((others < number / 2).all()))


def _goes_left(trees: Trees, nodes: NDArray[np.intp], given: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether numbers go left, (nodes, numbers)."""
    left = np.zeros((len(nodes), len(given)), np.bool_)
    thresholds = trees.threshold[nodes, None]
    if trees.float32:
        given, thresholds = given.astype(np.float32), thresholds.astype(np.float32)
    for operator, compare in enumerate(COMPARE):
        own = trees.operator[nodes] == operator
        left[own] = compare(given, thresholds[own])
    return left
