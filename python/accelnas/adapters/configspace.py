"""Spaces and architectures as ConfigSpace has them (extra ``configspace``)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas._core import MAX_CHOICES
from accelnas.errors import SpaceError
from accelnas.space.definition import defined

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    import numpy.typing as npt
    from ConfigSpace import Configuration, ConfigurationSpace
    from ConfigSpace.hyperparameters import Hyperparameter

    from accelnas.space import Space

# what a readable string is split at
SEPARATORS = re.compile(r"[-_\s]")


def to_configspace(space: Space, seed: int | None = None) -> ConfigurationSpace:
    """Return a space as a ConfigSpace configuration space.

    Numbers become ordinal hyperparameters, everything else categorical ones. Block and symbol of
    each variable are kept in the hyperparameter's ``meta``, so that `from_configspace` gives an
    equal space back.

    Parameters
    ----------
    space
        The space.
    seed
        Seed of the configuration space's own sampling.

    Returns
    -------
    ConfigurationSpace
        One hyperparameter a variable. ConfigSpace sorts them by name.

    Examples
    --------
    >>> import accelnas
    >>> from accelnas.adapters.configspace import to_configspace
    >>> cs = to_configspace(accelnas.mnasnet_space(), seed=1)
    >>> len(cs), cs["block5_l"].sequence
    (28, (1, 2, 3, 4))
    """
    from ConfigSpace import (
        CategoricalHyperparameter,
        ConfigurationSpace,
        OrdinalHyperparameter,
    )

    result = ConfigurationSpace(name=space.name, seed=seed)
    for position, variable in enumerate(space.variables):
        meta: dict[Hashable, object] = {
            "block": variable.block,
            "symbol": variable.symbol,
            "position": position,
        }
        if (labels := _labels(space, position)) != [_default_label(c) for c in variable.choices]:
            meta["labels"] = labels
        numeric = all(type(choice) in (int, float) for choice in variable.choices)
        kind = OrdinalHyperparameter if numeric else CategoricalHyperparameter
        result.add(kind(variable.name, list(variable.choices), meta=meta))
    return result


def from_configspace(configspace: ConfigurationSpace, name: str | None = None) -> Space:
    """Return a finite configuration space as a space.

    Categorical, ordinal, integer (all values from lower to upper) and constant hyperparameters are
    understood. Variables keep the blocks noted by `to_configspace`; without such notes each one is
    a block of its own.

    Parameters
    ----------
    configspace
        The configuration space.
    name
        Name of the result; that of `configspace` by default.

    Raises
    ------
    SpaceError
        If the configuration space is not a plain finite product: it has a continuous
        hyperparameter, more than 256 choices, unequal weights, conditions or forbidden clauses.

    Examples
    --------
    >>> from ConfigSpace import ConfigurationSpace
    >>> from accelnas.adapters.configspace import from_configspace
    >>> space = from_configspace(ConfigurationSpace(name="toy", space={"op": ["conv", "pool"]}))
    >>> space.size, space.variables[0].choices
    (2, ('conv', 'pool'))
    """
    for obstacle, things in (
        ("conditions", configspace.conditions),
        ("forbidden clauses", configspace.forbidden_clauses),
    ):
        if things:
            raise SpaceError(
                f"the configuration space has {len(things)} {obstacle} ({things[0]}); "
                "only plain products can be converted, remove them"
            )
    hyperparameters = sorted(configspace.values(), key=_position)
    blocks: dict[str, list[dict[str, object]]] = {}
    for hyperparameter in hyperparameters:
        meta = hyperparameter.meta or {}
        blocks.setdefault(str(meta.get("block", hyperparameter.name)), []).append(_variable(hyperparameter))
    return defined(name or configspace.name or "configspace", blocks)


def encode_configurations(space: Space, configurations: Iterable[Configuration]) -> npt.NDArray[np.uint8]:
    """Return configurations as choice indices.

    Parameters
    ----------
    space
        A space with the same variables as the configurations' own.
    configurations
        The configurations, all of one configuration space.

    Returns
    -------
    numpy.ndarray
        uint8 (n, variables), in the order of ``space.variables``.

    Raises
    ------
    SpaceError
        If the variables or their choices differ.
    """
    listed = list(configurations)
    if not listed:
        return np.empty((0, len(space.variables)), np.uint8)
    configspace = listed[0].config_space
    _require_same(space, configspace)
    vectors = np.array([configuration.get_array() for configuration in listed])
    choices = np.empty((len(listed), len(space.variables)), np.uint8)
    for column, variable in enumerate(space.variables):
        hyperparameter = configspace[variable.name]
        table = _vector_values(hyperparameter, len(variable.choices))
        values = vectors[:, configspace.index_of[variable.name]]
        # every value is the vector form of some choice: take the nearest
        choices[:, column] = np.abs(values[:, None] - table).argmin(axis=1)
    return choices


def decode_configurations(space: Space, archs: Any, configspace: ConfigurationSpace) -> list[Configuration]:
    """Return architectures as configurations.

    Parameters
    ----------
    space
        The space of the architectures.
    archs
        Architectures in any form that `Space.encode` takes.
    configspace
        Configuration space with the same variables, e.g. from `to_configspace`.

    Raises
    ------
    SpaceError
        If the variables or their choices differ.

    Examples
    --------
    >>> import accelnas
    >>> from accelnas.adapters import configspace as adapter
    >>> space = accelnas.mnasnet_space()
    >>> cs = adapter.to_configspace(space)
    >>> archs = space.sample(3, seed=1)
    >>> configurations = adapter.decode_configurations(space, archs, cs)
    >>> bool((adapter.encode_configurations(space, configurations) == archs).all())
    True
    """
    from ConfigSpace import Configuration

    _require_same(space, configspace)
    choices = space.encode(archs)
    vectors = np.empty(choices.shape)
    for column, variable in enumerate(space.variables):
        table = _vector_values(configspace[variable.name], len(variable.choices))
        vectors[:, configspace.index_of[variable.name]] = table[choices[:, column]]
    return [Configuration(configspace, vector=vector) for vector in vectors]


def _position(hyperparameter: Hyperparameter[Any, Any]) -> int:
    """Return the place that `to_configspace` noted; without one, ConfigSpace's order stays."""
    return int((hyperparameter.meta or {}).get("position", 0))


