"""How kinds of accelerators compute layers."""

from accelnas.hardware.engines.array import ARRAY, array_cycles
from accelnas.hardware.engines.base import Cost, Engine
from accelnas.hardware.engines.dpu import DPU

__all__ = ["ENGINES", "Cost", "Engine", "array_cycles"]

ENGINES = {"array": ARRAY, "dpu": DPU}
"""Engines by name."""
