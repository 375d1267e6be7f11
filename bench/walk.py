"""A float64 walk of the source trees in plain NumPy: the yardstick of every engine.

It reads what XGBoost or LightGBM itself writes and shares no code with accelnas or Treelite. A node
selects the left or the right leaf number for many rows at once; leaves are summed in extended
precision, so that the yardstick has no rounding of its own.
"""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.models import SUFFIX, Workload, random_architectures

if TYPE_CHECKING:
    from pathlib import Path

LISTED = ("left_children", "right_children", "split_indices", "split_conditions")  # of a tree's nodes
REFERENCE_ROWS, REFERENCE_SEED = 2048, 1
CHUNK = 1 << 14  # rows whose columns and partial results stay in the cache


def trees_of(path: Path) -> tuple[float, list[dict[str, Any]]]:
    """Read the base score and the trees of a model file, as XGBoost lists their nodes."""
    return lightgbm_trees(path) if path.suffix == f".{SUFFIX['lightgbm']}" else xgboost_trees(path)


def xgboost_trees(path: Path) -> tuple[float, list[dict[str, Any]]]:
    """Read an XGBoost model file, whose numbers are of float32."""
    import xgboost

    model = json.loads(xgboost.Booster(model_file=path).save_raw("json"))["learner"]
    # a vector in square brackets since XGBoost 3.1, a number before
    base_score = float(model["learner_model_param"]["base_score"].strip("[]"))
    trees = model["gradient_booster"]["model"]["trees"]
    for tree in trees:
        is_leaf = np.array(tree["left_children"]) == -1
        tree["split_conditions"] = np.where(is_leaf, np.float32(tree["split_conditions"]), tree["split_conditions"])
    return float(np.float32(base_score)), [{name: tree[name] for name in LISTED} for tree in trees]


def lightgbm_trees(path: Path) -> tuple[float, list[dict[str, Any]]]:
    """Read a LightGBM model file, whose tests ``x <= t`` of whole numbers are ``x < floor(t) + 1``."""
    import lightgbm

    def listed(tree: dict[str, list[Any]], node: dict[str, Any]) -> int:
        place = len(tree["left_children"])
        is_leaf = "leaf_value" in node
        condition = node["leaf_value"] if is_leaf else np.floor(node["threshold"]) + 1
        row = {"left_children": -1, "right_children": -1, "split_indices": node.get("split_feature", 0)}
        for name, value in {**row, "split_conditions": condition}.items():
            tree[name].append(value)
        if not is_leaf:
            tree["left_children"][place] = listed(tree, node["left_child"])
            tree["right_children"][place] = listed(tree, node["right_child"])
        return place

    trees = []
    for info in lightgbm.Booster(model_file=path).dump_model()["tree_info"]:
        trees.append({name: [] for name in LISTED})
        listed(trees[-1], info["tree_structure"])
    return 0.0, trees


def walk(path: Path, archs: np.ndarray) -> np.ndarray:
    """Predictions of one model for choice indices (n, 28), float64 (n,)."""
    base_score, trees = trees_of(path)
    out = np.empty(len(archs))
    for start in range(0, len(archs), CHUNK):
        columns = np.ascontiguousarray(archs[start : start + CHUNK].T)
        goes_left = Conditions(columns)
        total = np.zeros(columns.shape[1], np.longdouble)
        for tree in trees:
            leaves: list[float] = []
            number = leaf_number(tree, 0, goes_left, leaves)
            total += np.array(leaves)[number]
        out[start : start + CHUNK] = total + np.longdouble(base_score)
    return out


class Conditions(dict[tuple[int, float], np.ndarray]):
    """Where ``x[feature] < threshold`` holds: 255 or 0 for every row, computed once."""

    def __init__(self, columns: np.ndarray) -> None:
        self.columns = columns.astype(np.float32)  # XGBoost compares in float32

    def __missing__(self, key: tuple[int, float]) -> np.ndarray:
        feature, threshold = key
        self[key] = np.where(self.columns[feature] < np.float32(threshold), 255, 0).astype(np.uint8)
        return self[key]


def leaf_number(tree: dict[str, Any], node: int, goes_left: Conditions, leaves: list[float]) -> np.ndarray | np.uint8:
    """Which leaf each row reaches, counted in the order in which ``leaves`` lists their values."""
    left = tree["left_children"][node]
    threshold = tree["split_conditions"][node]  # of a leaf: its value
    if left == -1:
        leaves.append(float(threshold))
        return np.uint8(len(leaves) - 1)
    condition = goes_left[tree["split_indices"][node], threshold]
    on_left = leaf_number(tree, left, goes_left, leaves)
    on_right = leaf_number(tree, tree["right_children"][node], goes_left, leaves)
    selected: np.ndarray = on_right ^ ((on_left ^ on_right) & condition)
    return selected


def walk_members(workload: Workload, archs: np.ndarray, processes: int = 2) -> np.ndarray:
    """Predict with every member of a workload, in the models' own scale, float64 (members, n)."""
    files = workload.files(workload.source)
    parts = np.array_split(archs, processes)
    # spawned: a fork of a process with OpenMP threads may hang
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        jobs = [[pool.submit(partial(walk, file), rows) for rows in parts] for file in files]
        return np.stack([np.concatenate([job.result() for job in member]) for member in jobs])


def reference(workload: Workload, archs: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the exact prediction (and ``std`` of an ensemble) in the metric's own unit."""
    values = walk_members(workload, archs)
    result = {"mean": workload.metric_values(values.mean(axis=0))}
    if workload.members > 1:
        # the members of an ensemble here predict the metric itself
        result["std"] = values.std(axis=0)
    return result


def reference_file(workload: Workload) -> Path:
    """Give the file of exact predictions for ``REFERENCE_ROWS`` random architectures, made on first use."""
    path = workload.folder() / "reference.npz"
    if not path.exists():
        exact = reference(workload, random_architectures(REFERENCE_ROWS, REFERENCE_SEED))
        np.savez(path, allow_pickle=False, **exact)
    return path
