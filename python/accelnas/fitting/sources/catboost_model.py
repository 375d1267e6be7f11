"""CatBoost models, as their JSON export; a `.cbm` file is exported by the library first."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.errors import ModelError
from accelnas.fitting.sources.base import Matrix, fitted, imported, undamaged
from accelnas.fitting.sources.categories import spellings, texts_of, with_texts
from accelnas.fitting.sources.computed import Computed
from accelnas.fitting.sources.nodes import LESS_EQUAL, Nodes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelnas import Space
    from accelnas.fitting.encoding import Encoding, Variables

    Split = tuple[int, int]  # a tree and the place of one of its splits

__all__ = ["CatBoost", "from_memory"]

# what the library's own predict makes of the sum, by the objective; else the sum itself
APPLIED = {"Poisson": "exponential", "Tweedie": "exponential", "Logloss": "sigmoid", "CrossEntropy": "sigmoid"}
CLASSES = ("MultiClass", "MultiClassOneVsAll", "MultiLogloss", "MultiCrossEntropy")
MOST_STATES = 1 << 16  # joint ones of the categories that a split combines
DEEPEST = 16
PROBE = """
import sys, catboost
model = catboost.CatBoost().load_model(sys.argv[1], format=sys.argv[2])
model.save_model(sys.argv[3], format="json")
categories = set(model.get_cat_feature_indices())
rows = [[str(x) if i in categories else float(x) for i in range(len(model.feature_names_))] for x in range(-9, 10)]
model.predict(rows), model.calc_leaf_indexes(rows)
"""


class CatBoost(Computed):
    """A CatBoost model, as the bytes of its JSON export or of a ``.cbm`` file."""

    kind = "catboost"
    dtype = np.float32

    def __init__(self, raw: bytes, model: Any = None) -> None:
        catboost = imported("catboost", "a CatBoost model", "catboost")
        self.sha256 = hashlib.sha256(raw).hexdigest()
        try:
            with undamaged("the CatBoost model"), tempfile.TemporaryDirectory() as folder:
                if model is None:
                    kind, path = "cbm" if raw.startswith(b"CBM1") else "json", Path(folder) / "model"
                    path.write_bytes(raw)
                    raw = _probed(path, kind)
                    model = catboost.CatBoost().load_model(str(path), format=kind)
                self._read(json.loads(raw))
                self.model = model
        except catboost.CatBoostError as error:
            raise ModelError(f"catboost can't read the model: {str(error).splitlines()[0]}") from None

    def _read(self, document: Any) -> None:
        info = document["features_info"]
        if kind := next((kind for kind in ("text_features", "embedding_features") if info.get(kind)), None):
            raise ModelError(f"the CatBoost model has {kind.replace('_', ' ')}, which no choices are; fit without")
        floats, categorical = info.get("float_features", []), info.get("categorical_features", [])
        every = sorted([*floats, *categorical], key=lambda one: one["flat_feature_index"])
        if [one["flat_feature_index"] for one in every] != list(range(len(every))):
            raise ModelError("the CatBoost model lacks some of its features; save it again")
        self.width = len(every)
        ids = [str(one.get("feature_name") or one.get("feature_id") or "") for one in every]
        own = any(name not in ("", str(i)) for i, name in enumerate(ids))
        self.names = tuple(ids) if own else None
        self._float_at = [one["flat_feature_index"] for one in floats]
        self._category_at = [one["flat_feature_index"] for one in categorical]
        self.own_categories = False
        self._known = {str(one["value"]) for one in info.get("cat_features_hash", [])}
        self._right_if_missing = {
            one["flat_feature_index"]: one["nan_value_treatment"] == "AsTrue" for one in floats
        }  # others are below all borders
        self.had_missing = {one["flat_feature_index"] for one in floats if one.get("has_nans")}
        scale, base = document["scale_and_bias"]
        base = base if isinstance(base, list) else [base]
        objective = _objective(document)
        if objective in CLASSES:
            raise ModelError(f"the CatBoost model is a classifier of objective {objective}; fit a regression model")
        self._computed: dict[int, tuple[int, frozenset[int], Split]] = {}  # column, features and an instance, by index
        nodes = Nodes(len(base))
        trees = document.get("oblivious_trees")
        if trees is None:
            for tree in document["trees"]:
                self._add_tree(nodes, tree, scale)
                nodes.end_tree()
        else:
            combined = _combined(info)
            for number, tree in enumerate(trees):
                self._add_oblivious(nodes, tree, number, scale, combined)
                nodes.end_tree()
        applied = [APPLIED.get(objective, "identity")] * len(base)
        if objective == "RMSEWithUncertainty":
            applied = ["identity", "the variance's exponential"]
        self.outputs = nodes.trees(self.width + len(self._computed), base, applied, float32=True)

    def _float(self, split: Mapping[str, Any]) -> tuple[int, int, float, bool]:
        feature = self._float_at[split["float_feature_index"]]
        return feature, LESS_EQUAL, float(np.float32(split["border"])), not self._right_if_missing[feature]

    def _add_oblivious(
        self, nodes: Nodes, tree: Mapping[str, Any], number: int, scale: float, combined: Mapping[int, frozenset[int]]
    ) -> None:
        """Add a tree whose levels each test one split; bit i of a leaf's place is the answer of split i."""
        splits = tree["splits"] or []
        if len(splits) > DEEPEST:
            raise ModelError(f"a tree of the CatBoost model has {len(splits)} levels, at most {DEEPEST} are read")
        numbers = np.array(tree["leaf_values"], np.float64).reshape(1 << len(splits), nodes.targets) * scale
        tests = [self._test(split, (number, i), combined) for i, split in enumerate(splits)]

        def grow(level: int, place: int) -> int:
            if level < 0:
                return nodes.leaf(numbers[place].tolist())
            node = nodes.split(*tests[level])
            left = grow(level - 1, place)
            nodes.link(node, left, grow(level - 1, place | 1 << level))
            return node

        grow(len(splits) - 1, 0)

    def _test(
        self, split: Mapping[str, Any], at: Split, combined: Mapping[int, frozenset[int]]
    ) -> tuple[int, int, float, bool]:
        """Give a split as one of numbers: on categories, of a column that is computed to say whether it holds."""
        if split["split_type"] == "FloatFeature":
            return self._float(split)
        if split["split_type"] == "OneHotFeature":
            features = frozenset({self._category_at[split["cat_feature_index"]]})
        elif split["split_type"] == "OnlineCtr":
            features = combined[split["split_index"]]
        else:
            raise ModelError(f"the CatBoost model has splits of type {split['split_type']}, which no choices give")
        column, *_ = self._computed.setdefault(split["split_index"], (self.width + len(self._computed), features, at))
        return column, LESS_EQUAL, 0.5, True

    def _add_tree(self, nodes: Nodes, tree: Mapping[str, Any], scale: float) -> int:
        """Add a tree of any shape (grow_policy Depthwise, Lossguide)."""
        if "split" not in tree:
            values = tree["value"]
            return nodes.leaf([scale * value for value in (values if isinstance(values, list) else [values])])
        if tree["split"]["split_type"] != "FloatFeature":
            raise ModelError("the CatBoost model splits categories in trees that are not symmetric; fit with "
                             "grow_policy SymmetricTree, or encode the categories as numbers")  # fmt: skip
        node = nodes.split(*self._float(tree["split"]))
        left = self._add_tree(nodes, tree["left"], scale)
        nodes.link(node, left, self._add_tree(nodes, tree["right"], scale))
        return node

    def categories(self, encoding: Encoding, space: Space) -> dict[int, tuple[str, ...]]:
        return {column: self._spelled(encoding, column, space) for column in self._category_at}

    def _spelled(self, encoding: Encoding, column: int, space: Space) -> tuple[str, ...]:
        """Give the categories of a column: those that the model lists, or else those that its splits tell apart."""
        if self._known:
            return texts_of(encoding, column, space, self._known)
        tried = list(spellings(encoding, column, space))
        asked = [split for _, features, split in self._computed.values() if column in features]
        for texts in tried:
            rows = np.zeros((len(texts), self.width))
            rows[:, column] = np.arange(len(texts))
            others = {other: next(spellings(encoding, other, space)) for other in self._category_at}
            bits = self._bits(rows, others | {column: texts}, asked)
            if not asked or not (bits == bits[:1]).all():
                return texts
        raise ModelError(
            f"the model tells no categories of {encoding.names[column]} apart, spelled as {tried[0] if tried else ()}; "
            "give the whole numbers that it was trained on, or save it with its pool, which lists its categories"
        )

    def _bits(self, rows: Matrix, texts: Mapping[int, tuple[str, ...]], splits: Sequence[Split]) -> Any:
        """Ask the library whether splits hold, bool (n, splits)."""
        leaves = np.asarray(self.model.calc_leaf_indexes(with_texts(rows, texts)), np.int64).reshape(len(rows), -1)
        trees, places = (np.array([split[i] for split in splits], np.int64) for i in (0, 1))
        return (leaves[:, trees] >> places & 1).astype(bool)

    def computed(self, encoding: Encoding) -> list[tuple[str, Variables, tuple[float, ...]]]:
        """Say where splits on categories hold, at all joint states of their variables."""
        added: dict[int, tuple[Variables, tuple[float, ...]]] = {}
        for features in sorted({features for _, features, _ in self._computed.values()}, key=sorted):
            own = [(column, split) for column, of, split in self._computed.values() if of == features]
            variables: dict[int, int] = {}
            for feature in features:
                place, values = encoding.columns[feature]
                variables |= {place: len(values)} if isinstance(place, int) else dict(place)
            states = math.prod(variables.values())
            if states > MOST_STATES:
                raise ModelError(
                    f"the CatBoost model combines {len(features)} features with {states:,} joint states in one split, "
                    f"at most {MOST_STATES:,} compile; fit with max_ctr_complexity=1"
                )
            order = sorted(variables)
            choices = np.zeros((states, max(self._places(encoding)) + 1), np.uint8)
            choices[:, order] = np.indices([variables[place] for place in order]).reshape(len(order), -1).T
            bits = self._bits(encoding.transform(choices, np.float64), self.texts, [split for _, split in own])
            key: Variables = order[0] if len(order) == 1 else tuple((place, variables[place]) for place in order)
            added |= {c: (key, tuple(bit.astype(float).tolist())) for (c, _), bit in zip(own, bits.T, strict=True)}
        return [(f"split {index} of categories", *added[column]) for index, (column, *_) in self._computed.items()]

    @staticmethod
    def _places(encoding: Encoding) -> list[int]:
        return [p for v, _ in encoding.columns for p in ([v] if isinstance(v, int) else [place for place, _ in v])]

    def predict(self, matrix: Matrix, threads: int) -> Any:
        return self.model.predict(self.inputs(matrix), prediction_type="RawFormulaVal", thread_count=threads)

    def leaves(self, matrix: Matrix, threads: int) -> Any:
        found = np.asarray(self.model.calc_leaf_indexes(self.inputs(matrix), thread_count=threads))
        if not 0 <= found.min(initial=0) <= found.max(initial=0) < len(self.trees.left) + 1:
            raise ModelError("catboost finds leaves in the model that it does not have; the file is damaged")
        return found


