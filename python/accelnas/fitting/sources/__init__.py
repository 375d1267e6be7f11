"""Source models: what they are, and what their own library says about an architecture.

A model is read from memory or from a file whose kind is told by its content. Pickles are refused,
not loaded: they can run any code.
"""

from accelnas.fitting.sources.base import Source
from accelnas.fitting.sources.read import read_source

__all__ = ["Source", "read_source"]