def _choices(hyperparameter: Hyperparameter[Any, Any]) -> list[Any]:
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


def _vector_values(hyperparameter: Hyperparameter[Any, Any], count: int) -> npt.NDArray[np.float64]:
    """Return the number that stands for each choice in a configuration's array."""
    from ConfigSpace import CategoricalHyperparameter, OrdinalHyperparameter

    if isinstance(hyperparameter, (CategoricalHyperparameter, OrdinalHyperparameter)):
        return np.arange(count, dtype=np.float64)
    return np.array([hyperparameter.to_vector(value) for value in _choices(hyperparameter)])


def _require_same(space: Space, configspace: ConfigurationSpace) -> None:
    """Refuse a configuration space with other variables or choices."""
    names = {variable.name for variable in space.variables}
    if different := sorted(names.symmetric_difference(configspace)):
        raise SpaceError(
            f"the space {space.name} and the configuration space {configspace.name} do not both "
            f"have {different[0]}; use to_configspace or from_configspace"
        )
    for variable in space.variables:
        choices = tuple(_choices(configspace[variable.name]))
        if choices != tuple(variable.choices):
            raise SpaceError(
                f"{variable.name} has choices {choices} in the configuration space and "
                f"{tuple(variable.choices)} in the space {space.name}"
            )


def _variable(hyperparameter: Hyperparameter[Any, Any]) -> dict[str, object]:
    """Return a variable's definition, with labels where its choices do not fit into a string as they are."""
    meta = hyperparameter.meta or {}
    name, choices = hyperparameter.name, _choices(hyperparameter)
    variable: dict[str, object] = {"name": name, "choices": choices}
    symbol = str(meta.get("symbol", SEPARATORS.sub("", name) or "v"))
    if symbol != name:
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


def _labels(space: Space, position: int) -> list[str]:
    """Return what stands for each choice of a variable in a readable string."""
    variable = space.variables[position]
    rows = np.zeros((len(variable.choices), len(space.variables)), np.uint8)
    rows[:, position] = np.arange(len(variable.choices))
    tokens = [re.split("[-_]", text)[position] for text in space.format(rows)]
    return [token.removeprefix(variable.symbol) for token in tokens]
