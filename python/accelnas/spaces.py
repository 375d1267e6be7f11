"""Search spaces of the field by name, as data.

Examples
--------
>>> from accelnas import spaces
>>> spaces.load("darts").size
1076746950455072400
"""

from __future__ import annotations

from pathlib import Path

from accelnas.arguments import check_choice
from accelnas.space import Space, mnasnet_space

__all__ = ["load", "names"]

_FOLDER = Path(__file__).parent / "data" / "spaces"


def names() -> tuple[str, ...]:
    """Give the names of the spaces that `load` knows.

    Examples
    --------
    >>> len(names()), names()[:3]
    (13, ('autoformer-tiny', 'darts', 'fbnet'))
    """
    return tuple(sorted(["mnasnet", *(path.stem for path in _FOLDER.glob("*.toml"))]))


def load(name: str) -> Space:
    """Give a space of the field.

    Parameters
    ----------
    name : str
        One of `names`. Each has its paper in docs/spaces.md.

    Raises
    ------
    ParameterError
        If there is none of this name.
    """
    check_choice("name", name, names())
    return mnasnet_space() if name == "mnasnet" else Space.from_toml(_FOLDER / f"{name}.toml")