def from_memory(model: Any) -> CatBoost:
    """Read a fitted CatBoost model."""
    with fitted(model):
        if not model.is_fitted():
            raise ModelError(f"{type(model).__name__} can't be compiled: it is not fitted")
    return CatBoost(_exported(model), model)


def _exported(model: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        return path.read_bytes()


def _probed(path: Path, kind: str) -> bytes:
    """Give the JSON of a file, read and asked in a process of its own: the library crashes on some damaged ones."""
    json_path = path.with_suffix(".json")
    command = [sys.executable, "-c", PROBE, str(path), kind, str(json_path)]
    found = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if found.returncode != 0:
        said = [line for line in found.stderr.splitlines() if "Error" in line]
        raise ModelError(
            f"catboost can't read the model, which is cut short or damaged: {(said or ['it crashed'])[-1]}"
        )
    return path.read_bytes() if kind == "json" else json_path.read_bytes()


def _objective(document: Mapping[str, Any]) -> str:
    """Name the objective, without its parameters; empty where the file does not say."""
    stated = document.get("model_info", {}).get("params", {})
    stated = json.loads(stated) if isinstance(stated, str) else stated
    return str(stated.get("loss_function", {}).get("type", ""))


def _combined(info: Mapping[str, Any]) -> dict[int, frozenset[int]]:
    """Give the features, in the order of columns, of each split on statistics of categories, by its index."""
    floats, categorical = info.get("float_features", []), info.get("categorical_features", [])
    at = sum(len(one["borders"] or []) for one in floats) + sum(len(one.get("values") or []) for one in categorical)
    found = {}
    for statistic in info.get("ctrs", []):
        features = frozenset(
            floats[element["float_feature_index"]]["flat_feature_index"]
            if "float_feature_index" in element
            else categorical[element["cat_feature_index"]]["flat_feature_index"]
            for element in statistic["elements"]
        )
        for _ in statistic["borders"]:
            found[at] = features
            at += 1
    return found
