"""Fitted scikit-learn estimators."""

from __future__ import annotations

import copy
import hashlib
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from accelnas.errors import ModelError
from accelnas.fitting.sources.base import Matrix, Source, fitted, treelite_errors

if TYPE_CHECKING:
    from accelnas import Space
    from accelnas.fitting.encoding import Encoding

__all__ = ["ScikitLearn"]

WAY_OUT = "; give the forest or the boosted trees inside it, or compile it with accelnas.compile in a small space"


class ScikitLearn(Source):
    """A fitted scikit-learn estimator."""

    kind = "scikit-learn"

    def __init__(self, model: Any) -> None:
        import treelite
        from sklearn.utils.validation import check_is_fitted

        name = type(model).__name__
        with fitted(model):
            check_is_fitted(model)
        with treelite_errors(f"this {name}", way_out=WAY_OUT):
            self.imported = treelite.sklearn.import_model(_with_true_length(_as_forest(model)))
        self.model = model
        self.is_histogram = name.startswith("HistGradientBoosting")
        self.dtype = np.float64 if self.is_histogram else np.float32
        names = getattr(model, "feature_names_in_", None)
        self.names = None if names is None else tuple(map(str, names))
        self.sha256 = hashlib.sha256(self.imported.serialize_bytes()).hexdigest()

    def seen(self, encoding: Encoding, space: Space) -> Encoding:
        encoding = super().seen(encoding, space)
        for feature, known in self._known_categories().items():
            unseen = {x for x in encoding.columns[feature][1] if not np.isnan(x)} - known
            if unseen:
                raise ModelError(
                    f"category {min(unseen):g} of {encoding.names[feature]} was not in the training "
                    "data: scikit-learn treats it as missing, Treelite doesn't; encode it as nan"
                )
        return encoding

    def _call(self, method: str, matrix: Matrix) -> npt.NDArray[Any]:
        with warnings.catch_warnings():
            # names were matched to columns already
            warnings.filterwarnings("ignore", "X does not have valid feature names")
            return np.asarray(getattr(self.model, method)(matrix))

    # scikit-learn takes its threads from the estimator
    def predict(self, matrix: Matrix, threads: int) -> Any:  # noqa: ARG002
        if self.trees.postprocessor == "sigmoid":  # a classifier of two classes
            return self._call("decision_function", matrix)
        values = self._call("predict", matrix).astype(np.float64)
        return np.log(values) if self.trees.postprocessor == "exponential" else values

    def leaves(self, matrix: Matrix, threads: int) -> Any:  # noqa: ARG002
        return None if self.is_histogram else self._call("apply", matrix)

    def _known_categories(self) -> dict[int, set[float]]:
        """Categories seen in training, by feature; scikit-learn treats others as missing."""
        preprocessor = getattr(self.model, "_preprocessor", None)
        if preprocessor is None:
            return {}
        features = np.flatnonzero(self.model.is_categorical_)
        seen = preprocessor.named_transformers_["encoder"].categories_
        return {int(f): set(map(float, known)) for f, known in zip(features, seen, strict=True)}


def _as_forest(model: Any) -> Any:
    """Give a single tree as a forest of one, which Treelite reads."""
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.tree import DecisionTreeRegressor

    if not isinstance(model, DecisionTreeRegressor):
        return model
    forest = RandomForestRegressor(1)
    forest.estimators_ = [model]
    forest.n_outputs_, forest.n_features_in_ = model.n_outputs_, model.n_features_in_
    return forest


def _with_true_length(model: Any) -> Any:
    """Work around Treelite reading past the end of a model that stopped early."""
    if not hasattr(model, "estimators_"):
        return model
    model = copy.copy(model)
    model.n_estimators = len(model.estimators_)
    return model
