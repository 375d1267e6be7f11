"""The model families, behind one interface."""

from accelnas.fitting.families.anova import AnovaProcess, ProductProcess
from accelnas.fitting.families.base import Family, Fit, Recipe, Sample, Stage
from accelnas.fitting.families.baselines import Additive, Median
from accelnas.fitting.families.estimators import EpsilonSVR, GaussianProcessRegression, NuSVR, Perceptron
from accelnas.fitting.families.known import KNOWN_FAMILIES
from accelnas.fitting.families.trees import CatBoost, GradientBoosting, LightGBM, RandomForest, XGBoost

__all__ = ["FAMILIES", "KNOWN_FAMILIES", "Family", "Fit", "Recipe", "Sample", "Stage"]

FAMILIES: dict[str, type[Family]] = {
    family.name: family
    for family in (
        AnovaProcess,
        ProductProcess,
        XGBoost,
        LightGBM,
        CatBoost,
        GradientBoosting,
        RandomForest,
        EpsilonSVR,
        NuSVR,
        GaussianProcessRegression,
        Perceptron,
        Additive,
        Median,
    )
}
