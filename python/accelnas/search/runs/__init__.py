"""Many seeded runs of many algorithms, and how good they were."""

from accelnas.search.runs.comparison import Comparison, Differences
from accelnas.search.runs.engine import ManyOptions, make_runs
from accelnas.search.runs.folder import read_runs
from accelnas.search.runs.logs import Logs
from accelnas.search.runs.plan import Plan
from accelnas.search.runs.result import Runs
from accelnas.search.runs.summary import Summary

__all__ = ["Comparison", "Differences", "Logs", "ManyOptions", "Plan", "Runs", "Summary", "make_runs", "read_runs"]
