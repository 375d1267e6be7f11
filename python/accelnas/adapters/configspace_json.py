"""JSON files of ConfigSpace, whichever version wrote them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from accelnas.adapters.shared import needs
from accelnas.errors import SpaceError
from accelnas.files import read_text

if TYPE_CHECKING:
    from pathlib import Path

    from ConfigSpace import ConfigurationSpace

__all__ = ["read_configspace"]

# what ConfigSpace and the steps here raise where something is amiss
WRONG = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
MOST = 1 << 16  # values of a quantised range


def read_configspace(path: str | Path) -> ConfigurationSpace:
    """Read a configuration space.

    Raises
    ------
    MissingExtraError
        If ConfigSpace is not installed.
    SpaceError
        If the text is none.
    """
    with needs("configspace"):
        from ConfigSpace import ConfigurationSpace
    text = read_text(path, SpaceError)
    try:
        stored = json.loads(text)
        if "hyperparameters" not in stored:
            raise KeyError("hyperparameters")
        return ConfigurationSpace.from_serialized_dict(
            {**stored, "hyperparameters": [_renewed(item) for item in stored["hyperparameters"]]}
        )
    # what ConfigSpace and the steps here raise where something is amiss
    except (
        ArithmeticError,
        AssertionError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise SpaceError(
            f"no configuration space ({reason[:200]}); write it by ConfigSpace's ConfigurationSpace.to_json"
        ) from None


def _renewed(item: dict[str, Any]) -> dict[str, Any]:
    """Give a hyperparameter as today's version writes it; what is quantised becomes ordinal."""
    new = dict(item)
    for old, now in (("default", "default_value"), ("probabilities", "weights")):
        if (value := new.pop(old, None)) is not None:
            new.setdefault(now, value)
    step = new.pop("q", None)
    if step and new["type"] in ("uniform_int", "uniform_float") and not new.get("log"):
        count = round((new["upper"] - new["lower"]) / step) + 1
        if count > MOST:
            raise ValueError(f"{new['name']} has {count} values")
        # 0.1 + 2 * 0.1 is meant to be 0.3
        values = [type(step)(f"{new['lower'] + i * step:.15g}") for i in range(count)]
        sequence = [value for value in values if value <= new["upper"]]
        default = {key: new[key] for key in ("default_value",) if new.get(key) in sequence}
        return {"type": "ordinal", "name": new["name"], "sequence": sequence, "meta": new.get("meta"), **default}
    return new
