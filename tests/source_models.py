"""Random small source models, and what their own library's dump says they predict.

The oracles here walk the trees as XGBoost, LightGBM and scikit-learn write them, each with its own
float width and comparison; they share no code with Treelite or with accelnas.
"""

import json
from dataclasses import dataclass
from functools import cache

import lightgbm
import numpy as np
import xgboost
from hypothesis import strategies as st
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from threadpoolctl import threadpool_limits

import accelnas
from accelnas.fitting.encoding import Encoding

LIBRARIES = ("xgboost", "lightgbm", "random forest", "extra trees", "boosting", "histogram")
# numbers that float32 rounds, or rounds together, and missing ones
ODD_NUMBERS = (0.1, 0.1 + 1e-9, 1 / 3, -2.5, 1e-30, 16777217.0, 0.0, 7.0, np.nan)


@cache
def make_space(blocks):
    """Space with the given numbers of choices, a tuple a block."""
    lines = ['[space]\nname = "toy"']
    for b, counts in enumerate(blocks):
        lines.append(f'[[space.blocks]]\nname = "block{b}"\nvariables = [')
        for v, count in enumerate(counts):
            choices = [3 * i + 1 for i in range(count)]
            lines.append(f'{{name = "b{b}_v{v}", symbol = "v{v}", choices = {choices}}},')
        lines.append("]")
    return accelnas.Space("\n".join(lines))


@dataclass(frozen=True)
class Sample:
    """A space, what models see of it, and training data."""

    space: accelnas.Space
    encoding: Encoding
    categorical: tuple[int, ...]
    rows: np.ndarray
    target: np.ndarray

    def __repr__(self):  # short, for Hypothesis
        return f"Sample({self.space}, {self.encoding.columns}, categorical={self.categorical})"

    def matrix(self, rows, dtype=np.float64):
        return self.encoding.transform(rows, dtype)

    @property
    def has_missing(self):
        return any(np.isnan(numbers).any() for _, numbers in self.encoding.columns)

    @property
    def everything(self):
        return self.space.range(0, self.space.size)


@st.composite
def samples(draw):
    blocks = draw(st.lists(st.lists(st.integers(2, 4), min_size=1, max_size=2).map(tuple),
                           min_size=1, max_size=5).map(tuple))  # fmt: skip
    while np.prod([c for block in blocks for c in block]) > 3000:
        blocks = blocks[:-1]
    space = make_space(blocks)
    counts = [len(v.choices) for v in space.variables]
    names = [v.name for v in space.variables]
    kind = draw(st.sampled_from(("ordinal", "values", "odd", "one-hot")))
    values = {}
    if kind == "odd":
        odd = st.sampled_from(ODD_NUMBERS)
        values = {n: [0.5, *draw(st.lists(odd, min_size=c - 1, max_size=c - 1))]
                  for n, c in zip(names, counts, strict=True)}  # fmt: skip
    columns = draw(st.permutations(names))
    if kind == "one-hot":
        columns = columns + [f"{v.name}={v.choices[0]}" for v in space.variables]
    encoding = Encoding.from_names(columns, space, kind="values" if kind == "values" else "ordinal", values=values)
    whole = kind in ("ordinal", "values")
    categorical = draw(st.sets(st.integers(0, len(names) - 1))) if whole else set()
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = np.stack([rng.integers(0, c, 120) for c in counts], 1)
    seen = np.arange(max(counts))[:, None] % np.array(counts)  # every choice at least once
    rows = np.concatenate([rows, seen]).astype(np.uint8)
    weights = rng.normal(size=(len(counts), len(counts)))
    target = np.einsum("ni,ij,nj->n", rows / 2.0, weights, rows / 2.0) + rng.normal(size=len(rows))
    offset, scale = draw(st.sampled_from(((0.0, 1.0), (65.0, 2.0), (8e3, 1e3), (-1e-3, 1e-4))))
    return Sample(space, encoding, tuple(sorted(categorical)), rows, offset + scale * target)


