"""Kinds of questions: each says what its result is, what is proven, and how to check it."""

from accelnas.exact.claims import CLAIMS
from accelnas.exact.kinds.base import Kind
from accelnas.exact.kinds.best import Best, BestResult
from accelnas.exact.kinds.count import Count, CountResult
from accelnas.exact.kinds.front import Front
from accelnas.exact.kinds.histogram import Histogram
from accelnas.exact.kinds.ranks import Ranks
from accelnas.exact.kinds.scalarised import Scalarised, ScalarisedResult

__all__ = ["KINDS", "Best", "BestResult", "Count", "CountResult", "Kind", "ScalarisedResult"]

KINDS: dict[str, Kind] = {kind.name: kind for kind in (Best(), Count(), Front(), Histogram(), Ranks(), Scalarised())}
CLAIMS.update(KINDS)
