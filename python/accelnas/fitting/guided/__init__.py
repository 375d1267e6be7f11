"""Searches guided by a model of what was evaluated, whose acquisition is a sum of tables, so optimised exactly."""

from accelnas.fitting.guided.prior import Prior
from accelnas.fitting.guided.thompson import ThompsonSampling, thompson_sampling
from accelnas.fitting.guided.trees import BoostedTrees, boosted_trees

__all__ = ["BoostedTrees", "Prior", "ThompsonSampling", "boosted_trees", "thompson_sampling"]
