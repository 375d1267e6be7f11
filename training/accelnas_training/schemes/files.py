"""Schemes as TOML files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from accelnas_training.errors import SchemeError
from accelnas_training.schemes.scheme import Scheme

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

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
    path = _FOLDER / f"{name_or_path}.toml" if str(name_or_path) in SHIPPED else Path(name_or_path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        shipped = ", ".join(SHIPPED)
        raise SchemeError(f"no scheme {name_or_path}; choose one of {shipped}, or name a TOML file") from None
    except OSError as error:
        raise SchemeError(f"{path}: {error.strerror}; name a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SchemeError(f"{path} is not TOML: {error}") from error
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
