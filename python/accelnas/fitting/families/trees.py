"""Trees of XGBoost, LightGBM, CatBoost and scikit-learn, boosted or a forest, on a sum over blocks if wanted."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from itertools import chain, combinations
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from accelnas.errors import ModelError
from accelnas.fitting.anova import Tables
from accelnas.fitting.encoding import Encoding
from accelnas.fitting.families.base import Family, Models, Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from accelnas import Space
    from accelnas.fitting.families.base import Recipe, Stage

    Floats = NDArray[np.float64]
    Choices = NDArray[np.uint8]
    Arrays = tuple[NDArray[np.float32], Floats]  # inputs and targets

__all__ = ["CatBoost", "GradientBoosting", "LightGBM", "RandomForest", "TreeFamily", "XGBoost"]

RIDGE = 1.0  # penalty of the base, in rows: states that few rows have stay near the mean


@dataclass(frozen=True)
class TreeMember:
    """A library's model and the base to which it adds."""

    model: Any
    base: Tables | None


class TreeFamily(Family):
    """A library of trees; its stages continue each other."""

    most_stages: ClassVar[int] = 1
    limits_paths: ClassVar[bool] = False

    def __init__(self, recipe: Recipe, space: Space) -> None:
        super().__init__(recipe, space)
        what = f"recipe {recipe.name}"
        if recipe.parameters:
            raise ModelError(f"{what}: {self.name} takes its parameters in stages, not {next(iter(recipe.parameters))}")
        if not 1 <= len(recipe.stages) <= self.most_stages:
            raise ModelError(f"{what}: {len(recipe.stages)} stages; {self.name} takes 1 to {self.most_stages}")
        self.encoding = Encoding.one_hot(space) if recipe.one_hot else None
        limits = any(stage.max_blocks or stage.max_variables for stage in recipe.stages)
        if limits and not self.limits_paths:
            raise ModelError(f"{what}: {self.name} can't limit paths; drop max_blocks and max_variables")

    @abstractmethod
    def fit_trees(self, train: Arrays, val: Arrays, seed: int) -> Any:
        """Fit the library's model to inputs and targets."""

    def predict(self, model: Any, inputs: NDArray[np.float32]) -> Floats:
        """Predict with the library."""
        return np.asarray(model.predict(inputs), np.float64)

    def inputs(self, choices: Choices) -> NDArray[np.float32]:
        """Give what the library sees of architectures."""
        return choices.astype(np.float32) if self.encoding is None else self.encoding.transform(choices)

    def paths(self, stage: Stage) -> list[list[int]]:
        """Interaction constraints, by column."""
        groups = path_groups(self.space, stage)
        if self.encoding is None:
            return groups
        of_column = [variable for variable, _ in self.encoding.columns]
        return [[c for c, variable in enumerate(of_column) if variable in group] for group in groups]

    def size(self, model: Any) -> int:
        """Return the number of trees."""
        return len(model.estimators_)

    def fit(self, train: Sample, val: Sample, seed: int) -> TreeMember:
        base = _block_base(train, self.space) if self.recipe.base == "blocks" else None
        own, stop = ((self.inputs(s.choices), s.targets - _base_values(base, s.choices)) for s in (train, val))
        return TreeMember(self.fit_trees(own, stop, seed), base)

    def gather(self, members: Sequence[TreeMember]) -> Models:
        def predict(choices: Choices) -> Floats:
            inputs = self.inputs(choices)
            return np.stack([self.predict(m.model, inputs) + _base_values(m.base, choices) for m in members])

        bases, models = [m.base for m in members if m.base is not None], [m.model for m in members]
        size = sum(map(self.size, models))
        return Models(predict, len(members), size, models, Tables.joined(bases) if bases else None)


def _base_values(base: Tables | None, choices: Choices) -> Floats | float:
    return 0.0 if base is None else base.predict(choices)[0]


