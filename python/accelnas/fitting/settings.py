"""Settings of a benchmark's models, read from TOML."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelnas.arguments import check_whole
from accelnas.errors import ModelError
from accelnas.files import parse_toml, read_text
from accelnas.fitting.families import FAMILIES, Recipe, Stage
from accelnas.fitting.fidelities import ladder
from accelnas.fitting.metric import DIRECTIONS, MetricSpec
from accelnas.fitting.tails import TAILS
from accelnas.metric import LINK_NAMES
from accelnas.networks.memory import FORMULAS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.abc import Traversable

__all__ = ["MetricSettings", "MetricSpec", "Settings", "known_metrics", "read_settings", "shipped_settings"]

LARGEST = 1_000_000  # number of a setting, and seed
_FOLDER = files("accelnas.fitting") / "settings"


@dataclass(frozen=True)
class MetricSettings(MetricSpec):
    """One metric of the benchmark, and how it is fitted."""

    recipe: Recipe | None = None  # None for a metric that is an exact sum over blocks, or has a formula
    drop_outliers: bool = False  # leave the outliers that the data set's report names out of fit and test figures
    formula: bool = False  # it follows from the architecture alone, see `accelnas.networks.memory.FORMULAS`
    members: int | None = None  # number of members, if not that of all metrics


@dataclass(frozen=True)
class Settings:
    """All that a fit depends on besides the data."""

    name: str  # for the record
    members: int  # models a metric
    # the training data is divided into so many folds; member i stops early on fold i mod folds and is trained on the
    # others
    folds: int
    seed: int  # member i has seed `seed` + i; the folds are drawn with `seed`
    standardise: bool  # fit on (link(y) − mean) / sd of the training rows; without it on link(y)
    metrics: Mapping[str, MetricSettings]  # by name, in the artifact's order
    sha256: str  # digest of the TOML text
    recipe: Recipe | None = None  # the first: that of metrics which the settings don't have, see `of`
    tails: str = "likelihood"  # of errors: one of `accelnas.fitting.tails.TAILS`

    def metric(self, name: str) -> MetricSettings:
        """Give the settings of a metric, or an error that names those there are."""
        if name not in self.metrics:
            known = ", ".join(self.metrics) or "none"
            raise ModelError(
                f"settings {self.name} have no metric {name!r}; they have {known}; give it a line there, or name "
                "it and its direction with --maximise or --minimise"
            )
        return self.metrics[name]

    def of(self, metrics: Sequence[MetricSpec]) -> Settings:
        """Give the settings of other metrics, each fitted by the first recipe.

        Raises
        ------
        ModelError
            If there is no recipe.

        Examples
        --------
        >>> own = read_settings("own").of([MetricSpec("top1", "%"), MetricSpec("latency", "ms", "minimise")])
        >>> [(metric.name, metric.direction, metric.recipe.name) for metric in own.metrics.values()]
        [('top1', 'maximise', 'triples'), ('latency', 'minimise', 'triples')]
        """
        if self.recipe is None:
            raise ModelError(f"settings {self.name} have no recipe, by which other metrics could be fitted; give one")
        stated = [asdict(metric) for metric in metrics]
        return replace(
            self,
            metrics={metric.name: MetricSettings(**asdict(metric), recipe=self.recipe) for metric in metrics},
            sha256=hashlib.sha256(json.dumps([self.sha256, stated]).encode()).hexdigest(),
        )


def shipped_settings() -> list[str]:
    """Names of the settings that come with the package.

    Examples
    --------
    >>> "bundled" in shipped_settings()
    True
    """
    return [name for name in shipped(_FOLDER) if f"{name}.toml" != _METRICS]


_METRICS = "metrics.toml"  # units and directions of the known metrics


def shipped(folder: Traversable) -> list[str]:
    """Names of the TOML files of a folder of the package, without their ending."""
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def shipped_or_own(source: str | Path, folder: Traversable, known: Sequence[str], what: str) -> str:
    """Read a TOML file of the package by its name, or another by its path."""
    if str(source) in known:
        return (folder / f"{source}.toml").read_text(encoding="utf-8")
    if Path(source).exists():
        return read_text(source, ModelError)
    raise ModelError(f"no {what} {str(source)!r}; use the path of a TOML file or {', '.join(known)}")


def read_settings(source: str | Path) -> Settings:
    """Read settings by the name of a shipped file or the path of another.

    Parameters
    ----------
    source
        ``"bundled"``, ``"published"``, … (see `shipped_settings`) or the path of a TOML file.

    Raises
    ------
    ModelError
        If there is no such file, or a field is missing, unknown or of the wrong type.

    Examples
    --------
    >>> settings = read_settings("bundled")
    >>> settings.members, settings.metrics["throughput_a100"].link
    (10, 'capped')
    """
    text = shipped_or_own(source, _FOLDER, shipped_settings(), "settings")
    content = parse_toml(text, f"settings {source}", ModelError)
    return _settings(_Table(content, f"settings {Path(source).stem}"), text, known_metrics())


def known_metrics() -> dict[str, dict[str, str]]:
    """Return unit, direction and description of the metrics of Accel-NASBench, by name.

    Examples
    --------
    >>> known_metrics()["accuracy"]["unit"]
    '%'
    """
    return parse_toml((_FOLDER / _METRICS).read_text(encoding="utf-8"), _METRICS)


def read_recipe(name: str, content: Mapping[str, Any]) -> Recipe:
    """Return the recipe that a settings file's table ``[recipes.NAME]`` states.

    Raises
    ------
    ModelError
        If a field is missing, unknown or of the wrong type.
    """
    return _recipe(name, _Table(content, f"recipe {name}"))


class _Table:
    """A TOML table that reports what is missing, of the wrong type or left over."""

    def __init__(self, content: Mapping[str, Any], name: str) -> None:
        self._content = dict(content)
        self.name = name

    def __contains__(self, key: str) -> bool:
        return key in self._content

    def take(self, key: str, kind: type | tuple[type, ...], default: Any = ...) -> Any:
        if key not in self._content:
            if default is ...:
                raise ModelError(f"{self.name}: {key} is missing")
            return default
        value = self._content.pop(key)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ModelError(f"{self.name}: {key} is {value!r}, of the wrong type")
        return value

    def one_of(self, key: str, allowed: tuple[str, ...], default: Any = ...) -> str:
        value: str = self.take(key, str, default)
        if value not in allowed:
            raise ModelError(f"{self.name}: {key} is {value!r}; choose one of {', '.join(allowed)}")
        return value

    def at_least(self, key: str, least: int, default: Any = ...) -> Any:
        value = self.take(key, int, default)
        return value if value is None else check_whole(f"{self.name}: {key}", value, least, LARGEST, ModelError)

    def tables(self, key: str) -> dict[str, _Table]:
        content = self.take(key, dict)
        return {name: _Table(table, f"{self.name}: {key}.{name}") for name, table in content.items()}

    def finish(self) -> None:
        if self._content:
            raise ModelError(f"{self.name}: unknown field {next(iter(self._content))}")


def _settings(table: _Table, text: str, known_metrics: Mapping[str, Any]) -> Settings:
    recipes = {name: _recipe(name, entry) for name, entry in table.tables("recipes").items()}
    settings = Settings(
        name=table.take("name", str),
        members=table.at_least("members", 1),
        folds=table.at_least("folds", 2),
        seed=table.at_least("seed", 0, 0),
        standardise=table.take("standardise", bool, True),
        metrics=_metrics(table, recipes, known_metrics),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        recipe=next(iter(recipes.values()), None),
        tails=table.one_of("tails", TAILS, "likelihood"),
    )
    table.finish()
    return settings


def _recipe(name: str, table: _Table) -> Recipe:
    family = table.one_of("family", tuple(FAMILIES))
    stages = []
    for number, content in enumerate(table.take("stages", list, []), start=1):
        stage = _Table(content, f"{table.name}, stage {number}")
        stages.append(
            Stage(
                parameters=stage.take("parameters", dict),
                rounds=stage.at_least("rounds", 1),
                stop=stage.at_least("stop", 1, None),
                max_blocks=stage.at_least("max_blocks", 1, None),
                max_variables=stage.at_least("max_variables", 1, None),
            )
        )
        stage.finish()
    base = None if "base" not in table else table.one_of("base", ("blocks",))
    one_hot = table.take("one_hot", bool, False)
    recipe = Recipe(name, family, tuple(stages), table.take("parameters", dict, {}), base, one_hot)
    table.finish()
    return recipe


def _metrics(
    table: _Table, recipes: Mapping[str, Recipe], known_metrics: Mapping[str, Any]
) -> dict[str, MetricSettings]:
    """Read all metrics; lower fidelities are fitted as their metric is, or as they say themselves."""
    entries = table.tables("metrics")
    fidelities = {name: entry.take("fidelities", list, None) for name, entry in entries.items()}
    stated = {name: _metric(name, entry, recipes, known_metrics.get(name, {})) for name, entry in entries.items()}
    metrics: dict[str, MetricSettings] = {}
    for name, metric in stated.items():
        epochs = fidelities[name]
        for each in [metric] if epochs is None else ladder(metric, epochs):
            if each.fidelity is not None or each.name not in metrics:
                metrics[each.name] = replace(stated.get(each.name, each), fidelity=each.fidelity)
    return metrics


def _metric(name: str, table: _Table, recipes: Mapping[str, Recipe], known: Mapping[str, str]) -> MetricSettings:
    recipe = table.one_of("recipe", ("exact", "formula", *recipes))
    settings = MetricSettings(
        name=name,
        unit=table.take("unit", str, known.get("unit", "")),
        direction=table.one_of("direction", DIRECTIONS, known.get("direction", ...)),
        description=table.take("description", str, known.get("description", "")),
        link=table.one_of("link", LINK_NAMES, "identity"),
        limit=table.take("limit", (float, int), None),
        recipe=recipes.get(recipe),
        drop_outliers=table.take("drop_outliers", bool, False),
        formula=recipe == "formula",
        members=table.at_least("members", 1, None),
        noise=table.take("noise", (float, int), None),
    )
    table.finish()
    if settings.recipe is None and settings.link != "identity":
        raise ModelError(f"{table.name}: an exact metric has link identity, not {settings.link}")
    if settings.formula and name not in FORMULAS:
        raise ModelError(f"{table.name}: no formula is known for it; those with one are {', '.join(FORMULAS)}")
    return settings
