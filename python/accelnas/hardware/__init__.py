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
from accelnas.hardware.precision import Precision, load_precision, precisions
from accelnas.networks import Layer, NetworkLayers, network_layers

__all__ = [
    "Accelerator",
    "Layer",
    "NetworkLayers",
    "Precision",
    "accelerators",
    "join",
    "load_accelerator",
    "load_precision",
    "network_layers",
    "precisions",
    "with_ratios",
]
