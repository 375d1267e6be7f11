"""XGBoost models, as their JSON or UBJSON."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import numpy as np

from accelnas.errors import ModelError
from accelnas.fitting.sources.base import Matrix, Source, fitted, treelite_errors
from accelnas.fitting.sources.ubjson import decode

__all__ = ["XGBoost", "from_memory"]


class XGBoost(Source):
    """An XGBoost model, as the bytes of its JSON or UBJSON file.

    Parameters
    ----------
    wrapped
        Whether the scikit-learn interface predicts, with the best iteration, or the plain one, with all;
        by default as the file says.
    missing
        What the interface takes as missing besides nan; by default as the file says, if it does.
    """

    kind = "xgboost"
    chooses_missing = True
    dtype = np.float32
    sum_dtype = np.float32

    def __init__(self, raw: bytes, wrapped: bool | None = None, missing: float | None = None) -> None:
        import xgboost

        self.sha256 = hashlib.sha256(raw).hexdigest()
        document = _document(raw)
        own = _wrapper(document)
        stated = (own or {}).get("missing")
        self.missing = _number(stated) if missing is None and stated is not None else missing
        self.own_categories = _drop_categories(document)
        if self.own_categories:  # the codes of an encoding need no names
            raw = json.dumps(document).encode()
        self.imported = self._import(raw, document)  # first: XGBoost crashes on some damaged models
        try:
            booster = xgboost.Booster(model_file=bytearray(raw))
            names = booster.feature_names
        except (xgboost.core.XGBoostError, UnicodeDecodeError) as error:
            reason = str(error).partition("\n")[0]
            raise ModelError(f"xgboost can't read the model: {reason}") from None
        self.names = tuple(names) if names else None
        self.booster = self._trimmed(booster, own is not None if wrapped is None else wrapped)

    def _import(self, raw: bytes, document: Any) -> Any:
        from treelite import frontend

        is_json = raw.lstrip()[1:].lstrip().startswith(b'"')
        read = frontend.from_xgboost_json if is_json else frontend.from_xgboost_ubjson
        objective, written = _at(document, "learner", "objective", "name"), _at(document, "version")
        by = ".".join(map(str, written)) if isinstance(written, list) else "unknown"
        with treelite_errors(f"this xgboost model of objective {objective}, written by version {by}", self.kind):
            return read(raw)

    def _trimmed(self, booster: Any, wrapped: bool) -> Any:
        """Keep the rounds that the library's own predict uses."""
        total = booster.num_boosted_rounds()
        best = booster.attr("best_iteration")
        used = min(int(best) + 1, total) if best is not None and best.isdecimal() else total
        self.rounds = (used if wrapped else total, total)
        if used == total:
            return booster
        if not wrapped:
            note = (
                f"the model stopped early with best iteration {used - 1} of {total} rounds, but Booster.predict uses "
                f"all {total}, and so does this metric; save booster[:{used}] to use the best alone"
            )
            self.notes = (note,)
            return booster
        booster = booster[:used]
        raw = bytes(booster.save_raw("ubj"))
        self.imported = self._import(raw, decode(raw))
        return booster

    def _predict(self, matrix: Matrix, threads: int, **what: bool) -> Any:
        import xgboost

        self.booster.set_param({"nthread": threads})
        rows = xgboost.DMatrix(
            matrix,
            feature_names=self.booster.feature_names,
            feature_types=self.booster.feature_types,
            enable_categorical=True,
            nthread=threads,
        )
        return self.booster.predict(rows, **what)

    def predict(self, matrix: Matrix, threads: int) -> Any:
        return self._predict(matrix, threads, output_margin=True)

    def leaves(self, matrix: Matrix, threads: int) -> Any:
        return self._predict(matrix, threads, pred_leaf=True)


def from_memory(model: Any) -> XGBoost:
    """Read a booster or a fitted model of the scikit-learn interface."""
    import xgboost

    if isinstance(model, xgboost.Booster):
        return XGBoost(bytes(model.save_raw("ubj")), wrapped=False)
    with fitted(model):
        booster = model.get_booster()
    return XGBoost(bytes(booster.save_raw("ubj")), wrapped=True, missing=_number(model.missing))


def _document(raw: bytes) -> Any:
    """Read what a file says, refused where it is cut short or has no trees."""
    try:
        is_json = raw.lstrip()[1:].lstrip().startswith(b'"')
        document = json.loads(raw) if is_json else decode(raw)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"the xgboost model is cut short or damaged: {error}") from None
    booster = _at(document, "learner", "gradient_booster")
    if _at(booster, "name") == "gblinear":
        raise ModelError("the xgboost model is linear and has no trees; fit with booster=gbtree")
    if _at(booster, "model") is None and _at(booster, "gbtree", "model") is None:
        raise ModelError("this holds settings of an xgboost model (save_config) but no trees; write it with save_model")
    return document


def _at(document: Any, *keys: str) -> Any:
    """Give what lies at a path, or None."""
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _wrapper(document: Any) -> dict[str, Any] | None:
    """Read what the scikit-learn interface wrote of itself; older versions their parameters too."""
    text = _at(document, "learner", "attributes", "scikit_learn")
    try:
        own = json.loads(text)
    except (TypeError, ValueError):
        own = None if text is None else {}
    return own if own is None or isinstance(own, dict) else {}


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) and not math.isinf(value) else math.nan


def _drop_categories(document: Any) -> bool:
    """Remove the categories that XGBoost took from a data frame, which Treelite does not read."""
    booster = _at(document, "learner", "gradient_booster")
    found = False
    for model in (_at(booster, "model"), _at(booster, "gbtree", "model")):
        # of all features none has any, where none is categorical
        if any(_at(one, "values") for one in _at(model, "cats", "enc") or []):
            del model["cats"]
            found = True
    return found