@st.composite
def fitted(draw, sample, libraries=LIBRARIES):
    """Fit a random model of a random library."""
    if sample.has_missing:  # the only one that refuses them
        libraries = [library for library in libraries if library != "boosting"]
    library = draw(st.sampled_from(libraries))
    depth, trees = draw(st.integers(1, 6)), draw(st.integers(1, 8))
    seed = draw(st.integers(0, 1000))
    if library == "xgboost":
        return fit_xgboost(sample, trees, {
            "max_depth": depth,
            "eta": draw(st.sampled_from((0.1, 0.5, 1.0))),
            "booster": draw(st.sampled_from(("gbtree", "gbtree", "dart"))),
            "rate_drop": 0.5,
            "grow_policy": draw(st.sampled_from(("depthwise", "lossguide"))),
            "max_cat_to_onehot": draw(st.sampled_from((1, 10))),
            "subsample": draw(st.sampled_from((0.6, 1.0))),
            "min_child_weight": 0,
            "lambda": 0,
            "seed": seed,
        })  # fmt: skip
    if library == "lightgbm":
        return fit_lightgbm(sample, trees, {
            "num_leaves": draw(st.sampled_from((2, 7, 31))),
            "boosting": draw(st.sampled_from(("gbdt", "dart", "rf"))),
            "bagging_freq": 1,
            "bagging_fraction": 0.7,
            "use_missing": draw(st.booleans()),
            "max_cat_to_onehot": draw(st.sampled_from((1, 10))),
            "seed": seed,
        })  # fmt: skip
    if library == "histogram":
        model = HistGradientBoostingRegressor(
            max_iter=trees, max_depth=depth, min_samples_leaf=2, random_state=seed,
            early_stopping=False,
            categorical_features=list(sample.categorical) or None,
        )  # fmt: skip
        with threadpool_limits(1):  # many threads on few rows take seconds
            return model.fit(sample.matrix(sample.rows), sample.target)
    forests = {"random forest": RandomForestRegressor, "extra trees": ExtraTreesRegressor,
               "boosting": GradientBoostingRegressor}  # fmt: skip
    model = forests[library](n_estimators=trees, max_depth=depth, random_state=seed)
    return model.fit(sample.matrix(sample.rows, np.float32), sample.target)


def fit_xgboost(sample, trees, params):
    types = ["c" if i in sample.categorical else "float" for i in range(len(sample.encoding.names))]
    data = xgboost.DMatrix(sample.matrix(sample.rows, np.float32), sample.target,
                           feature_types=types, enable_categorical=True)  # fmt: skip
    defaults = {"tree_method": "hist", "nthread": 1, "verbosity": 0}
    return xgboost.train({**defaults, **params}, data, trees)


def fit_lightgbm(sample, trees, params):
    defaults = {"objective": "regression", "verbosity": -1, "min_data_in_leaf": 1, "num_threads": 1,
                "min_data_in_bin": 1, "min_data_per_group": 1, "min_sum_hessian_in_leaf": 0}  # fmt: skip
    params = {**defaults, **params}
    data = lightgbm.Dataset(sample.matrix(sample.rows), sample.target, params=params,
                            categorical_feature=list(sample.categorical))  # fmt: skip
    return lightgbm.train(params, data, trees)


def oracle(model, matrix):
    """Sum the leaves in float64 that the library's own dump leads each row of the matrix to."""
    if isinstance(model, xgboost.Booster):
        return _xgboost(json.loads(model.save_raw("json")), matrix.astype(np.float32))
    if isinstance(model, lightgbm.Booster):
        dump = model.dump_model()
        trees = [_lightgbm(tree["tree_structure"], matrix) for tree in dump["tree_info"]]
        return np.sum(trees, axis=0) / (len(trees) if dump["average_output"] else 1)
    if isinstance(model, HistGradientBoostingRegressor):
        sums = np.full(len(matrix), model._baseline_prediction.item())
        return sums + sum(_histogram(model, tree[0], matrix) for tree in model._predictors)
    if isinstance(model, GradientBoostingRegressor):
        leaves = [_sklearn(tree[0].tree_, matrix) for tree in model.estimators_]
        return model.init_.constant_.item() + model.learning_rate * np.sum(leaves, axis=0)
    return np.mean([_sklearn(tree.tree_, matrix) for tree in model.estimators_], axis=0)


