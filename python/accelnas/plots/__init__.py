"""Drawings of plain arrays on matplotlib's axes, and files of them; they need the extra ``[plots]``."""

from accelnas.plots.style import save

__all__ = ["save"]
