"""Evaluation of model settings on held-out measurements, from cached fits to a report."""

from accelnas.fitting.evaluation.cells import Cache
from accelnas.fitting.evaluation.report import Evaluation, run_evaluation, write_report
from accelnas.fitting.evaluation.runs import RUNS, Plan, plan_cells

__all__ = ["RUNS", "Cache", "Evaluation", "Plan", "plan_cells", "run_evaluation", "write_report"]