def _walk(matrix, split, is_leaf, value, root=0):
    """Send all rows down a tree; `split(node, rows)` gives (goes left, left, right)."""
    result = np.empty(len(matrix))
    stack = [(root, np.arange(len(matrix)))]
    while stack:
        node, rows = stack.pop()
        if is_leaf(node):
            result[rows] = value(node)
            continue
        goes_left, left, right = split(node, rows)
        stack += [(left, rows[goes_left]), (right, rows[~goes_left])]
    return result


def _xgboost(document, matrix):
    booster = document["learner"]["gradient_booster"]
    weights = booster.get("weight_drop")
    booster = booster.get("gbtree", booster)
    base = np.float32(document["learner"]["learner_model_param"]["base_score"].strip("[]"))
    total = np.full(len(matrix), np.float64(base))
    for number, tree in enumerate(booster["model"]["trees"]):
        conditions = np.array(tree["split_conditions"], np.float32)
        lists = {
            node: tree["categories"][start : start + size]
            for node, start, size in zip(tree["categories_nodes"], tree["categories_segments"],
                                         tree["categories_sizes"], strict=True)
        }  # fmt: skip

        def split(node, rows, tree=tree, conditions=conditions, lists=lists):
            x = matrix[rows, tree["split_indices"][node]]
            goes_left = ~np.isin(x, lists[node]) if node in lists else x < conditions[node]
            goes_left = np.where(np.isnan(x), bool(tree["default_left"][node]), goes_left)
            return goes_left, tree["left_children"][node], tree["right_children"][node]

        leaf = _walk(matrix, split, lambda n, t=tree: t["left_children"][n] == -1,
                     lambda n, c=conditions: np.float64(c[n]))  # fmt: skip
        # dart multiplies in single precision
        weighted = leaf if weights is None else np.float32(leaf) * np.float32(weights[number])
        total += weighted
    return total


def _lightgbm(root, matrix):
    def split(node, rows):
        x = matrix[rows, node["split_feature"]]
        if node["decision_type"] == "==":
            goes_left = np.isin(x, [int(c) for c in str(node["threshold"]).split("||")])
        else:
            if node["missing_type"] == "None":
                x = np.nan_to_num(x, nan=0.0)
            goes_left = np.where(np.isnan(x), node["default_left"], x <= float(node["threshold"]))
        return goes_left.astype(bool), node["left_child"], node["right_child"]

    return _walk(matrix, split, lambda n: "leaf_value" in n, lambda n: n["leaf_value"], root)


def _sklearn(tree, matrix):
    def split(node, rows):
        x = matrix[rows, tree.feature[node]].astype(np.float32).astype(np.float64)
        goes_left = np.where(np.isnan(x), tree.missing_go_to_left[node], x <= tree.threshold[node])
        return goes_left.astype(bool), tree.children_left[node], tree.children_right[node]

    return _walk(matrix, split, lambda n: tree.children_left[n] < 0, lambda n: tree.value[n].item())


def _histogram(model, tree, matrix):
    # categories reach the trees re-coded, their columns first
    if model.is_categorical_ is not None:
        matrix = model._preprocessor.transform(matrix)
    nodes = tree.nodes

    def split(node, rows):
        found = nodes[node]
        x = matrix[rows, found["feature_idx"]]
        if found["is_categorical"]:
            bits = tree.raw_left_cat_bitsets[found["bitset_idx"]]
            codes = np.nan_to_num(x).astype(int)
            goes_left = (bits[codes // 32] >> (codes % 32).astype(np.uint32)) & 1
        else:
            goes_left = x <= found["num_threshold"]
        goes_left = np.where(np.isnan(x), found["missing_go_to_left"], goes_left)
        return goes_left.astype(bool), found["left"], found["right"]

    return _walk(matrix, split, lambda n: nodes[n]["is_leaf"], lambda n: nodes[n]["value"])
