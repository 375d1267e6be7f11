"""Spaces and architectures as ConfigSpace has them (extra ``configspace``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.adapters.configspace_json import read_configspace
from accelnas.adapters.configspace_parameters import choices_of, position_of, variable_of, vector_values
from accelnas.adapters.configspace_rules import KINDS, read_rules, same_blocks, write_rules
from accelnas.adapters.rules import stated_rules
from accelnas.errors import SpaceError
from accelnas.space.definition import defined, definition

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence
    from pathlib import Path

    import numpy.typing as npt
    from ConfigSpace import Configuration, ConfigurationSpace

    from accelnas.space import Space

__all__ = [
    "decode_configurations",
    "encode_configurations",
    "from_configspace",
    "from_configspace_json",
    "to_configspace",
]


def to_configspace(space: Space, seed: int | None = None) -> ConfigurationSpace:
    """Return a space as a ConfigSpace configuration space.

    Numbers become ordinal hyperparameters, everything else categorical ones. Rules become conditions
    and forbidden clauses; an equivalence forbids all forms but the canonical one. Block and symbol of
    each variable, and the rules as they are written, are kept in the hyperparameters' ``meta``, so that
    `from_configspace` gives an equal space back.

    Parameters
    ----------
    space
        The space.
    seed
        Seed of the configuration space's own sampling.

    Returns
    -------
    ConfigurationSpace
        One hyperparameter a variable. ConfigSpace sorts them by name. Its legal configurations are the
        canonical forms of the architectures.

    Raises
    ------
    SpaceError
        If there are classes, which ConfigSpace cannot state.

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

    table = definition(space)
    if "classes" in table:
        raise SpaceError(
            f"{space.name} has {len(table['classes'])} classes of the same architectures, which ConfigSpace cannot "
            "state; leave them out, or state them as equivalences"
        )
    choices = {variable.name: variable.choices for variable in space.variables}
    rules = stated_rules(table, choices)
    # ConfigSpace wants a default that is allowed
    first = space.decode(space.at([0]))[0] if space.has_rules else {}
    result = ConfigurationSpace(name=space.name, seed=seed)
    stated = (variable for block in table["blocks"] for variable in block["variables"])
    for position, (variable, own) in enumerate(zip(space.variables, stated, strict=True)):
        meta: dict[Hashable, object] = {"block": variable.block, "position": position}
        meta |= {key: own[key] for key in ("symbol", "labels") if key in own}
        if not position and space.has_rules:
            meta["rules"] = {key: table[key] for key in KINDS if key in table}
        numeric = all(type(choice) in (int, float) for choice in variable.choices)
        kind = OrdinalHyperparameter if numeric else CategoricalHyperparameter
        default = first.get(variable.name)
        own_default: dict[str, Any] = {} if default is None else {"default_value": default}
        result.add(kind(variable.name, list(variable.choices), meta=meta, **own_default))
    write_rules(result, rules, choices)
    return result


