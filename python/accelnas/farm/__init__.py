"""The simulation farm: many seeded runs of many algorithms, and how good they were."""

from accelnas.farm.comparison import Comparison, Differences
from accelnas.farm.engine import FarmOptions, make_runs
from accelnas.farm.logs import Logs
from accelnas.farm.plan import Plan
from accelnas.farm.runs import Runs
from accelnas.farm.summary import Summary

__all__ = ["Comparison", "Differences", "FarmOptions", "Logs", "Plan", "Runs", "Summary", "make_runs"]
