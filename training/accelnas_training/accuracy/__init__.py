"""What a trained network is worth elsewhere: top-1 with few bits, and of corrupted images."""

from accelnas_training.accuracy.corruptions import corrupted_accuracy
from accelnas_training.accuracy.int8 import int8_accuracy

__all__ = ["corrupted_accuracy", "int8_accuracy"]