def from_configspace(
    configspace: ConfigurationSpace, name: str | None = None, *, leave_out: Sequence[str] = ()
) -> Space:
    """Return a finite configuration space as a space.

    Categorical, ordinal, integer (all values from lower to upper) and constant hyperparameters are
    understood, and so are conditions, conjunctions and forbidden clauses of every kind. Variables keep the
    blocks noted by `to_configspace`; without such notes, variables that conditions join are a block where
    that has at most 4096 joint choices, and all others are blocks of their own.

    Parameters
    ----------
    configspace
        The configuration space.
    name
        Name of the result; that of `configspace` by default.
    leave_out
        Hyperparameters that are no part of an architecture, such as a number of epochs.

    Raises
    ------
    SpaceError
        If a hyperparameter is continuous, or has more than 256 choices or unequal weights; if a rule names
        one that is left out.

    Examples
    --------
    >>> from ConfigSpace import ConfigurationSpace
    >>> from accelnas.adapters.configspace import from_configspace
    >>> space = from_configspace(ConfigurationSpace(name="toy", space={"op": ["conv", "pool"]}))
    >>> space.size, space.variables[0].choices
    (2, ('conv', 'pool'))
    """
    leave_out = [leave_out] if isinstance(leave_out, str) else leave_out
    if unknown := [name for name in leave_out if name not in configspace]:
        raise SpaceError(f"there is no {unknown[0]} to leave out; choose from {', '.join(configspace)}")
    kept = sorted((one for one in configspace.values() if one.name not in leave_out), key=position_of)
    metas = [one.meta or {} for one in kept]
    choices = {one.name: choices_of(one) for one in kept}
    vectors = {one.name: vector_values(one, len(choices[one.name])) for one in kept}
    noted = next((meta["rules"] for meta in metas if "rules" in meta), None)
    rules = read_rules(configspace, choices, vectors, noted)
    variables = {one.name: variable_of(one) for one in kept}
    if any("block" in meta for meta in metas):
        blocks: dict[str, list[dict[str, object]]] = {}
        for one, meta in zip(kept, metas, strict=True):
            blocks.setdefault(str(meta.get("block", one.name)), []).append(variables[one.name])
    else:
        blocks = same_blocks(variables, rules["conditions"])
    return defined(name or configspace.name or "configspace", blocks, **rules)


def from_configspace_json(path: str | Path, name: str | None = None, *, leave_out: Sequence[str] = ()) -> Space:
    """Return the configuration space of a JSON file as a space.

    Parameters
    ----------
    path
        A file that any version of ConfigSpace wrote.
    name, leave_out
        As for `from_configspace`.

    Raises
    ------
    MissingExtraError
        If ConfigSpace is not installed.
    SpaceError
        If the file holds no configuration space, or `from_configspace` can't convert it.
    """
    try:
        return from_configspace(read_configspace(path), name, leave_out=leave_out)
    except SpaceError as error:
        raise SpaceError(f"{path}: {error}") from None


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
        If the variables or their choices differ, or a configuration is no architecture.
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
        table = vector_values(hyperparameter, len(variable.choices))
        values = vectors[:, configspace.index_of[variable.name]]
        inactive = np.isnan(values)
        if inactive.any() and not variable.conditional:
            raise SpaceError(
                f"row {inactive.argmax()}: {variable.name} is inactive, which it never is in {space.name}; "
                "use to_configspace or from_configspace"
            )
        # every value is the vector form of some choice: take the nearest
        choices[:, column] = np.where(inactive, len(table), np.abs(values[:, None] - table).argmin(axis=1))
    return space.encode(choices)


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
        If the variables or their choices differ, or an architecture is not allowed there.

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
        table = np.append(vector_values(configspace[variable.name], len(variable.choices)), np.nan)
        vectors[:, configspace.index_of[variable.name]] = table[choices[:, column]]
    if space.has_rules or configspace.conditions or configspace.forbidden_clauses:
        for row, vector in enumerate(vectors):
            try:
                configspace.check_configuration_vector_representation(vector)
            except ValueError as error:
                reason = " ".join(str(error).split())
                raise SpaceError(
                    f"row {row} is not allowed in the configuration space {configspace.name} ({reason}); "
                    "use to_configspace or from_configspace"
                ) from None
    return [Configuration(configspace, vector=vector) for vector in vectors]


def _require_same(space: Space, configspace: ConfigurationSpace) -> None:
    """Refuse a configuration space with other variables or choices."""
    names = {variable.name for variable in space.variables}
    if different := sorted(names.symmetric_difference(configspace)):
        raise SpaceError(
            f"the space {space.name} and the configuration space {configspace.name} do not both "
            f"have {different[0]}; use to_configspace or from_configspace"
        )
    for variable in space.variables:
        choices = tuple(choices_of(configspace[variable.name]))
        if choices != tuple(variable.choices):
            raise SpaceError(
                f"{variable.name} has choices {choices} in the configuration space and "
                f"{tuple(variable.choices)} in the space {space.name}"
            )
