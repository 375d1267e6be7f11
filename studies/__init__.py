"""Published results computed again: each experiment is one file, with one report for all."""

from studies.base import Comparison, Figure, Reproduction, Table, Verdict, write_reproduction
from studies.fig3 import reproduce_fig3
from studies.fig4 import reproduce_fig4
from studies.fig5 import reproduce_fig5
from studies.fig6 import reproduce_fig6
from studies.tables import reproduce_table

__all__ = [
    "Comparison",
    "Figure",
    "Reproduction",
    "Table",
    "Verdict",
    "reproduce_fig3",
    "reproduce_fig4",
    "reproduce_fig5",
    "reproduce_fig6",
    "reproduce_table",
    "write_reproduction",
]
