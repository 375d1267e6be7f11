"""ONNX models whose graph is one ensemble of trees, with little around it."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.errors import ModelError
from accelnas.fitting.sources.base import Matrix, imported, undamaged
from accelnas.fitting.sources.computed import Computed
from accelnas.fitting.sources.nodes import Nodes
from accelnas.fitting.sources.onnx_trees import Trees1, Trees5, add_tree, one_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelnas.fitting.encoding import Encoding, Variables

__all__ = ["ONNX", "from_memory"]

AGGREGATES, TRANSFORMS = ("AVERAGE", "SUM", "MIN", "MAX"), ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
SHAPES = ("Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze")  # that leave numbers as they are
DTYPES = {1: np.float32, 6: np.float32, 7: np.float32, 11: np.float64}  # in which trees compare, of input tensors


class ONNX(Computed):
    """An ONNX model with one TreeEnsembleRegressor or TreeEnsemble; after it, constants and an exponential at most."""

    kind = "onnx"

    def __init__(self, raw: bytes) -> None:
        onnx = imported("onnx", "an ONNX model", "onnx")
        runtime = imported("onnxruntime", "an ONNX model", "onnx")
        self.sha256 = hashlib.sha256(raw).hexdigest()
        try:
            model = onnx.load_model_from_string(raw)
        except Exception as error:  # of protobuf, in several versions
            raise ModelError(f"the ONNX model is cut short or damaged: {error}") from None
        with undamaged("the ONNX model"):
            self._read(onnx, model.graph)
        options = runtime.SessionOptions()
        options.log_severity_level = 4  # what is wrong is said once, below
        try:
            self.session = runtime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # of several classes without a common one
            raise ModelError(f"onnxruntime can't read the model: {str(error).splitlines()[0]}") from None

    def _read(self, onnx: Any, graph: Any) -> None:
        """Read the trees; what follows them is read, too, and taken out of the graph, which is left to compare with."""
        to_array = onnx.numpy_helper.to_array
        constants = {tensor.name: to_array(tensor) for tensor in graph.initializer}
        ensembles = [node for node in graph.node if node.op_type.startswith("TreeEnsemble")]
        if len(ensembles) != 1 or ensembles[0].op_type == "TreeEnsembleClassifier":
            kinds = ", ".join(sorted({node.op_type for node in graph.node})[:9]) or "no nodes"
            raise ModelError(f"the ONNX graph has {kinds}, and not one TreeEnsembleRegressor or TreeEnsemble; export a "
                             "regression of trees alone, or compile a function with --enumerate")  # fmt: skip
        (ensemble,) = ensembles
        inputs = [one for one in graph.input if one.name not in constants]
        after = _chain(graph, ensemble.output[0], graph.output[0].name)
        before = [node for node in graph.node if node not in after and node is not ensemble]
        unknown = next((node.op_type for node in before if node.op_type not in ("Identity", "Cast")), None)
        if unknown or len(inputs) != 1 or len(graph.output) != 1:
            what = unknown or f"{len(inputs)} inputs and {len(graph.output)} outputs"
            raise ModelError(f"the ONNX graph has {what} besides its trees; export the trees alone, and write what "
                             "comes before them as an encoding (docs/guides/models.md)")  # fmt: skip
        tensor = inputs[0].type.tensor_type
        if tensor.elem_type not in DTYPES:
            raise ModelError(f"the ONNX model takes tensors of type {tensor.elem_type}; export one of float or double")
        self.dtype = DTYPES[tensor.elem_type]
        self.sum_dtype = self.dtype if ensemble.op_type == "TreeEnsemble" else np.float32  # of the operator's output
        self._takes = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        given = {one.name: onnx.helper.get_attribute_value(one) for one in ensemble.attribute}
        given = {
            name.removesuffix("_as_tensor"): to_array(value) if isinstance(value, onnx.TensorProto) else value
            for name, value in given.items()
        }
        aggregate = one_of(given.get("aggregate_function", "SUM"), AGGREGATES)
        transform = one_of(given.get("post_transform", "NONE"), TRANSFORMS)
        if aggregate not in ("SUM", "AVERAGE") or transform not in ("NONE", "LOGISTIC"):
            raise ModelError(f"the trees of the ONNX model are joined by {aggregate} and {transform}, which accelnas "
                             "can't; export with SUM or AVERAGE and NONE")  # fmt: skip
        shape = tensor.shape.dim
        most = max(map(int, given["nodes_featureids"]), default=0) + 1
        self.width = max(shape[-1].dim_value, most) if len(shape) > 1 else most
        targets = int(given.get("n_targets", 1))
        self._members: list[tuple[int, frozenset[float], bool]] = []
        factor, offset, applied = _afterwards(after, constants, "sigmoid" if transform == "LOGISTIC" else "identity")
        self._after = factor, offset
        nodes = Nodes(targets)
        read = Trees5 if ensemble.op_type == "TreeEnsemble" else Trees1
        trees = read(given, targets, self._member)
        for root in trees.roots:
            add_tree(nodes, root, trees.node, factor)
        base = np.zeros(targets) + np.asarray(given.get("base_values", np.zeros(targets)), np.float64) * factor + offset
        self.outputs = nodes.trees(
            self.width + len(self._members),
            base.tolist(),
            [applied] * targets,
            float32=self.dtype == np.float32,
            average=aggregate == "AVERAGE",
        )
        self._input, self._output = inputs[0].name, ensemble.output[0]
        _cut(onnx, graph, ensemble, after)

    def _member(self, feature: int, members: frozenset[float], default: bool) -> int:
        """Give the column that says whether a feature is one of some numbers."""
        test = feature, members, default
        if test not in self._members:
            self._members.append(test)
        return self.width + self._members.index(test)

    def computed(self, encoding: Encoding) -> list[tuple[str, Variables, tuple[float, ...]]]:
        found = []
        for feature, members, default in self._members:
            variables, numbers = encoding.columns[feature]
            own = tuple(float(default if math.isnan(x) else x in members) for x in numbers)
            found.append((f"{encoding.names[feature]} in {sorted(members)}", variables, own))
        return found

    def predict(self, matrix: Matrix, threads: int) -> Any:  # noqa: ARG002 a session has its own
        rows = self.inputs(matrix).astype(self._takes)
        (found,) = self.session.run([self._output], {self._input: rows})
        factor, offset = self._after
        return np.asarray(found, np.float64) * factor + offset

    def leaves(self, matrix: Matrix, threads: int) -> Any:  # noqa: ARG002 the library does not tell
        return None

    @property
    def libraries(self) -> set[str]:
        return {"onnx", "onnxruntime"}


def from_memory(model: Any) -> ONNX:
    """Read an ``onnx.ModelProto``."""
    if not callable(getattr(model, "SerializeToString", None)) or not hasattr(model, "graph"):
        raise ModelError(f"{type(model).__name__} is no ONNX model; give a ModelProto or the path of a file")
    return ONNX(model.SerializeToString())


def _chain(graph: Any, name: str, last: str) -> list[Any]:
    """Give the nodes between a tensor and the output, each of which takes the one before and constants."""
    found: list[Any] = []
    while name != last:
        users = [node for node in graph.node if name in node.input]
        if len(users) != 1 or len(users[0].output) != 1:
            raise ModelError("the ONNX graph uses its trees' sum in several ways; export the trees alone")
        found.append(users[0])
        name = users[0].output[0]
    return found


def _afterwards(after: Sequence[Any], constants: Mapping[str, Any], applied: str) -> tuple[float, float, str]:
    """Give what the sum is multiplied by, what is added, and what is applied to that."""
    factor, offset = 1.0, 0.0
    for node in after:
        others = [
            float(constants[name].item()) for name in node.input if name in constants and constants[name].size == 1
        ]
        kind = node.op_type
        if kind in SHAPES:
            continue
        if kind in ("Exp", "Sigmoid") and applied == "identity":
            applied = {"Exp": "exponential", "Sigmoid": "sigmoid"}[kind]
        elif kind == "Mul" and applied == "identity" and others:
            factor, offset = factor * others[0], offset * others[0]
        elif kind == "Div" and applied == "identity" and others and node.input[1] in constants:
            factor, offset = factor / others[0], offset / others[0]
        elif kind == "Add" and applied == "identity" and others:
            offset += others[0]
        elif kind == "Sub" and applied == "identity" and others and node.input[1] in constants:
            offset -= others[0]
        elif kind == "Mul" and applied == "exponential" and others and others[0] > 0:
            offset += math.log(others[0])
        else:
            raise ModelError(f"the ONNX graph applies {kind} to the sum of its trees, which accelnas can't undo; "
                             "export the trees alone, and say --link, --scale and --bias")  # fmt: skip
    return factor, offset, applied


def _cut(onnx: Any, graph: Any, ensemble: Any, after: Sequence[Any]) -> None:
    """Leave the graph's trees alone, whose sum becomes its output."""
    kind = graph.output[0].type.tensor_type.elem_type
    for attribute in ensemble.attribute:
        if attribute.name == "post_transform":
            attribute.CopyFrom(
                onnx.helper.make_attribute("post_transform", 0 if ensemble.op_type == "TreeEnsemble" else "NONE")
            )
    for node in after:
        graph.node.remove(node)
    del graph.output[:]
    graph.output.append(onnx.helper.make_tensor_value_info(ensemble.output[0], kind, None))
    del graph.value_info[:]
