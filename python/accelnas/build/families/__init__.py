"""The model families, behind one interface."""

from accelnas.build.families.anova import AnovaProcess
from accelnas.build.families.base import Family, Fit, Sample
from accelnas.build.families.boosting import GradientBoosting, LightGBM, XGBoost
from accelnas.build.families.forest import RandomForest
from accelnas.build.families.svr import EpsilonSVR, NuSVR

__all__ = ["FAMILIES", "Family", "Fit", "Sample"]

FAMILIES: dict[str, type[Family]] = {
    family.name: family
    for family in (AnovaProcess, XGBoost, LightGBM, GradientBoosting, RandomForest, EpsilonSVR, NuSVR)
}
