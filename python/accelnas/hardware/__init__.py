"""Networks and accelerators designed together: one search space of both, and proven answers about it.

Examples
--------
>>> import accelnas
>>> from accelnas import hardware
>>> hardware.accelerators()
('dpu', 'eyeriss', 'tpu')
>>> pairs = hardware.join(accelnas.load(), "eyeriss")
>>> pairs.space.size == accelnas.load().space.size * hardware.load_accelerator("eyeriss").space.size
True
"""

from accelnas.hardware.accelerator import Accelerator, accelerators, load_accelerator
from accelnas.hardware.joined import join, with_ratios
from accelnas.networks import Layer, NetworkLayers, network_layers

__all__ = [
    "Accelerator",
    "Layer",
    "NetworkLayers",
    "accelerators",
    "join",
    "load_accelerator",
    "network_layers",
    "with_ratios",
]
