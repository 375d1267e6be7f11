"""Exceptions of accelnas-training."""

from accelnas.errors import AccelnasError

__all__ = ["ControllerError"]


class ControllerError(AccelnasError, ValueError):
    """A controller's settings or tasks are not what they should be, or it was told what it did not ask."""
