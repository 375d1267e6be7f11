"""Training: the loop, its checkpoints, and what it leaves as evidence."""

from accelnas_training.train.evidence import EpochRow, TrainingResult, Validation
from accelnas_training.train.run import train, train_architecture

__all__ = ["EpochRow", "TrainingResult", "Validation", "train", "train_architecture"]