def _block_variables(space: Space) -> list[tuple[int, ...]]:
    number = {variable.name: i for i, variable in enumerate(space.variables)}
    return [tuple(number[name] for name in block.variables) for block in space.blocks]


def _block_base(train: Sample, space: Space) -> Tables:
    """Fit a sum over blocks of one number a joint state, by ridge regression (Hoerl & Kennard 1970)."""
    sets = _block_variables(space)
    if any(len(variables) > 4 for variables in sets):
        raise ModelError("a base of blocks needs blocks of at most 4 variables; fit without one")
    shapes = [tuple(len(space.variables[v].states) for v in variables) for variables in sets]
    sizes = [math.prod(shape) for shape in shapes]
    columns = [train.choices[:, list(variables)].T for variables in sets]
    states = [np.ravel_multi_index(tuple(own), shape) for own, shape in zip(columns, shapes, strict=True)]
    one_hot = [np.eye(size)[own] for size, own in zip(sizes, states, strict=True)]
    design = np.concatenate(one_hot, axis=1)
    mean = float(train.targets.mean())
    gram = design.T @ design + RIDGE * np.eye(design.shape[1])
    solution = np.linalg.solve(gram, design.T @ (train.targets - mean))
    parts = np.split(solution, np.cumsum(sizes)[:-1])
    return Tables(np.array([mean]), sets, [part.reshape(1, *shape) for part, shape in zip(parts, shapes, strict=True)])


def path_groups(space: Space, stage: Stage) -> list[list[int]]:
    """Interaction constraints: the variables of a path all lie in one of the groups."""
    blocks = _block_variables(space)
    # no limit is stated, too: a later stage would inherit the constraints of the one before
    most_blocks = min(stage.max_blocks or len(blocks), len(blocks))
    groups = [sorted(chain(*group)) for group in combinations(blocks, most_blocks)]
    if stage.max_variables is None:
        return groups
    subsets = (combinations(group, min(stage.max_variables, len(group))) for group in groups)
    return [list(subset) for subset in sorted(set(chain(*subsets)))]


