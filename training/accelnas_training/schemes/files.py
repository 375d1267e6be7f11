"""Schemes as TOML files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from accelnas_training.errors import SchemeError
from accelnas_training.schemes.scheme import Scheme
from accelnas_training.toml_files import read_shipped

__all__ = ["SHIPPED", "load_scheme", "to_toml"]

_FOLDER = Path(__file__).parent
SHIPPED = ("reference", "p_star")


def load_scheme(name_or_path: str | Path) -> Scheme:
    """Read a scheme: ``reference`` or ``p_star``, those of the Accel-NASBench paper, or a TOML file.

    Raises
    ------
    SchemeError
        If there is no such scheme or file, or it is not a scheme; the message names the key.

    Examples
    --------
    >>> from accelnas_training.schemes import load_scheme
    >>> load_scheme("reference").optimizer.name
    'rmsproptf'
    """
    path, content = read_shipped(name_or_path, SHIPPED, _FOLDER, SchemeError, "scheme")
    try:
        return Scheme.from_dict(content)
    except SchemeError as error:
        raise SchemeError(f"{path}: {error}") from error


def to_toml(scheme: Scheme) -> str:
    """Write a scheme out in full, as `load_scheme` reads it.

    Examples
    --------
    >>> from accelnas_training.schemes import load_scheme, to_toml
    >>> print(to_toml(load_scheme("p_star")))
    name = "p_star"
    epochs = 16
    ...
    """
    return "\n".join(_lines("", scheme.to_dict())) + "\n"


def _lines(name: str, table: dict[str, Any]) -> list[str]:
    inner = {key: value for key, value in table.items() if isinstance(value, dict)}
    # JSON's strings, numbers, booleans and arrays are TOML's
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items() if key not in inner]
    if name and lines:
        lines = ["", f"[{name}]", *lines]
    for key, value in inner.items():
        lines += _lines(f"{name}.{key}".lstrip("."), value)
    return lines
