"""Treelite's checkpoint (layout version 4) as flat arrays of nodes.

Treelite gives its fields one call each; 5,000 trees of 13 fields take half a second that way. Its
checkpoint holds the same fields in a documented, versioned layout and is cut up here in one pass.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from accelnas import _core
from accelnas.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelnas import Space
    from accelnas.fitting.encoding import Encoding

__all__ = ["Trees", "parse_checkpoint"]

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
# what `_core.Forest` takes as it is
FOREST = (
    "tree_offsets", "feature", "operator", "threshold", "float32", "default_left", "left", "right", "value",
    "category_offsets", "categories", "categories_right", "is_categorical",
)  # fmt: skip
# what a library does to the sum of leaves, and the link that undoes the same
LINKS = {"identity": None, "exponential": "log"}
# what no link undoes; `Trees.parameter` is the factor in front of the sum, or what it is divided by
APPLIED: dict[str, Callable[[Any, float], Any]] = {
    "sigmoid": lambda sums, factor: 1.0 / (1.0 + np.exp(-factor * sums)),
    "signed_square": lambda sums, _: np.copysign(np.square(sums), sums),
    "logarithm_one_plus_exp": lambda sums, _: np.logaddexp(0.0, sums),
    "hinge": lambda sums, _: (sums > 0).astype(np.float64),
    "exponential_standard_ratio": lambda sums, divisor: np.exp2(-sums / divisor),
}
# one entry a node, besides those of categories
OF_NODES = ("feature", "operator", "threshold", "default_left", "left", "right", "value", "categories_right",
            "is_categorical")  # fmt: skip
MAX_CATEGORY = 2**24  # whole numbers beyond have gaps in float32
STATISTICS = 3  # sample counts, Hessian sums, gains: 8 bytes and a flag a node, or nothing


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
    parameter: float = 1.0  # of the postprocessor
    numbers: npt.NDArray[np.int64] | None = None  # of these trees among the model's, where it has others besides

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

    def check_columns(self, encoding: Encoding) -> None:
        """Refuse an encoding of another number of columns than the model has features."""
        if len(encoding.columns) != self.feature_count:
            raise ModelError(
                f"the model has {self.feature_count} features, the encoding {len(encoding.columns)} "
                "columns; name or count the columns as in training"
            )

    def check_categories(self, encoding: Encoding) -> None:
        """Refuse an encoding that gives a categorical feature anything but whole numbers from 0."""
        for feature in np.unique(self.feature[self.is_categorical]):
            numbers = np.asarray(encoding.columns[feature][1])
            numbers = numbers[~np.isnan(numbers)]
            wrong = numbers[(numbers < 0) | (numbers >= MAX_CATEGORY) | (numbers % 1 != 0)]
            if len(wrong):
                raise ModelError(
                    f"feature {encoding.names[feature]} is categorical in the model; encode its "
                    f"choices as whole numbers from 0, not {wrong[0]:g}"
                )

    def check_link(self, link: str, raw: bool = False) -> None:
        """Refuse a metric's link that does not undo what the model applies to its sum, unless that is left out."""
        if raw:
            return
        if self.postprocessor not in LINKS:
            raise ModelError(f"the model applies {self.postprocessor} to the sum of its trees, which no link undoes; "
                             "compile the sum itself with --raw (raw=True), which ranks alike, or in a small space the "
                             "values with --enumerate")  # fmt: skip
        needed = LINKS[self.postprocessor] or link
        if link != needed:
            raise ModelError(f"the model applies {self.postprocessor} to the sum of its trees; "
                             f"give the metric the link {needed!r}, not {link!r}")  # fmt: skip

    def applied(self, sums: npt.NDArray[np.float64], link: str) -> npt.NDArray[np.float64]:
        """Give what is to be on the scale of a metric's link, of sums of trees: those, or what the model makes of them.

        Raises
        ------
        ModelError
            If the link does not suit what the model applies.
        """
        if self.postprocessor not in APPLIED or link != "identity":
            self.check_link(link)
            return sums
        with np.errstate(over="ignore"):
            return np.asarray(APPLIED[self.postprocessor](sums, self.parameter), np.float64)

    def forest(
        self,
        space: Space,
        encoding: Encoding,
        *,
        link: str = "identity",
        raw: bool = False,
        scale: float = 1.0,
        bias: float = 0.0,
    ) -> _core.Forest:
        """Forest over a space, whose prediction is ``bias + scale * model output``.

        Parameters
        ----------
        space
            Space of the architectures.
        encoding
            What the model sees for each choice, one column a feature of the model.
        link
            The metric's link; a model that exponentiates its sum needs ``"log"``.
        raw
            Leave out what the model applies to its sum.
        scale, bias
            From the model's output to the metric's link space.

        Raises
        ------
        ModelError
            When the model's features, categories or link don't fit.
        """
        self.check_link(link, raw)
        self.check_columns(encoding)
        self.check_categories(encoding)
        shared = {name: getattr(self, name) for name in FOREST}
        return _core.Forest(
            space._core,
            columns=[(v, list(numbers)) for v, numbers in encoding.columns if isinstance(v, int)],
            scale=scale / self.divisor,
            bias=bias + scale * self.base_score,
            **shared,
        )


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
