"""Published results computed again: each experiment is one file, with one report for all."""

from accelnas.reproduce.base import Comparison, Figure, Reproduction, Table, Verdict
from accelnas.reproduce.circumstances import machine, versions
from accelnas.reproduce.fig3 import reproduce_fig3
from accelnas.reproduce.fig4 import reproduce_fig4
from accelnas.reproduce.fig5 import reproduce_fig5
from accelnas.reproduce.tables import reproduce_table
from accelnas.reproduce.writer import write_reproduction

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
