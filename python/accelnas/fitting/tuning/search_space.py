"""Search spaces: which settings of a recipe are searched, where, and what stays fixed; read from TOML."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from accelnas.errors import ModelError
from accelnas.files import parse_toml
from accelnas.fitting.metric import PLAIN_LINKS
from accelnas.fitting.settings import read_recipe, shipped, shipped_or_own

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelnas.fitting.families import Recipe

__all__ = ["Candidate", "Parameter", "SearchSpace", "State", "Trial", "read_search_space", "shipped_search_spaces"]

State = Literal["complete", "pruned", "failed", "interrupted"]

_FOLDER = files("accelnas.fitting.tuning") / "spaces"
_OF_STAGE = ("rounds", "stop", "max_blocks", "max_variables")  # other places in a stage are the library's parameters
_DIGITS = 4  # of a suggested float: what was tried is what settings files show
_NONE = "none"  # TOML has no null


@dataclass(frozen=True)
class Parameter:
    """One searched setting."""

    place: str  # where it goes: stage1.NAME (stages count from 1), parameters.NAME, base or link
    kind: str  # "float", "int" or "categorical"
    # low, high, log: range of a number, both ends included, and whether its logarithm is searched
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    # of a category, by label. Labels are what engines see; a choice may be a list
    choices: Mapping[str, Any] | None = None

    def value(self, suggested: Any) -> Any:
        """Return the setting that an engine's suggestion stands for.

        Examples
        --------
        >>> Parameter("parameters.C", "float", 0.1, 10.0).value(0.123456)
        0.1235
        """
        if self.choices is not None:
            return self.choices[str(suggested)]
        return int(suggested) if self.kind == "int" else float(f"{float(suggested):.{_DIGITS}g}")


@dataclass(frozen=True)
class Candidate:
    """A recipe to try, and the link it models the metric on (None: the one of the settings)."""

    recipe: Recipe
    link: str | None


@dataclass(frozen=True)
class SearchSpace:
    """What is searched for one family."""

    name: str  # of the file
    parameters: tuple[Parameter, ...]  # the searched settings
    fixed: Mapping[str, Any]  # the recipe around them, as a settings file holds it
    trial_only: Mapping[str, Any]  # place to value: what makes trials cheaper, and is not in the recipe they end in
    sha256: str  # digest of the file's content, whatever its comments

    def without_links(self) -> SearchSpace:
        """Return the space with the identity as the only link, for metrics with values that are not above 0."""
        identity = {"identity": "identity"}
        return replace(
            self, parameters=tuple(replace(p, choices=identity) if p.place == "link" else p for p in self.parameters)
        )

    def content(self, suggested: Mapping[str, Any], *, trial: bool) -> dict[str, Any]:
        """Return a recipe's table as a settings file holds it, and ``link`` if that is searched."""
        content: dict[str, Any] = copy.deepcopy(dict(self.fixed))
        for parameter in self.parameters:
            _put(content, parameter.place, parameter.value(suggested[parameter.place]))
        for place, value in self.trial_only.items() if trial else ():
            _put(content, place, value)
        return content

    def candidate(self, suggested: Mapping[str, Any], *, trial: bool = True) -> Candidate:
        """Return the recipe of an engine's suggestion: place to number or label.

        Raises
        ------
        ModelError
            If the recipe would have a field of the wrong type.
        """
        content = self.content(suggested, trial=trial)
        link = content.pop("link", None)
        return Candidate(read_recipe(self.name, content), link)


@dataclass(frozen=True)
class Trial:
    """One tried candidate."""

    number: int  # from 0, in the order of asking
    # "complete"; "pruned" after some folds; "failed" where the family refused it or its process died; "interrupted"
    # if the search ended meanwhile, which counts for nothing
    state: State
    value: float | None  # root mean square error over the folds that were judged; None if none was
    suggested: Mapping[str, Any]  # place to number or label
    message: str = ""  # why it failed


def shipped_search_spaces() -> list[str]:
    """Names of the search spaces that come with the package.

    Examples
    --------
    >>> "xgboost" in shipped_search_spaces()
    True
    """
    return shipped(_FOLDER)


