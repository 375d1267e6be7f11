"""Write a tuned recipe as a settings file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from accelnas.fitting.metric import LIMITED_LINKS
from accelnas.fitting.settings import known_metrics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelnas.fitting.settings import MetricSettings, Settings

__all__ = ["settings_text"]

_BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


def settings_text(
    name: str,
    comments: Sequence[str],
    settings: Settings,
    metric: MetricSettings,
    recipe: Mapping[str, Any],
    link: str,
) -> str:
    """Return settings of one metric with one recipe; members, folds and seed are those of `settings`."""
    lines = [f"# {comment}" for comment in comments]
    lines.append(f"name = {_value(name)}")
    lines += [
        f"{key} = {_value(getattr(settings, key))}" for key in ("members", "folds", "seed", "standardise", "tails")
    ]
    lines += ["", "[recipes.tuned]"]
    lines += [f"{_key(key)} = {_value(value)}" for key, value in recipe.items() if key != "stages"]
    for stage in recipe.get("stages", ()):
        lines.append("[[recipes.tuned.stages]]")
        lines += [f"{_key(key)} = {_value(value)}" for key, value in stage.items() if key != "parameters"]
        lines.append("[recipes.tuned.stages.parameters]")
        lines += [f"{_key(key)} = {_value(value)}" for key, value in stage["parameters"].items()]
    entry: dict[str, Any] = {"recipe": "tuned"}
    if link != "identity":
        entry["link"] = link
    if link in LIMITED_LINKS and metric.limit is not None:
        entry["limit"] = metric.limit
    known = {"unit": "", "description": "", **known_metrics().get(metric.name, {})}
    for key in ("unit", "direction", "description"):
        if getattr(metric, key) != known.get(key):
            entry[key] = getattr(metric, key)
    for key, default in (("drop_outliers", False), ("members", None), ("noise", None)):
        if getattr(metric, key) != default:
            entry[key] = getattr(metric, key)
    return "\n".join([*lines, "", "[metrics]", f"{_key(metric.name)} = {_value(entry)}"]) + "\n"


def _key(name: str) -> str:
    return name if name and _BARE.issuperset(name) else _value(name)


def _value(value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)  # strings, integers and booleans are JSON's
