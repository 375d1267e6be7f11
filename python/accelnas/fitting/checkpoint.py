"""Treelite's checkpoint (layout version 4) as flat arrays of nodes.

Treelite gives its fields one call each; 5,000 trees of 13 fields take half a second that way. Its
checkpoint holds the same fields in a documented, versioned layout and is cut up here in one pass.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from accelnas.errors import ModelError
from accelnas.fitting.trees import Trees

__all__ = ["parse_checkpoint"]

VERSION = 4
FLOATS: dict[int, np.dtype[Any]] = {2: np.dtype("<f4"), 3: np.dtype("<f8")}
INT, WORD, BYTE = np.dtype("<i4"), np.dtype("<u8"), np.dtype("S1")
LENGTH = struct.Struct("<Q")  # of an array, ahead of it
LEAF, NUMERICAL, CATEGORICAL = 0, 1, 2  # node types
# operator codes of Treelite (none, ==, <, <=, >, >=) as those of accelnas (< <= > >= ==)
OPERATORS = np.array([0, 4, 0, 1, 2, 3], dtype=np.uint8)
# fields of a tree, in order, with their types; "float" is the checkpoint's number type
NODE_FIELDS = (
    ("node_type", "i1"), ("left", "<i4"), ("right", "<i4"), ("feature", "<i4"), ("default_left", "u1"),
    ("value", "float"), ("threshold", "float"), ("operator", "i1"), ("categories_right", "u1"),
    ("leaf_vector", "float"), ("leaf_begin", "<u8"), ("leaf_end", "<u8"),
    ("categories", "<u4"), ("category_begin", "<i8"), ("category_end", "<i8"),
)  # fmt: skip
# one entry a node, besides those of categories
OF_NODES = ("feature", "operator", "threshold", "default_left", "left", "right", "value", "categories_right",
            "is_categorical")  # fmt: skip
STATISTICS = 3  # sample counts, Hessian sums, gains: 8 bytes and a flag a node, or nothing


class _Reader:
    """Walks over the fields of a checkpoint."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def scalars(self, layout: str) -> tuple[Any, ...]:
        result = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return result

    def field(self, width: int) -> bytes:
        """Bytes of an array with numbers of so many bytes."""
        (length,) = LENGTH.unpack_from(self.data, self.at)
        start, self.at = self.at + LENGTH.size, self.at + LENGTH.size + width * length
        return self.data[start : self.at]

    def array(self, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        return np.frombuffer(self.field(dtype.itemsize), dtype)


def parse_checkpoint(data: bytes) -> tuple[Trees, ...]:
    """Flat arrays of a Treelite checkpoint (layout version 4), of each target that the model predicts.

    Raises
    ------
    ModelError
        When the bytes are damaged or of another version, or the model is a classifier of several classes.
    """
    try:
        return _parse(_Reader(data))
    except ModelError:
        raise
    except (struct.error, ValueError, OverflowError) as error:
        raise ModelError(f"the Treelite checkpoint is damaged: {error}") from None


def _parse(reader: _Reader) -> tuple[Trees, ...]:
    major, minor, patch = reader.scalars("iii")
    if major != VERSION:
        raise ModelError(f"the Treelite checkpoint has version {major}.{minor}.{patch}, accelnas "
                         f"reads version {VERSION}; save it again with Treelite 4")  # fmt: skip
    threshold_type, leaf_type = reader.scalars("BB")
    if threshold_type != leaf_type or leaf_type not in FLOATS:
        raise ValueError(f"number types {threshold_type} and {leaf_type} are unknown")
    (tree_count,) = reader.scalars("Q")
    feature_count, _, average, targets = reader.scalars("iB?i")
    classes, leaf_shape, target_of, class_of = (reader.array(INT) for _ in range(4))
    postprocessor = reader.array(BYTE).tobytes().decode()
    sigmoid_alpha, ratio = reader.scalars("ff")
    base_scores = reader.array(FLOATS[3])
    reader.array(BYTE)  # attributes
    if (classes != 1).any():
        raise ModelError(f"the model is a classifier of {classes.max(initial=0)} classes; "
                         "fit a regression model")  # fmt: skip
    if targets < 1 or len(classes) != targets or len(base_scores) != targets:
        raise ValueError(f"{targets} targets have {len(base_scores)} base scores")
    if leaf_shape.tolist() not in ([1, 1], [targets, 1]):
        raise ModelError(f"the leaves are vectors of shape {leaf_shape.tolist()}; "
                         "fit a model with one number a leaf and target")  # fmt: skip
    of_all = leaf_shape[0] != 1  # a leaf has a number for each target
    wrong = target_of != -1 if of_all else (target_of < 0) | (target_of >= targets)
    if len(target_of) != tree_count or len(class_of) != tree_count or wrong.any() or np.any(class_of > 0):
        raise ValueError("a tree predicts an output that the model doesn't have")
    _check_no_extension(*reader.scalars("i"))
    arrays, vectors = _arrays(*_fields(reader, tree_count, FLOATS[leaf_type]), targets if of_all else 0)
    if np.any(arrays["feature"] >= feature_count):
        raise ValueError(f"a split is on feature {arrays['feature'].max()} of {feature_count}")
    every = Trees(
        feature_count=feature_count,
        base_score=0.0,
        average=average,
        postprocessor=postprocessor,
        parameter=ratio if postprocessor == "exponential_standard_ratio" else sigmoid_alpha,
        float32=leaf_type == 2,
        **arrays,
    )
    return tuple(
        replace(every if targets == 1 else _of_target(every, vectors, target_of, target), base_score=float(base))
        for target, base in enumerate(base_scores)
    )


def _of_target(
    trees: Trees, vectors: npt.NDArray[np.float64] | None, target_of: npt.NDArray[np.int32], target: int
) -> Trees:
    """Those trees that predict a target, or all of them with its numbers of their leaves."""
    if vectors is not None:
        return replace(trees, value=np.ascontiguousarray(vectors[:, target]))
    numbers = np.flatnonzero(target_of == target)
    nodes = np.repeat(target_of == target, np.diff(trees.tree_offsets))
    listed = np.diff(trees.category_offsets)
    own = {name: getattr(trees, name)[nodes] for name in OF_NODES}
    return replace(
        trees,
        tree_offsets=_offsets(np.diff(trees.tree_offsets)[numbers]),
        category_offsets=_offsets(listed[nodes]),
        categories=trees.categories[np.repeat(nodes, listed)],
        numbers=numbers,
        **own,
    )


def _offsets(sizes: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _check_no_extension(*counts: int) -> None:
    if any(counts):
        raise ValueError(f"{max(counts)} optional fields are unknown; this Treelite is too new")


def _fields(
    reader: _Reader, tree_count: int, number: np.dtype[Any]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], dict[str, npt.NDArray[Any]]]:
    """Numbers of nodes and of listed categories in each tree, and each field of all trees, one after the other."""
    types = {name: number if kind == "float" else np.dtype(kind) for name, kind in NODE_FIELDS}
    parts: dict[str, list[bytes]] = {name: [] for name in types}
    for tree in range(tree_count):
        nodes, _ = reader.scalars("i?")
        if nodes < 1:
            raise ValueError(f"tree {tree} has {nodes} nodes")
        for name, kind in types.items():
            field = reader.field(kind.itemsize)
            if name not in ("leaf_vector", "categories") and len(field) != kind.itemsize * nodes:
                raise ValueError("fields of a tree differ in length")
            parts[name].append(field)
        for _ in range(STATISTICS):
            if len(reader.field(8)) != 8 * len(reader.field(1)):
                raise ValueError("fields of a tree differ in length")
        _check_no_extension(*reader.scalars("ii"))
    if reader.at != len(reader.data):
        raise ValueError(f"{len(reader.data)} bytes hold {reader.at} bytes of fields")
    nodes_of, listed_of = (np.array(list(map(len, parts[name])), np.int64) // 4 for name in ("left", "categories"))
    return nodes_of, listed_of, {name: np.frombuffer(b"".join(parts[name]), kind) for name, kind in types.items()}


def _arrays(
    nodes: npt.NDArray[np.int64], listed: npt.NDArray[np.int64], fields: dict[str, npt.NDArray[Any]], targets: int
) -> tuple[dict[str, Any], npt.NDArray[np.float64] | None]:
    """Node arrays of `Trees`, checked, and of vector leaves each node's numbers for all targets."""
    operator, node_type, left = fields["operator"], fields["node_type"], fields["left"]
    if len(operator) and not 0 <= operator.min() <= operator.max() < len(OPERATORS):
        raise ValueError("a comparison operator is unknown")
    if not np.isin(node_type, (LEAF, NUMERICAL, CATEGORICAL)).all():
        raise ValueError("a node is neither leaf nor split")
    if np.any((node_type == NUMERICAL) & (operator == 0)):
        raise ValueError("a split has no comparison operator")
    if np.any((node_type == LEAF) != (left < 0)):
        raise ValueError("a leaf has children, or a split has none")
    vectors = _vectors(nodes, fields, targets) if targets else None
    if not targets and (fields["leaf_begin"].any() or fields["leaf_end"].any()):
        raise ValueError("a leaf vector lies outside its tree")
    begin, end = fields["category_begin"], fields["category_end"]
    sizes = end - begin
    if np.any((begin < 0) | (sizes < 0) | (end > np.repeat(listed, nodes))):
        raise ValueError("a category list lies outside its tree")
    # each node's categories one after the other, whatever their order in the tree
    offsets = _offsets(sizes)
    tree_start = np.repeat(np.cumsum(listed) - listed, nodes)
    source = np.repeat(tree_start + begin - offsets[:-1], sizes) + np.arange(offsets[-1])
    return {
        "tree_offsets": _offsets(nodes),
        "feature": fields["feature"],
        "operator": OPERATORS[operator],
        "threshold": fields["threshold"].astype(np.float64),
        "default_left": fields["default_left"] != 0,
        "left": left,
        "right": fields["right"],
        "value": fields["value"].astype(np.float64),
        "category_offsets": offsets,
        "categories": fields["categories"][source],
        "categories_right": fields["categories_right"] != 0,
        "is_categorical": node_type == CATEGORICAL,
    }, vectors


def _vectors(
    nodes: npt.NDArray[np.int64], fields: dict[str, npt.NDArray[Any]], targets: int
) -> npt.NDArray[np.float64]:
    """Give the numbers of each node's leaf for all targets, (nodes, targets); those of splits are 0."""
    leaf = fields["left"] < 0
    begin, end = (fields[name].astype(np.int64) for name in ("leaf_begin", "leaf_end"))
    if np.any((end - begin)[leaf] != targets):
        raise ValueError("a leaf has another number of targets than the model")
    sizes = np.add.reduceat(end - begin, _offsets(nodes)[:-1]) if len(nodes) else nodes
    start = np.repeat(_offsets(sizes)[:-1], nodes) + begin
    if len(fields["leaf_vector"]) != sizes.sum() or np.any(begin < 0) or np.any(end > np.repeat(sizes, nodes)):
        raise ValueError("a leaf vector lies outside its tree")
    found = np.zeros((len(leaf), targets))
    found[leaf] = fields["leaf_vector"][start[leaf, None] + np.arange(targets)]
    return found
