"""Training: the loop, its checkpoints, and what it leaves as evidence."""

from accelnas_training.train.architecture import train_architecture
from accelnas_training.train.result import EpochRow, TrainingResult
from accelnas_training.train.run import train

__all__ = ["EpochRow", "TrainingResult", "train", "train_architecture"]
