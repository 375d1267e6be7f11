"""Algorithms whose entries can be made again from their names and settings: native ones, and those of adapters."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from accelnas.adapters.neps import neps_algorithm
from accelnas.adapters.optuna import optuna_algorithm
from accelnas.adapters.pymoo import pymoo_nsga2
from accelnas.adapters.smac import smac_algorithm
from accelnas.adapters.syne_tune import syne_tune_algorithm
from accelnas.arguments import check_whole
from accelnas.errors import SearchError
from accelnas.search.algorithms import ALGORITHMS, native_algorithm, to_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelnas.search.protocol import UserAlgorithm

__all__ = ["ADAPTED", "Entrant", "entrant", "missing"]

_MOST = 10_000  # of a population


@dataclass(frozen=True)
class _Adapted:
    """An algorithm of another library: the library's distribution, the algorithm, and its settings."""

    library: str
    make: Callable[..., UserAlgorithm]
    settings: Mapping[str, int] = field(default_factory=dict)


def _optuna(sampler: str) -> Callable[[], UserAlgorithm]:
    def make_sampler(seed: int) -> Any:
        import optuna

        return getattr(optuna.samplers, sampler)(seed=seed)

    return lambda: optuna_algorithm(make_sampler)


ADAPTED: Mapping[str, _Adapted] = MappingProxyType(
    {
        "pymoo_nsga2": _Adapted("pymoo", pymoo_nsga2, {"population": 100}),
        "optuna_tpe": _Adapted("optuna", _optuna("TPESampler")),
        "optuna_nsga2": _Adapted("optuna", _optuna("NSGAIISampler")),
        "smac": _Adapted("smac", smac_algorithm),
        "syne_tune": _Adapted("syne-tune", syne_tune_algorithm),
        "neps": _Adapted("neural-pipeline-search", neps_algorithm),
    }
)


@dataclass(frozen=True)
class Entrant:
    """An algorithm as records name it.

    Attributes
    ----------
    name : str
        A native algorithm, one of an adapter, or, of a foreign one, what its author calls it.
    kind : {"native", "adapter", "foreign"}
        Where it is from.
    settings : mapping
        All settings, numbers and texts by name.
    libraries : mapping of str to str
        Versions of the distributions that its runs depend on.
    """

    name: str
    kind: str
    settings: Mapping[str, Any]
    libraries: Mapping[str, str]

    def __str__(self) -> str:
        if self.kind == "foreign":
            usual: Mapping[str, Any] = {}
        elif self.kind == "adapter":
            usual = ADAPTED[self.name].settings
        else:
            usual = asdict(ALGORITHMS[self.name]())
        own = ", ".join(f"{name} {value}" for name, value in self.settings.items() if value != usual.get(name))
        return f"{self.name} ({own})" if own else self.name

    @property
    def algorithm(self) -> Any:
        """What runs.

        Raises
        ------
        SearchError, ParameterError
            If it is foreign, or settings are not those of the algorithm.
        """
        if self.kind == "foreign":
            raise SearchError(f"{self.name} is foreign, nothing here can run it")
        known = asdict(ALGORITHMS[self.name]()) if self.kind == "native" else ADAPTED[self.name].settings
        if set(self.settings) != set(known):
            raise SearchError(
                f"{self.name} has the settings {', '.join(self.settings) or 'none'}, expected "
                f"{', '.join(known) or 'none'}; give all of them"
            )
        if self.kind == "native":
            made = ALGORITHMS[self.name](**self.settings)
            to_spec(made)  # refuses settings of another type
            return made
        for name, value in self.settings.items():
            check_whole(name, value, 1, _MOST)
        return ADAPTED[self.name].make(**self.settings)


def entrant(algorithm: Any, settings: Mapping[str, Any] | None = None) -> Entrant:
    """Describe a native algorithm, by its name or as itself, or one of an adapter by its name.

    Raises
    ------
    SearchError, ParameterError
        If there is none of this name, or a setting is not the algorithm's.
    MissingExtraError
        If its library is not installed.

    Examples
    --------
    >>> entrant("regularized_evolution", {"population": 50}).settings
    {'population': 50, 'sample': 10, 'removal': 'oldest'}
    """
    given = dict(settings or {})
    if isinstance(algorithm, str) and algorithm in ADAPTED:
        library = ADAPTED[algorithm].library
        made = Entrant(algorithm, "adapter", {**ADAPTED[algorithm].settings, **given}, {library: _version(library)})
    elif isinstance(algorithm, str) and algorithm not in ALGORITHMS:
        known = ", ".join((*ALGORITHMS, *ADAPTED))
        raise SearchError(f"unknown algorithm {algorithm!r}; choose one of {known}, or give your own")
    else:
        native = native_algorithm(algorithm)
        made = Entrant(native.kind, "native", {**asdict(native), **given}, {})
    _ = made.algorithm
    return made


def missing(who: Entrant) -> str | None:
    """Say why an entrant can't run here as it ran there; None where it can."""
    if who.kind == "foreign":
        return "a foreign algorithm, which can't be run here"
    for library, made_with in who.libraries.items():
        installed = _version(library)
        if installed != made_with:
            return f"made with {library} {made_with}, here is {installed}"
    return None


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "none"
