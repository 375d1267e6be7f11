"""Training schemes as data: two are shipped, others are TOML files."""

from accelnas_training.schemes.scheme import SHIPPED, Optimizer, Resize, Schedule, Scheme, load_scheme, to_toml

__all__ = ["SHIPPED", "Optimizer", "Resize", "Schedule", "Scheme", "load_scheme", "to_toml"]
