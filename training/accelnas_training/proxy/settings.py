"""What a search for a proxy is asked, read from TOML."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelnas_training.errors import ProxyError
from accelnas_training.ranks import LEAST_MODELS
from accelnas_training.schemes import SHIPPED, Scheme, load_scheme
from accelnas_training.toml_files import read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Enough", "ProxySettings", "load_settings"]


@dataclass(frozen=True)
class Enough:
    """When a search may end early.

    Attributes
    ----------
    tau, seconds
        Least tau, and longest mean training time of a scheme that has it.
    """

    tau: float
    seconds: float


@dataclass(frozen=True)
class ProxySettings:
    """A search for the scheme p that ranks models most like the reference r and is not too slow (the paper's Eq. 1).

    Attributes
    ----------
    reference, base
        The scheme r, and the one that the candidates are variants of.
    choices
        Values to try, by the scheme's keys: ``epochs``, ``batch_size``, ``resize.end``, …
    longest
        Longest mean time of a training in seconds, t_spec.
    images
        What is trained on, as `accelnas_training.images.open_images` takes it.
    family
        ``"mnasnet"`` or the TOML file of another `NetworkFamily`.
    models
        Number of architectures, on an even grid of MACs × parameters.
    reference_seeds, seeds
        Seeds with which each model is trained under r, and under each candidate.
    search
        ``"grid"``: all combinations, cheapest first; ``"tpe"``: Optuna's, learning from those before.
    trials
        Most candidates that are tried; all of the grid by default.
    together
        Candidates trained at the same time; more keep more workers busy, but learn less from each other.
    prune
        Whether a candidate is given up after part of the models, when it is too slow or its tau is likely behind.
    enough
        When the search may end early.
    seed
        Of the choice of models, of Optuna and of bootstraps.

    Raises
    ------
    ProxyError
        If a value is not what it should be.
    """

    reference: Scheme
    base: Scheme
    choices: Mapping[str, tuple[Any, ...]]
    longest: float
    images: str
    family: str = "mnasnet"
    models: int = 20
    reference_seeds: tuple[int, ...] = (0,)
    seeds: tuple[int, ...] = (0,)
    search: str = "grid"
    trials: int | None = None
    together: int = 1
    prune: bool = True
    enough: Enough | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("models", LEAST_MODELS), ("together", 1), ("seed", 0), ("trials", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ProxyError(f"{name} is {value}; use {least} or more")
        if not 0 < self.longest < math.inf:
            raise ProxyError(f"longest is {self.longest:g} s; use a number above 0")
        if self.search not in {"grid", "tpe"}:
            raise ProxyError(f"search is {self.search!r}; choose grid or tpe")
        if self.search == "tpe" and self.trials is None:
            raise ProxyError("search tpe has no trials; say how many candidates it may try, such as trials = 50")
        for name in ("reference_seeds", "seeds"):
            seeds = getattr(self, name)
            if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
                raise ProxyError(f"{name} are {list(seeds)}; give one or more distinct numbers from 0 on")
        for key, values in self.choices.items():
            if not values or len(set(values)) < len(values):
                raise ProxyError(f"choices of {key} are {list(values)}; give one or more distinct values")


def load_settings(path: str | Path) -> ProxySettings:
    """Read settings from a TOML file.

    Parameters
    ----------
    path
        Its keys are the attributes of `ProxySettings`; ``reference`` and ``base`` are names of shipped schemes or
        files, ``choices`` and ``enough`` are tables. Paths are relative to the file.

    Raises
    ------
    ProxyError
        If there is no such file, or a key is unknown, missing or of the wrong type.
    SchemeError
        If a scheme is not what it should be.
    """
    path = Path(path)
    content = read_toml(path, ProxyError, "name a TOML file of settings")
    values = {key: _read(path, key, value) for key, value in content.items()}
    for key in _REQUIRED:
        if key not in values:
            raise ProxyError(f"{path}: {key} is missing; every search for a proxy says it")
    return ProxySettings(**values)


_KINDS: Mapping[str, tuple[type, str]] = {
    "reference": (str, "the name or file of a scheme"),
    "base": (str, "the name or file of a scheme"),
    "choices": (dict, "a table of lists"),
    "longest": (float, "seconds"),
    "images": (str, "a set of images, such as 'folder:/data/imagenet'"),
    "family": (str, "'mnasnet' or a TOML file"),
    "models": (int, "a whole number"),
    "reference_seeds": (list, "a list of whole numbers"),
    "seeds": (list, "a list of whole numbers"),
    "search": (str, "grid or tpe"),
    "trials": (int, "a whole number"),
    "together": (int, "a whole number"),
    "prune": (bool, "true or false"),
    "enough": (dict, "a table with tau and seconds"),
    "seed": (int, "a whole number"),
}
_REQUIRED = ("reference", "base", "choices", "longest", "images")


def _read(path: Path, key: str, value: Any) -> Any:
    """Give a value of the file as `ProxySettings` holds it."""
    if key not in _KINDS:
        raise ProxyError(f"{path}: unknown key {key}; choose among {', '.join(_KINDS)}")
    kind, expected = _KINDS[key]
    problem = ProxyError(f"{path}: {key} is {value!r}; expected {expected}")
    if not _is(value, kind):
        raise problem
    if key in {"reference", "base"}:
        return load_scheme(value if value in SHIPPED else path.parent / value)
    if key == "family":
        return value if value == "mnasnet" else str(path.parent / value)
    if key in {"reference_seeds", "seeds"}:
        if not all(_is(seed, int) for seed in value):
            raise problem
        return tuple(value)
    if key == "choices":
        lists = _flat(value)
        if not lists or not all(_is(values, list) for values in lists.values()):
            raise problem
        return {dotted: tuple(values) for dotted, values in lists.items()}
    if key == "enough":
        if set(value) != {"tau", "seconds"} or not all(_is(limit, float) for limit in value.values()):
            raise problem
        return Enough(**value)
    return value


def _is(value: Any, kind: type) -> bool:
    """Whether a value is of a kind; whole numbers are floats too, truth values are no numbers."""
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, kind) and kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Give nested tables as one with dotted keys, as ``resize.end`` may be written in TOML with and without quotes."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
