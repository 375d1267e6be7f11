"""How much a client may ask for."""

from __future__ import annotations

from dataclasses import dataclass

from accelnas._core import MAX_POINTS
from accelnas.arguments import MOST_SAMPLES, check_number, check_threads, check_whole
from accelnas.errors import AccelnasError, ArtifactError, FileError, MissingExtraError, OutOfMemoryError

__all__ = ["LimitError", "Limits", "error_of", "slow_body", "status_of"]


class LimitError(AccelnasError):
    """More was asked of a server than it allows; `status` is HTTP's."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Limits:
    """What one request may take.

    Attributes
    ----------
    body : int
        Bytes of a request's body, and of a line of a stream, which may have any number of lines.
    rows : int
        Architectures of a request.
    points : int
        Architectures of an answer about the whole space: of a front, or of the best.
    seconds : float
        Time of a question about the whole space, of sending a request, and of taking a part of a stream's answer.
    questions : int
        Questions about the whole space that are answered at the same time; more are refused.
    threads : int or None
        Threads of each of them; one a core by default.

    Raises
    ------
    ParameterError
        If a number is out of range.
    """

    body: int = 4 << 20
    rows: int = 10_000
    points: int = 100_000
    seconds: float = 60.0
    questions: int = 1
    threads: int | None = None

    def __post_init__(self) -> None:
        """Refuse what can't be meant."""
        check_whole("body", self.body, 1, 1 << 30)
        check_whole("rows", self.rows, 1, MOST_SAMPLES)
        check_whole("points", self.points, 1, MAX_POINTS)
        check_number("seconds", self.seconds, 0.001, 1e6)
        check_whole("questions", self.questions, 1, 1024)
        check_threads(self.threads)

    def check_rows(self, rows: int) -> None:
        """Refuse too many architectures.

        Raises
        ------
        LimitError
            If there are more than `rows`.
        """
        if rows > self.rows:
            raise LimitError(
                f"{rows:,} architectures are asked for, {self.rows:,} are allowed; divide them, or use /predict/stream",
                413,
            )


def slow_body(limits: Limits) -> LimitError:
    """Say that a client takes too long to send."""
    return LimitError(f"the body did not come within {limits.seconds:g} s, which is the limit; send it at once", 408)


def status_of(error: AccelnasError) -> int:
    """HTTP's status of an error: the client's fault, but for what the server lacks."""
    if isinstance(error, LimitError):
        return error.status
    lacking = (ArtifactError, FileError, MissingExtraError, OutOfMemoryError)
    return 503 if isinstance(error, lacking) else 422


def error_of(error: AccelnasError) -> dict[str, str]:
    """Body of an answer that is an error."""
    return {"error": type(error).__name__, "message": str(error)}
