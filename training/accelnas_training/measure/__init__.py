"""Measure latency, throughput, memory and energy of networks: one protocol for every device."""

from accelnas_training.errors import MeasurementError
from accelnas_training.measure.measuring import measure_module, measure_network
from accelnas_training.measure.protocol import SHIPPED, Command, Protocol, Quantisation, Timing, load_protocol
from accelnas_training.measure.timing import Measurement

__all__ = [
    "SHIPPED",
    "Command",
    "Measurement",
    "MeasurementError",
    "Protocol",
    "Quantisation",
    "Timing",
    "load_protocol",
    "measure_module",
    "measure_network",
]
