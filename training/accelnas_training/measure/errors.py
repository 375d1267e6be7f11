"""What can go wrong while measuring."""

from __future__ import annotations

from accelnas.errors import AccelnasError

__all__ = ["MeasurementError"]


class MeasurementError(AccelnasError, RuntimeError):
    """A network can't be measured as its protocol says, or a command of the user's failed.

    Attributes
    ----------
    kind : str
        ``unsupported`` (the same again would fail again), ``command failed``, ``timed out`` or ``not understood``.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
