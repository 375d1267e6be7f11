"""Kinds of questions: each says what its result is, what is proven, and how to check it."""

from accelnas.exact.kinds.base import Kind
from accelnas.exact.kinds.best import Best, BestResult
from accelnas.exact.kinds.count import Count, CountResult

__all__ = ["KINDS", "Best", "BestResult", "Count", "CountResult", "Kind"]

KINDS: dict[str, Kind] = {kind.name: kind for kind in (Best(), Count())}