def read_search_space(source: str | Path) -> SearchSpace:
    """Read a search space by the name of a shipped file or the path of another.

    A file has three tables. ``[recipe]`` is a recipe as in settings files, with what stays fixed.
    ``[search]`` maps places (see `Parameter`) to ``{ kind = "float", low = 0.1, high = 10.0, log = true }``,
    the same with ``"int"``, or ``{ kind = "categorical", choices = [...] }``, where ``"none"`` leaves the
    setting out. ``[trials]``, which may be missing, maps places to values that only trials have.

    Parameters
    ----------
    source
        ``"xgboost"``, ``"anova_process"``, … (see `shipped_search_spaces`) or the path of a TOML file.

    Raises
    ------
    ModelError
        If there is no such file, or it doesn't have this form.

    Examples
    --------
    >>> space = read_search_space("epsilon_svr")
    >>> suggestion = {"parameters.C": 2, "parameters.epsilon": 0.01, "parameters.gamma": 0.02}
    >>> space.candidate(suggestion).recipe.parameters["C"]
    2.0
    """
    text = shipped_or_own(source, _FOLDER, shipped_search_spaces(), "search space")
    name = Path(source).stem
    content = parse_toml(text, f"search space {name}", ModelError)
    for key in content:
        if key not in ("recipe", "search", "trials"):
            raise ModelError(f"search space {name}: unknown field {key}; it has recipe, search and trials")
    fixed, search, trial_only = (content.get(key, {}) for key in ("recipe", "search", "trials"))
    if not search:
        raise ModelError(f"search space {name} searches nothing; give at least one place in [search]")
    parameters = tuple(_parameter(name, place, entry) for place, entry in search.items())
    space = SearchSpace(name, parameters, fixed, trial_only, hashlib.sha256(json.dumps(content).encode()).hexdigest())
    space.candidate({p.place: next(iter(p.choices)) if p.choices else p.low for p in parameters})  # complains early
    return space


def _parameter(space: str, place: str, entry: Any) -> Parameter:
    what = f"search space {space}: {place}"
    if not isinstance(entry, dict):
        raise ModelError(f"{what} is {entry!r}; give kind and low and high, or kind and choices")
    kind = entry.get("kind")
    if kind == "categorical":
        choices = entry.get("choices")
        if set(entry) != {"kind", "choices"} or not isinstance(choices, list) or len(choices) < 2:
            raise ModelError(f"{what} is {entry}; a categorical has choices, at least two of them, and nothing else")
        labels = [choice if isinstance(choice, str) else json.dumps(choice) for choice in choices]
        unknown = set(labels) - set(PLAIN_LINKS)
        if place == "link" and unknown:
            raise ModelError(f"{what} may be {unknown.pop()!r}; choose among {', '.join(PLAIN_LINKS)}")
        return Parameter(place, kind, choices=dict(zip(labels, choices, strict=True)))
    if kind not in ("float", "int"):
        raise ModelError(f"{what}: kind is {kind!r}; choose one of float, int, categorical")
    low, high, log = (entry.get(key, default) for key, default in (("low", None), ("high", None), ("log", False)))
    numbers = int if kind == "int" else (int, float)
    if set(entry) - {"kind", "low", "high", "log"} or not isinstance(low, numbers) or not isinstance(high, numbers):
        raise ModelError(f"{what} is {entry}; {kind} has low, high and perhaps log")
    if not low < high or (log and low <= 0):
        raise ModelError(f"{what} reaches from {low} to {high}; use low < high, and low > 0 for a logarithm")
    return Parameter(place, kind, low, high, bool(log))


def _put(content: dict[str, Any], place: str, value: Any) -> None:
    """Set a place of a recipe's table; ``"none"`` leaves it out."""
    table, _, name = place.rpartition(".")
    if table.startswith("stage"):
        number, stages = table.removeprefix("stage"), content.get("stages", [])
        if not number.isdigit() or not 1 <= int(number) <= len(stages):
            raise ModelError(f"place {place!r} is in no stage; the recipe has {len(stages)}")
        target = stages[int(number) - 1]
        if name not in _OF_STAGE:
            target = target.setdefault("parameters", {})
    elif table == "parameters":
        target = content.setdefault("parameters", {})
    elif place in ("base", "link"):
        target = content
    else:
        raise ModelError(f"no place {place!r} in a recipe; use stage1.NAME, parameters.NAME, base or link")
    if value == _NONE:
        target.pop(name, None)
    else:
        target[name] = value
