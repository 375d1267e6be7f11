"""Source models: what they are, and what their own library says about an architecture.

A model is read from memory or from a file whose kind is told by its content. Pickles are refused,
not loaded: they can run any code.
"""

from accelnas.build.sources.base import Source
from accelnas.build.sources.read import read_source

__all__ = ["Source", "read_source"]
