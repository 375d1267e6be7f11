"""Random forests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.fitting.families.boosting import TreeFamily

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accelnas.fitting.families.base import Sample

__all__ = ["RandomForest"]


class RandomForest(TreeFamily):
    """scikit-learn's random forest (Breiman 2001)."""

    name = "random_forest"
    library = "sklearn.ensemble"

    def fit_trees(self, train: Sample, val: Sample, seed: int) -> Any:  # noqa: ARG002 no early stopping
        from sklearn.ensemble import RandomForestRegressor

        (stage,) = self.recipe.stages
        model = RandomForestRegressor(**stage.parameters, random_state=seed, n_jobs=1, warm_start=True)
        inputs = train.choices.astype(np.float32)
        for trees in range(1, stage.rounds + 1):  # a tree's seed depends on its number alone
            self.check()
            model.set_params(n_estimators=trees).fit(inputs, train.targets)
        return model.set_params(warm_start=False)

    def predict(self, model: Any, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.asarray(model.predict(inputs), np.float64)

    def size(self, model: Any) -> int:
        return len(model.estimators_)
