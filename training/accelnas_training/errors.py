"""Exceptions of accelnas-training."""

from accelnas.errors import AccelnasError


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


class Failure(AccelnasError, RuntimeError):  # noqa: N818 (an outcome, as data)
    """What was tried failed, in a way that has a name.

    Attributes
    ----------
    kind : str
        The name; a store keeps it.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class TrainingFailure(Failure):
    """A training ran and failed, which is a result too: ``diverged`` or ``out of memory``."""


class MeasurementError(Failure):
    """A network can't be measured as its protocol says, or a command of the user's failed.

    Kinds are ``unsupported`` (the same again would fail again), ``command failed``, ``timed out`` and
    ``not understood``.
    """


class StoreError(AccelnasError, ValueError):
    """A store of results is in use, damaged, of another version, or of another search space."""


class ProxyError(AccelnasError, ValueError):
    """A search for a training proxy can't be done as asked."""
