"""Training schemes as data: two are shipped, others are TOML files."""

from accelnas_training.schemes.files import SHIPPED, load_scheme, to_toml
from accelnas_training.schemes.scheme import Optimizer, Resize, Schedule, Scheme

__all__ = ["SHIPPED", "Optimizer", "Resize", "Schedule", "Scheme", "load_scheme", "to_toml"]
