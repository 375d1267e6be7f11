"""The model families, behind one small interface."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, combinations
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from accelnas import Space
    from accelnas.build.settings import Recipe, Stage

__all__ = ["FAMILIES", "Family", "Sample"]


@dataclass(frozen=True)
class Sample:
    """Training or validation rows.

    Attributes
    ----------
    inputs
        float32 (n, variables): choice indices.
    targets
        float64 (n,): what the model predicts.
    """

    inputs: NDArray[np.float32]
    targets: NDArray[np.float64]


@dataclass(frozen=True)
class Family:
    """What the fit needs from a library.

    Attributes
    ----------
    fit
        (training rows, validation rows, recipe, space, seed) → fitted model, cut to the number of
        rounds that is best on the validation rows. One thread, so that sums don't depend on it.
    predict
        (model, float32 inputs) → float64 predictions.
    size
        (model) → number of trees.
    """

    fit: Callable[[Sample, Sample, Recipe, Space, int], Any]
    predict: Callable[[Any, NDArray[np.float32]], NDArray[np.float64]]
    size: Callable[[Any], int]


def _path_groups(space: Space, stage: Stage) -> list[list[int]]:
    """XGBoost's interaction constraints: the variables of a path all lie in one of the groups."""
    number = {variable.name: i for i, variable in enumerate(space.variables)}
    blocks = [[number[name] for name in block.variables] for block in space.blocks]
    # no limit is stated, too: a later stage would inherit the constraints of the one before
    most_blocks = min(stage.max_blocks or len(blocks), len(blocks))
    groups = [sorted(chain(*group)) for group in combinations(blocks, most_blocks)]
    if stage.max_variables is None:
        return groups
    subsets = (combinations(group, min(stage.max_variables, len(group))) for group in groups)
    return [list(subset) for subset in sorted(set(chain(*subsets)))]


def _fit_xgboost(train: Sample, val: Sample, recipe: Recipe, space: Space, seed: int) -> Any:
    import xgboost

    train_matrix = xgboost.DMatrix(train.inputs, label=train.targets, nthread=1)
    val_matrix = xgboost.DMatrix(val.inputs, label=val.targets, nthread=1)
    model = None
    for stage in recipe.stages:
        parameters = {
            "tree_method": "hist",
            **stage.parameters,
            "nthread": 1,
            "seed": seed,
            "interaction_constraints": str(_path_groups(space, stage)),
        }
        model = xgboost.train(
            parameters,
            train_matrix,
            stage.rounds,
            evals=[(val_matrix, "val")],
            early_stopping_rounds=stage.stop,
            verbose_eval=False,
            xgb_model=model,
        )
        if stage.stop is not None:
            model = model[: model.best_iteration + 1]
    return model


def _predict_xgboost(model: Any, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
    import xgboost

    return np.asarray(model.predict(xgboost.DMatrix(inputs, nthread=1)), np.float64)


def _fit_lightgbm(train: Sample, val: Sample, recipe: Recipe, _space: Space, seed: int) -> Any:
    import lightgbm

    (stage,) = recipe.stages
    # bin edges between all choices, also for variables with few rows a choice
    options = {"min_data_in_bin": 1, "feature_pre_filter": False, "verbosity": -1}
    train_data = lightgbm.Dataset(train.inputs, train.targets, params=options)
    val_data = lightgbm.Dataset(val.inputs, val.targets, reference=train_data)
    callbacks: list[Callable[..., Any]] = (
        [] if stage.stop is None else [lightgbm.early_stopping(stage.stop, verbose=False)]
    )
    fixed = {"num_threads": 1, "deterministic": True, "force_row_wise": True, "seed": seed}
    try:
        return lightgbm.train(
            {"objective": "regression", "metric": "rmse", **options, **stage.parameters, **fixed},
            train_data,
            stage.rounds,
            valid_sets=[val_data],
            callbacks=callbacks,
        )
    except lightgbm.basic.LightGBMError as error:  # no ValueError, as the other libraries raise
        raise ValueError(str(error)) from error


def _predict_directly(model: Any, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(model.predict(inputs), np.float64)


def _fit_forest(train: Sample, _val: Sample, recipe: Recipe, _space: Space, seed: int) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    (stage,) = recipe.stages
    model = RandomForestRegressor(stage.rounds, **stage.parameters, random_state=seed, n_jobs=1)
    return model.fit(train.inputs, train.targets)


def _fit_boosting(train: Sample, val: Sample, recipe: Recipe, _space: Space, seed: int) -> Any:
    from sklearn.ensemble import GradientBoostingRegressor

    (stage,) = recipe.stages
    options = {"n_estimators": stage.rounds, **stage.parameters, "random_state": seed}
    model = GradientBoostingRegressor(**options)
    if stage.stop is None:
        return model.fit(train.inputs, train.targets)
    errors: list[float] = []
    residual = val.targets.copy()

    def stop(round_: int, model: Any, _variables: dict[str, Any]) -> bool:
        if round_ == 0:
            residual[:] -= model.init_.predict(val.inputs)
        residual[:] -= model.learning_rate * model.estimators_[round_, 0].predict(val.inputs)
        errors.append(float(residual @ residual))
        return round_ - int(np.argmin(errors)) >= (stage.stop or 0)

    model.fit(train.inputs, train.targets, monitor=stop)
    model.n_estimators_ = int(np.argmin(errors)) + 1
    model.estimators_ = model.estimators_[: model.n_estimators_]
    return model


FAMILIES: dict[str, Family] = {
    "xgboost": Family(_fit_xgboost, _predict_xgboost, lambda model: model.num_boosted_rounds()),
    "lightgbm": Family(
        _fit_lightgbm,
        _predict_directly,
        lambda model: model.best_iteration if model.best_iteration > 0 else model.num_trees(),
    ),
    "random_forest": Family(_fit_forest, _predict_directly, lambda model: len(model.estimators_)),
    "gradient_boosting": Family(_fit_boosting, _predict_directly, lambda model: len(model.estimators_)),
}
