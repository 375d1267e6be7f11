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

__all__ = ["load", "mnasnet_block", "names"]

_FOLDER = Path(__file__).parent / "data" / "spaces"
_STRIDES = (1, 2, 2, 2, 1, 2, 1)  # of MnasNet's blocks
_CHANNELS = (16, 24, 40, 80, 112, 192, 320)


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


def mnasnet_block(number: int, e: int, k: int, l: int, se: bool) -> str:  # noqa: E741 - the variable's symbol
    """Write a block of the MnasNet space in timm's notation.

    Parameters
    ----------
    number : int
        0 to 6.
    e, k, l : int
        Expansion, kernel size and number of layers; with an expansion of 1 these are a depthwise and a 1×1 convolution.
    se : bool
        Whether layers have squeeze-and-excite.

    Examples
    --------
    >>> mnasnet_block(1, 6, 3, 2, True)
    'ir_r2_k3_s2_e6_c24_se0.25'
    """
    kind = "ds" if e == 1 else "ir"
    return f"{kind}_r{l}_k{k}_s{_STRIDES[number]}_e{e}_c{_CHANNELS[number]}{'_se0.25' if se else ''}"
