"""Hyperparameters of ConfigSpace as variables of a space."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas._core import MAX_CHOICES
from accelnas.errors import SpaceError

if TYPE_CHECKING:
    import numpy.typing as npt
    from ConfigSpace.hyperparameters import Hyperparameter

__all__ = ["choices_of", "position_of", "variable_of", "vector_values"]

# what a readable string is split at
SEPARATORS = re.compile(r"[-_\s]")


def position_of(hyperparameter: Hyperparameter[Any, Any]) -> int:
    """Return the place that `to_configspace` noted; without one, ConfigSpace's order stays."""
    return int((hyperparameter.meta or {}).get("position", 0))


def choices_of(hyperparameter: Hyperparameter[Any, Any]) -> list[Any]:
    """Return the choices of a finite hyperparameter, in the order of its own indices."""
    from ConfigSpace import (
        CategoricalHyperparameter,
        Constant,
        OrdinalHyperparameter,
        UniformIntegerHyperparameter,
    )

    name = hyperparameter.name
    if isinstance(hyperparameter, CategoricalHyperparameter):
        if not np.allclose(hyperparameter.probabilities, hyperparameter.probabilities[0]):
            raise SpaceError(
                f"{name} has weights {hyperparameter.probabilities.tolist()}; a space draws all "
                "choices equally often, remove the weights"
            )
        choices = list(hyperparameter.choices)
    elif isinstance(hyperparameter, OrdinalHyperparameter):
        choices = list(hyperparameter.sequence)
    elif isinstance(hyperparameter, Constant):
        choices = [hyperparameter.value]
    elif isinstance(hyperparameter, UniformIntegerHyperparameter) and not hyperparameter.log:
        size = hyperparameter.upper - hyperparameter.lower + 1
        if size > MAX_CHOICES:
            raise SpaceError(f"{name} has {size} values; a variable has at most {MAX_CHOICES}")
        choices = list(range(hyperparameter.lower, hyperparameter.upper + 1))
    else:
        raise SpaceError(
            f"{name} is a {type(hyperparameter).__name__}, which is not a finite set of equally "
            "likely values; list its values in a categorical or ordinal hyperparameter"
        )
    # NumPy scalars become Python's
    return [choice.item() if isinstance(choice, np.generic) else choice for choice in choices]


def vector_values(hyperparameter: Hyperparameter[Any, Any], count: int) -> npt.NDArray[np.float64]:
    """Return the number that stands for each choice in a configuration's array."""
    from ConfigSpace import CategoricalHyperparameter, OrdinalHyperparameter

    if isinstance(hyperparameter, (CategoricalHyperparameter, OrdinalHyperparameter)):
        return np.arange(count, dtype=np.float64)
    return np.array([hyperparameter.to_vector(value) for value in choices_of(hyperparameter)])


def variable_of(hyperparameter: Hyperparameter[Any, Any]) -> dict[str, object]:
    """Return a variable's definition, with labels where its choices do not fit into a string as they are."""
    meta = hyperparameter.meta or {}
    name, choices = hyperparameter.name, choices_of(hyperparameter)
    variable: dict[str, object] = {"name": name, "choices": choices}
    symbol = str(meta.get("symbol", name if "block" in meta else SEPARATORS.sub("", name) or "v"))
    if symbol != name or "symbol" in meta:
        variable["symbol"] = symbol
    labels = list(meta.get("labels", map(_default_label, choices)))
    if any(map(SEPARATORS.search, labels)):
        labels = [SEPARATORS.sub("m" if label.startswith("-") else "", label) for label in labels]
        unique = len(set(labels)) == len(labels)
        meta = {"labels": labels if unique else [str(i) for i in range(len(labels))]}
    if "labels" in meta:
        variable["labels"] = meta["labels"]
    return variable


def _default_label(choice: object) -> str:
    """Return what stands for a choice in a readable string unless a space says otherwise."""
    return str(int(choice)) if isinstance(choice, bool) else str(choice)
