"""Treelite's checkpoint (layout version 4) as flat arrays of nodes.

Treelite gives its fields one call each; 5,000 trees of 13 fields take half a second that way. Its
checkpoint holds the same fields in a documented, versioned layout and is cut up here in one pass.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from accelnas.errors import ModelError

__all__ = ["Trees", "parse_checkpoint"]

VERSION = 4
FLOATS: dict[int, np.dtype[Any]] = {2: np.dtype("<f4"), 3: np.dtype("<f8")}
LEAF, NUMERICAL, CATEGORICAL = 0, 1, 2  # node types
# operator codes of Treelite (none, ==, <, <=, >, >=) as those of accelnas (< <= > >= ==)
OPERATORS = np.array([0, 4, 0, 1, 2, 3], dtype=np.uint8)


@dataclass(frozen=True)
class Trees:
    """Trees of one model; its output is ``base_score`` plus the sum (or mean) of one leaf a tree.

    Node arrays have one entry a node, all trees one after the other; children count from the first
    node of their tree, -1 marks a leaf. A row goes left where ``feature operator threshold`` holds,
    for categories where the feature is listed (or not listed, if ``categories_right``).
    """

    feature_count: int
    base_score: float
    average: bool
    postprocessor: str
    tree_offsets: npt.NDArray[np.int64]
    feature: npt.NDArray[np.int32]
    operator: npt.NDArray[np.uint8]  # 0 <, 1 <=, 2 >, 3 >=, 4 ==
    threshold: npt.NDArray[np.float64]
    float32: bool  # whether the model compares in single precision
    default_left: npt.NDArray[np.bool_]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    value: npt.NDArray[np.float64]
    category_offsets: npt.NDArray[np.int64]
    categories: npt.NDArray[np.uint32]
    categories_right: npt.NDArray[np.bool_]
    is_categorical: npt.NDArray[np.bool_]

    @property
    def tree_count(self) -> int:
        """Number of trees."""
        return len(self.tree_offsets) - 1

    @property
    def divisor(self) -> int:
        """What the sum of leaves is divided by."""
        return self.tree_count if self.average and self.tree_count else 1

    @property
    def magnitude(self) -> float:
        """Bound on the sum of absolute leaf values, before any averaging."""
        if not self.tree_count:
            return 0.0
        leaves = np.where(self.left < 0, np.abs(self.value), 0.0)
        return float(np.maximum.reduceat(leaves, self.tree_offsets[:-1]).sum())


class _Reader:
    """Walks over the fields of a checkpoint."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def scalars(self, layout: str) -> tuple[Any, ...]:
        result = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return result

    def array(self, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        (length,) = self.scalars("Q")
        result = np.frombuffer(self.data, dtype, length, self.at)
        self.at += result.nbytes
        return result


def parse_checkpoint(data: bytes) -> Trees:
    """Flat arrays of a Treelite checkpoint (layout version 4).

    Raises
    ------
    ModelError
        When the bytes are damaged or of another version, or the model predicts more than one
        number.
    """
    try:
        return _parse(_Reader(data))
    except ModelError:
        raise
    except (struct.error, ValueError, OverflowError) as error:
        raise ModelError(f"the Treelite checkpoint is damaged: {error}") from None


def _parse(reader: _Reader) -> Trees:
    major, minor, patch = reader.scalars("iii")
    if major != VERSION:
        raise ModelError(f"the Treelite checkpoint has version {major}.{minor}.{patch}, accelnas "
                         f"reads version {VERSION}; save it again with Treelite 4")  # fmt: skip
    threshold_type, leaf_type = reader.scalars("BB")
    if threshold_type != leaf_type or leaf_type not in FLOATS:
        raise ValueError(f"number types {threshold_type} and {leaf_type} are unknown")
    (tree_count,) = reader.scalars("Q")
    feature_count, _, average, targets = reader.scalars("iB?i")
    classes = reader.array("<i4")
    leaf_shape = reader.array("<i4")
    tree_outputs = [reader.array("<i4"), reader.array("<i4")]  # target and class of each tree
    postprocessor = reader.array("S1").tobytes().decode()
    reader.scalars("ff")  # parameters of postprocessors that are refused
    base_scores = reader.array("<f8")
    reader.array("S1")  # attributes
    _check_one_output(targets, classes, leaf_shape, base_scores)
    if any(len(numbers) != tree_count or numbers.any() for numbers in tree_outputs):
        raise ValueError("a tree predicts an output that the model doesn't have")
    _check_no_extension(*reader.scalars("i"))
    arrays = _TreeFields(reader.data, reader.at, tree_count, FLOATS[leaf_type]).arrays()
    if np.any(arrays["feature"] >= feature_count):
        raise ValueError(f"a split is on feature {arrays['feature'].max()} of {feature_count}")
    return Trees(
        feature_count=feature_count,
        base_score=float(base_scores[0]),
        average=average,
        postprocessor=postprocessor,
        float32=leaf_type == 2,
        **arrays,
    )


def _check_one_output(targets: int, classes: Any, leaf_shape: Any, base_scores: Any) -> None:
    if targets != 1:
        raise ModelError(f"the model predicts {targets} targets, accelnas compiles one; "
                         "fit one model a metric")  # fmt: skip
    if classes.tolist() != [1]:
        raise ModelError(f"the model is a classifier of {classes.max(initial=0)} classes; "
                         "fit a regression model")  # fmt: skip
    if leaf_shape.tolist() != [1, 1] or len(base_scores) != 1:
        raise ModelError(f"the leaves are vectors of shape {leaf_shape.tolist()}; "
                         "fit a model with one number a leaf")  # fmt: skip


def _check_no_extension(count: int) -> None:
    if count:
        raise ValueError(f"{count} optional fields are unknown; this Treelite is too new")


# fields of a tree with their bytes a node, in order; "float" is the checkpoint's number type
NODE_FIELDS = (
    ("node_type", 1), ("left", 4), ("right", 4), ("feature", 4), ("default_left", 1),
    ("value", "float"), ("threshold", "float"), ("operator", 1), ("categories_right", 1),
)  # fmt: skip
STATISTICS = 3  # sample counts, Hessian sums, gains: 8 bytes and a flag a node, or nothing


class _TreeFields:
    """Where the fields of every tree lie.

    A field is its length and then its bytes. Lengths follow from the number of nodes but for the
    list of categories and the statistics, so the trees are found in one walk and all their fields
    cut out, and all their lengths checked, together.
    """

    def __init__(self, data: bytes, at: int, tree_count: int, leaf_type: np.dtype[Any]) -> None:
        self.data = data
        self.raw = np.frombuffer(data, np.uint8)
        self.leaf_type = leaf_type
        self.widths = [leaf_type.itemsize if w == "float" else int(w) for _, w in NODE_FIELDS]
        heading, length = struct.Struct("<i?").unpack_from, struct.Struct("<Q").unpack_from
        per_node = sum(self.widths) + 16
        starts, counts, listed, statistics = [], [], [], []
        for tree in range(tree_count):
            nodes, _ = heading(data, at)
            if nodes < 1:
                raise ValueError(f"tree {tree} has {nodes} nodes")
            starts.append(at + 5)
            counts.append(nodes)
            at += 5 + 8 * (len(self.widths) + 3) + per_node * nodes
            (categories,) = length(data, at)
            listed.append(categories)
            at += 24 + 4 * categories + 16 * nodes
            statistics.append(at)
            for _ in range(STATISTICS):
                at += 16 + 9 * length(data, at)[0]
            at += 8
        if at != len(data):
            raise ValueError(f"{len(data)} bytes hold {at} bytes of fields")
        self.nodes = np.array(counts, np.int64)
        self.listed = np.array(listed, np.int64)
        self.start = np.array(starts, np.int64)
        self._check(np.array(statistics, np.int64))

    def _scalars(self, at: npt.NDArray[np.int64], dtype: str) -> npt.NDArray[Any]:
        width = np.dtype(dtype).itemsize
        found = self.raw[at[:, None] + np.arange(width)]
        return np.frombuffer(found.tobytes(), dtype)

    def _check(self, statistics: npt.NDArray[np.int64]) -> None:
        places = [(self.field_start(i) - 8, self.nodes) for i in range(len(self.widths))]
        leaf_vectors = self.field_start(len(self.widths)) - 8
        if np.any(self._scalars(leaf_vectors, "<u8")):
            raise ModelError("the leaves are vectors; fit a model with one number a leaf")
        begin, end = leaf_vectors + 16, leaf_vectors + 24 + 8 * self.nodes
        if any(self.cut(start, 8 * self.nodes, "<u8").any() for start in (begin, end)):
            raise ValueError("a leaf vector lies outside its tree")
        places += [(begin - 8, self.nodes), (end - 8, self.nodes)]
        lists = self.list_start()
        places += [(start - 8, self.nodes) for start in lists[1:]]
        for _ in range(STATISTICS):
            present = self._scalars(statistics, "<u8").astype(np.int64)
            places += [(statistics + 8 + 8 * present, present)]
            statistics = statistics + 16 + 9 * present
        if any(np.any(self._scalars(at, "<u8") != expected) for at, expected in places):
            raise ValueError("fields of a tree differ in length")
        _check_no_extension(int(self._scalars(statistics, "<u8").max(initial=0)))

    def field_start(self, field: int) -> npt.NDArray[np.int64]:
        return self.start + 8 * (field + 1) + sum(self.widths[:field]) * self.nodes

    def list_start(self) -> tuple[npt.NDArray[np.int64], ...]:
        """Return where the categories, and the begins and ends of each node's part, start."""
        categories = self.field_start(len(self.widths)) + 24 + 16 * self.nodes
        begin = categories + 4 * self.listed + 8
        return categories, begin, begin + 8 * self.nodes + 8

    def cut(self, start: npt.NDArray[np.int64], size: npt.NDArray[np.int64], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        data = self.data
        ends = (start + size).tolist()
        parts = [data[a:b] for a, b in zip(start.tolist(), ends, strict=True)]
        return np.frombuffer(b"".join(parts), dtype)

    def node_field(self, name: str, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        field = [other for other, _ in NODE_FIELDS].index(name)
        return self.cut(self.field_start(field), self.widths[field] * self.nodes, dtype)

    def category_lists(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
        """Return each node's categories one after the other, whatever their order in the tree."""
        list_start, begin_start, end_start = self.list_start()
        listed = self.cut(list_start, 4 * self.listed, "<u4")
        begin = self.cut(begin_start, 8 * self.nodes, "<i8")
        end = self.cut(end_start, 8 * self.nodes, "<i8")
        sizes = end - begin
        if np.any((begin < 0) | (sizes < 0) | (end > np.repeat(self.listed, self.nodes))):
            raise ValueError("a category list lies outside its tree")
        tree_start = np.repeat(np.cumsum(self.listed) - self.listed, self.nodes)
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        source = np.repeat(tree_start + begin - offsets[:-1], sizes) + np.arange(offsets[-1])
        return offsets, listed[source]

    def arrays(self) -> dict[str, Any]:
        operator = self.node_field("operator", np.int8)
        if len(operator) and not 0 <= operator.min() <= operator.max() < len(OPERATORS):
            raise ValueError("a comparison operator is unknown")
        node_type, left = self.node_field("node_type", np.int8), self.node_field("left", "<i4")
        if not np.isin(node_type, (LEAF, NUMERICAL, CATEGORICAL)).all():
            raise ValueError("a node is neither leaf nor split")
        if np.any((node_type == NUMERICAL) & (operator == 0)):
            raise ValueError("a split has no comparison operator")
        if np.any((node_type == LEAF) != (left < 0)):
            raise ValueError("a leaf has children, or a split has none")
        category_offsets, categories = self.category_lists()
        return {
            "tree_offsets": np.concatenate([[0], np.cumsum(self.nodes)]).astype(np.int64),
            "feature": self.node_field("feature", "<i4"),
            "operator": OPERATORS[operator],
            "threshold": self.node_field("threshold", self.leaf_type).astype(np.float64),
            "default_left": self.node_field("default_left", np.uint8) != 0,
            "left": left,
            "right": self.node_field("right", "<i4"),
            "value": self.node_field("value", self.leaf_type).astype(np.float64),
            "category_offsets": category_offsets,
            "categories": categories,
            "categories_right": self.node_field("categories_right", np.uint8) != 0,
            "is_categorical": node_type == CATEGORICAL,
        }
