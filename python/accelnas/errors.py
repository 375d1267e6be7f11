"""Exceptions of accelnas: one base class, one class for each kind of thing to mend."""

__all__ = [
    "AccelnasError",
    "AccelnasWarning",
    "ArtifactError",
    "DataError",
    "FileError",
    "MetricError",
    "MissingExtraError",
    "ModelError",
    "OutOfMemoryError",
    "ParameterError",
    "SearchError",
    "SpaceError",
    "TooManyPointsError",
]


class AccelnasError(Exception):
    """Base class of every error that accelnas raises on purpose."""


class SpaceError(AccelnasError, ValueError):
    """A search space or an architecture is not what it should be."""


class MetricError(AccelnasError, ValueError):
    """A benchmark has no such metric, or it can't give what was asked of it."""


class ParameterError(AccelnasError, ValueError):
    """A number, a choice or another plain parameter is out of its range."""


class ArtifactError(AccelnasError, ValueError):
    """A benchmark file is damaged, of another version, or does not fit the others."""


class FileError(AccelnasError, OSError):
    """The operating system refused to read or write a file."""


class ModelError(AccelnasError, ValueError):
    """A source model can't be compiled, or its compiled form does not equal it."""


class OutOfMemoryError(AccelnasError, MemoryError):
    """More memory was asked for than the system has; the message says how much."""


class SearchError(AccelnasError, ValueError):
    """A search of the whole space can't be done, resumed or merged as asked."""


class TooManyPointsError(SearchError):
    """A front has more points than were asked for."""


class DataError(AccelnasError, ValueError):
    """A data set does not hold together."""


class MissingExtraError(AccelnasError, ImportError):
    """An optional dependency is not installed."""


class AccelnasWarning(UserWarning):
    """A result is right as asked, but may not be what was meant."""
