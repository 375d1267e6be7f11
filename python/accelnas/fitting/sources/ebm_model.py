"""Explainable boosting machines of InterpretML, as their JSON: tables over bins of one feature or of a few."""

from __future__ import annotations

import hashlib
import io
import json
import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.errors import ModelError
from accelnas.fitting.sources.base import Matrix, fitted, imported, undamaged
from accelnas.fitting.sources.categories import texts_of
from accelnas.fitting.sources.computed import Computed
from accelnas.fitting.sources.nodes import LESS, Nodes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from accelnas import Space
    from accelnas.fitting.encoding import Encoding, Variables

    Bins = tuple[int, int]  # of a feature, at a resolution

__all__ = ["ExplainableBoosting", "from_memory"]

LINKS = {"identity": "identity", "log": "exponential", "logit": "sigmoid"}  # to what is applied to the sum


class ExplainableBoosting(Computed):
    """An EBM, as the bytes of its JSON; each term becomes a tree whose splits are on bins of its features."""

    kind = "interpret-core"

    def __init__(self, raw: bytes, model: Any = None) -> None:
        imported("interpret", "an EBM of InterpretML", "ebm")
        self.sha256 = hashlib.sha256(raw).hexdigest()
        with undamaged("the JSON of the EBM"):
            document = json.loads(raw)["ebm"]
            self._read(document)
            self.model = model if model is not None else _loaded(raw, self._is_classifier)

    def _read(self, document: Any) -> None:
        (output,) = document["outputs"]
        link = output["link"]
        if link not in LINKS or len(document["intercept"]) != 1:
            raise ModelError(f"the EBM has the link {link} and {len(document['intercept'])} outputs, which accelnas "
                             "can't undo; fit a regression with link identity or log")  # fmt: skip
        self._is_classifier = link == "logit"
        self._features = document["features"]
        self.width = len(self._features)
        names = tuple(feature["name"] for feature in self._features)
        given = tuple(f"feature_{i:04d}" for i in range(len(names)))  # where training had none
        self.names = None if names == given else names
        self._bins: list[Bins] = []
        self.had_missing = had_missing = set[int]()
        nodes = Nodes()
        for term in document["terms"]:
            places = [names.index(name) for name in term["term_features"]]
            scores = np.array(term["scores"], np.float64)
            columns = [self._column(place, scores.ndim) for place in places]
            if list(scores.shape) != [self._count(self._bins[column - self.width]) for column in columns]:
                raise ModelError(f"a term of the EBM has scores of shape {scores.shape}; the file is damaged")
            had_missing |= {place for axis, place in enumerate(places) if np.take(scores, 0, axis).any()}
            _grow(nodes, columns, scores)
            nodes.end_tree()
        self.outputs = nodes.trees(self.width + len(self._bins), document["intercept"], [LINKS[link]], float32=False)

    def _levels(self, place: int) -> list[Any]:
        feature = self._features[place]
        levels: list[Any] = feature["cuts" if feature["type"] == "continuous" else "categories"]
        return levels

    def _column(self, place: int, features: int) -> int:
        """Give the column of a feature's bins, as fine as terms of so many features have them."""
        bins = place, min(features, len(self._levels(place))) - 1
        if bins not in self._bins:
            self._bins.append(bins)
        return self.width + self._bins.index(bins)

    def _count(self, bins: Bins) -> int:
        """Count bins: those of numbers or categories, one of missing values and one of what is unknown."""
        place, level = bins
        return len(self._levels(place)[level]) + (3 if self._features[place]["type"] == "continuous" else 2)

    def categories(self, encoding: Encoding, space: Space) -> dict[int, tuple[str, ...]]:
        found = {}
        for place, feature in enumerate(self._features):
            if feature["type"] != "continuous":
                known = {text for level in feature["categories"] for text in _flat(level)}
                found[place] = texts_of(encoding, place, space, known)
        return found

    def computed(self, encoding: Encoding) -> list[tuple[str, Variables, tuple[float, ...]]]:
        found = []
        for place, level in self._bins:
            variables, numbers = encoding.columns[place]
            bins = tuple(self._bin(place, level, np.array(numbers)).tolist())
            found.append((f"bins of {encoding.names[place]} at resolution {level}", variables, bins))
        return found

    def _bin(self, place: int, level: int, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the bin of each number, or of the category of that number; 0 is that of missing values."""
        bins = self._levels(place)[level]
        if self._features[place]["type"] == "continuous":
            found = np.searchsorted(np.array(bins, np.float64), numbers, side="right") + 1.0
        else:
            of_text = {text: i for i, texts in enumerate(bins, 1) for text in _flat([texts])}
            texts = self.texts[place]
            found = np.array(
                [0 if math.isnan(x) else of_text.get(texts[int(x)], len(bins) + 1) for x in numbers], float
            )
        return np.where(np.isnan(numbers), 0.0, found)

    def predict(self, matrix: Matrix, threads: int) -> Any:  # noqa: ARG002 the library has no such setting
        rows = self.inputs(matrix)
        if self._is_classifier:
            return self.model.decision_function(rows)
        found = np.asarray(self.model.predict(rows), np.float64)
        return np.log(found) if self.trees.postprocessor == "exponential" else found

    def leaves(self, matrix: Matrix, threads: int) -> Any:  # noqa: ARG002 terms have none
        return None


def from_memory(model: Any) -> ExplainableBoosting:
    """Read a fitted EBM."""
    if not callable(getattr(model, "to_json", None)):
        raise ModelError(f"{type(model).__name__} is no EBM; of InterpretML, ExplainableBoostingRegressor compiles")
    text = io.StringIO()
    with fitted(model), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the format may change
        if not hasattr(model, "term_scores_"):
            raise ModelError(f"{type(model).__name__} can't be compiled: it is not fitted")
        model.to_json(text)
    return ExplainableBoosting(text.getvalue().encode(), model)


def _loaded(raw: bytes, is_classifier: bool) -> Any:
    """Give the library's model of a file, to compare with."""
    glassbox = imported("interpret.glassbox", "an EBM of InterpretML", "ebm")
    model = (glassbox.ExplainableBoostingClassifier if is_classifier else glassbox.ExplainableBoostingRegressor)()
    if not hasattr(model, "_from_json"):
        raise ModelError("this version of interpret-core does not read JSON; compile the fitted model from memory, "
                         "accelnas.fitting.compile.compile_metric")  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model._from_json(io.StringIO(raw.decode()))
    return model


def _flat(categories: Sequence[Any]) -> list[str]:
    """Give the texts of categories, of which some may share a bin."""
    return [text for own in categories for text in (own if isinstance(own, list) else [own])]


def _grow(nodes: Nodes, columns: Sequence[int], scores: NDArray[np.float64]) -> int:
    """Add a tree that finds the cell of a table: halves of the bins of one column, and then the next."""
    if not columns:
        return nodes.leaf([float(scores)])

    def halve(first: int, last: int) -> int:
        if last - first == 1:
            return _grow(nodes, columns[1:], scores[first])
        middle = (first + last) // 2
        node = nodes.split(columns[0], LESS, float(middle), default_left=True)
        left = halve(first, middle)
        nodes.link(node, left, halve(middle, last))
        return node

    return halve(0, scores.shape[0])
