"""Exceptions of accelnas-training."""

from accelnas.errors import AccelnasError

__all__ = [
    "ControllerError",
    "ImagesError",
    "NetworkError",
    "ProxyError",
    "SchemeError",
    "StoreError",
    "TrainingError",
    "TrainingFailure",
]


class ControllerError(AccelnasError, ValueError):
    """A controller's settings or tasks are not what they should be, or it was told what it did not ask."""


class NetworkError(AccelnasError, ValueError):
    """A network can't be built or exported, or does not equal its export."""


class SchemeError(AccelnasError, ValueError):
    """A training scheme is not what it should be."""


class ImagesError(AccelnasError, ValueError):
    """Images can't be read, or do not fit what is asked of them."""


class TrainingError(AccelnasError, ValueError):
    """A training can't begin or go on as asked: another scheme's checkpoint, a device that is not there."""


class TrainingFailure(AccelnasError, RuntimeError):  # noqa: N818 (an outcome, as data)
    """A training ran and failed, which is a result too.

    Attributes
    ----------
    kind : str
        ``diverged`` (a loss that is not finite) or ``out of memory``.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class StoreError(AccelnasError, ValueError):
    """A store of results is in use, damaged, of another version, or of another search space."""


class ProxyError(AccelnasError, ValueError):
    """A search for a training proxy can't be done as asked."""
