"""Questions about several devices at once: specialised networks, one network for all, network and device together."""

from accelnas.devices.codesign import Codesign, Pair, codesign
from accelnas.devices.joint import JointFront, Segment, joint_front
from accelnas.devices.mean import WeightedMean, weighted_mean
from accelnas.devices.microcontroller import Microcontroller, microcontroller
from accelnas.devices.specialisation import Specialisation, specialise
from accelnas.devices.worst import WorstCase, worst_case

__all__ = [
    "Codesign",
    "JointFront",
    "Microcontroller",
    "Pair",
    "Segment",
    "Specialisation",
    "WeightedMean",
    "WorstCase",
    "codesign",
    "joint_front",
    "microcontroller",
    "specialise",
    "weighted_mean",
    "worst_case",
]
