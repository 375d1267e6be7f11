"""Categories that a model knows by their texts, for the choices of a space."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from numpy.typing import NDArray

    from accelnas import Space
    from accelnas.fitting.encoding import Encoding

__all__ = ["spellings", "texts_of", "with_texts"]


def spellings(encoding: Encoding, column: int, space: Space) -> Iterator[tuple[str, ...]]:
    """Give the ways in which the states of a column's variable may have been written as categories.

    Those are the choices' own texts where they are strings, and else the numbers that the encoding gives, as integers,
    booleans or fractions; an empty text is a missing value.
    """
    variable, numbers = encoding.columns[column]
    name = encoding.names[column]
    if not isinstance(variable, int):
        raise ModelError(f"column {name} is categorical in the model and a formula of several variables here; "
                         "name a variable")  # fmt: skip
    choices = space.variables[variable].states
    if all(isinstance(choice, str) or choice is None for choice in choices):
        yield tuple(str(choice or "") for choice in choices)
    for written in (lambda x: str(int(x)), lambda x: str(bool(x)), str):
        if all(math.isnan(x) or x == int(x) for x in numbers):
            yield tuple("" if math.isnan(x) else written(x) for x in numbers)


def texts_of(encoding: Encoding, column: int, space: Space, known: Collection[str]) -> tuple[str, ...]:
    """Choose the spelling all of whose categories a model knows.

    Raises
    ------
    ModelError
        If there is none.
    """
    tried = list(spellings(encoding, column, space))
    for texts in tried:
        if set(texts) - {""} <= set(known):
            return texts
    lacking = sorted(set(tried[0] if tried else ()) - set(known) - {""})
    name, shown = encoding.names[column], ", ".join(map(repr, sorted(known)[:9]))
    raise ModelError(
        f"category {(lacking or ['of no whole number'])[0]!r} of {name} was not in the model's training data, which "
        f"had {shown}; encode the choices as whole numbers that it had, or as nan where nothing is known"
    )


def with_texts(matrix: NDArray[Any], texts: Mapping[int, tuple[str, ...]]) -> NDArray[Any]:
    """Put texts in place of their numbers: a matrix of objects, if there are any."""
    if not texts:
        return matrix
    found = matrix.astype(object)
    for column, names in texts.items():
        found[:, column] = np.array([*names, ""], object)[np.nan_to_num(matrix[:, column], nan=len(names)).astype(int)]
    return found