class XGBoost(TreeFamily):
    """XGBoost (Chen & Guestrin 2016); stages with limits on paths make small tables."""

    name = "xgboost"
    library = "xgboost"
    most_stages = 8
    limits_paths = True

    def fit_trees(self, train: Arrays, val: Arrays, seed: int) -> Any:
        import xgboost

        class Stopping(xgboost.callback.TrainingCallback):
            def after_iteration(_, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002, N805 `self` fits
                self.check()
                return False

        matrices = [xgboost.DMatrix(inputs, label=targets, nthread=1) for inputs, targets in (train, val)]
        model = None
        for stage in self.recipe.stages:
            parameters = {
                "tree_method": "hist",
                **stage.parameters,
                "nthread": 1,
                "seed": seed,
                "interaction_constraints": str(self.paths(stage)),
            }
            model = xgboost.train(
                parameters,
                matrices[0],
                stage.rounds,
                evals=[(matrices[1], "val")],
                early_stopping_rounds=stage.stop,
                verbose_eval=False,
                xgb_model=model,
                callbacks=[Stopping()],
            )
            if stage.stop is not None:
                model = model[: model.best_iteration + 1]
        return model

    def predict(self, model: Any, inputs: NDArray[np.float32]) -> Floats:
        import xgboost

        return np.asarray(model.predict(xgboost.DMatrix(inputs, nthread=1)), np.float64)

    def size(self, model: Any) -> int:
        return int(model.num_boosted_rounds())


class LightGBM(TreeFamily):
    """LightGBM (Ke et al. 2017)."""

    name = "lightgbm"
    library = "lightgbm"
    limits_paths = True

    def fit_trees(self, train: Arrays, val: Arrays, seed: int) -> Any:
        import lightgbm

        (stage,) = self.recipe.stages
        # bin edges between all choices, also for variables with few rows a choice
        options: dict[str, Any] = {"min_data_in_bin": 1, "feature_pre_filter": False, "verbosity": -1}
        if stage.max_blocks or stage.max_variables:
            groups = self.paths(stage)
            options["interaction_constraints"] = ",".join(f"[{','.join(map(str, group))}]" for group in groups)
        train_data = lightgbm.Dataset(*train, params=options)
        val_data = lightgbm.Dataset(*val, reference=train_data)
        callbacks: list[Callable[..., Any]] = [lambda _: self.check()]
        if stage.stop is not None:
            callbacks.append(lightgbm.early_stopping(stage.stop, verbose=False))
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

    def size(self, model: Any) -> int:
        return int(model.best_iteration if model.best_iteration > 0 else model.num_trees())


class CatBoost(TreeFamily):
    """CatBoost (Prokhorenkova et al. 2018)."""

    name = "catboost"
    library = "catboost"

    def fit_trees(self, train: Arrays, val: Arrays, seed: int) -> Any:
        import catboost

        class Stopping:
            def after_iteration(_, info: Any) -> bool:  # noqa: ARG002, N805 `self` fits
                self.check()
                return True

        (stage,) = self.recipe.stages
        fixed = {"thread_count": 1, "random_seed": seed, "allow_writing_files": False, "logging_level": "Silent"}
        model = catboost.CatBoostRegressor(iterations=stage.rounds, **stage.parameters, **fixed)
        own, stop = (catboost.Pool(*arrays) for arrays in (train, val))
        try:
            return model.fit(own, eval_set=stop, early_stopping_rounds=stage.stop, callbacks=[Stopping()])
        except catboost.CatBoostError as error:  # no ValueError, as the other libraries raise
            self.check()
            raise ValueError(str(error)) from error

    def predict(self, model: Any, inputs: NDArray[np.float32]) -> Floats:
        return np.asarray(model.predict(inputs, thread_count=1), np.float64)

    def size(self, model: Any) -> int:
        return int(model.tree_count_)


class GradientBoosting(TreeFamily):
    """scikit-learn's boosted trees (Friedman 2001)."""

    name = "gradient_boosting"
    library = "sklearn.ensemble"

    def fit_trees(self, train: Arrays, val: Arrays, seed: int) -> Any:
        from sklearn.ensemble import GradientBoostingRegressor

        (stage,) = self.recipe.stages
        options = {"n_estimators": stage.rounds, **stage.parameters, "random_state": seed}
        model = GradientBoostingRegressor(**options)
        if stage.stop is None:
            return model.fit(*train, monitor=lambda *_: self.check())
        errors: list[float] = []
        val_inputs, residual = val[0], val[1].copy()

        def stop(round_: int, model: Any, _variables: dict[str, Any]) -> bool:
            self.check()
            if round_ == 0:
                residual[:] -= model.init_.predict(val_inputs)
            residual[:] -= model.learning_rate * model.estimators_[round_, 0].predict(val_inputs)
            errors.append(float(residual @ residual))
            return round_ - int(np.argmin(errors)) >= (stage.stop or 0)

        model.fit(*train, monitor=stop)
        model.n_estimators_ = int(np.argmin(errors)) + 1
        model.estimators_ = model.estimators_[: model.n_estimators_]
        return model


class RandomForest(TreeFamily):
    """scikit-learn's random forest (Breiman 2001)."""

    name = "random_forest"
    library = "sklearn.ensemble"

    def fit_trees(self, train: Arrays, val: Arrays, seed: int) -> Any:  # noqa: ARG002 no early stopping
        from sklearn.ensemble import RandomForestRegressor

        (stage,) = self.recipe.stages
        model = RandomForestRegressor(**stage.parameters, random_state=seed, n_jobs=1, warm_start=True)
        for trees in range(1, stage.rounds + 1):  # a tree's seed depends on its number alone
            self.check()
            model.set_params(n_estimators=trees).fit(*train)
        return model.set_params(warm_start=False)
