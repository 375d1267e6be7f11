"""A space as Syne Tune's configuration space, and back; import both from `accelnas.adapters.syne_tune`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelnas.adapters.rules import allowed
from accelnas.adapters.shared import needs
from accelnas.space.forms import encode_plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from accelnas.space import Rows, Space

__all__ = ["encode_configurations", "to_syne_tune"]


def to_syne_tune(space: Space) -> dict[str, Any]:
    """Return a space as Syne Tune's configuration space.

    Parameters
    ----------
    space : Space
        The space.

    Returns
    -------
    dict of str to syne_tune.config_space.Domain
        Numbers are ordinal, in the order of the choices; all else is categorical. A variable of one choice is left
        out, as some searchers refuse it.

    Raises
    ------
    MissingExtraError
        If Syne Tune is not installed.
    """
    with needs("syne-tune"):
        from syne_tune.config_space import choice, ordinal
    result: dict[str, Any] = {}
    for variable in space.variables:
        numeric = all(type(value) in (int, float) for value in variable.choices)
        values = list(variable.choices)
        if len(values) > 1:
            result[variable.name] = ordinal(values, kind="equal") if numeric else choice(values)
    return result


def encode_configurations(space: Space, configurations: Iterable[Mapping[str, Any]]) -> Rows:
    """Return configurations of `to_syne_tune` as choice indices.

    Parameters
    ----------
    space : Space
        The space.
    configurations : iterable of mapping of str to choice
        The configurations. Choices of inactive variables are ignored, and an architecture near to a forbidden one,
        always the same, stands for it.

    Returns
    -------
    uint8 array (n, variables)
        Architectures of the space.

    Raises
    ------
    SpaceError
        If a variable has none of its choices.
    """
    constants = {variable.name: variable.choices[0] for variable in space.variables if len(variable.choices) == 1}
    plain = [
        {name: getattr(value, "item", lambda v=value: v)() for name, value in configuration.items()}
        for configuration in configurations
    ]
    return allowed(space, encode_plain(space, [{**constants, **one} for one in plain]))
