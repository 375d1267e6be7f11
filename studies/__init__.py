"""Published results computed again: each experiment is one file, with one report for all."""

from accelnas.circumstances import machine, versions
from studies.base import Comparison, Figure, Reproduction, Table, Verdict
from studies.fig3 import reproduce_fig3
from studies.fig4 import reproduce_fig4
from studies.fig5 import reproduce_fig5
from studies.tables import reproduce_table
from studies.writer import write_reproduction

__all__ = [
    "Comparison",
    "Figure",
    "Reproduction",
    "Table",
    "Verdict",
    "machine",
    "reproduce_fig3",
    "reproduce_fig4",
    "reproduce_fig5",
    "reproduce_table",
    "versions",
    "write_reproduction",
]
