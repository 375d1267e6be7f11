"""Answers that are kept beside a benchmark, as certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelnas.exact.artifacts import described
from accelnas.exact.certificate import Certificate
from accelnas.exact.kinds import KINDS

if TYPE_CHECKING:
    from accelnas.exact.questions import Question
    from accelnas.models.predictor import Predictor

__all__ = ["FOLDER", "kept"]

FOLDER = "certificates"
"""Where they are in a benchmark's folder."""


def kept(bench: Predictor, question: Question) -> Any | None:
    """Give the answer to a question that a certificate in the benchmark's folder holds.

    It is read from ``certificates/KIND-METRIC.json`` (metrics joined by ``+``), as commands write certificates.

    Returns
    -------
    result or None
        What `solve` gives; None if there is no such file, or it is of another question, space or artifact.

    Raises
    ------
    FileError, SearchError
        If the file can't be read, or is no certificate.

    Examples
    --------
    >>> import accelnas
    >>> from accelnas.exact import DistributionQuestion
    >>> from accelnas.exact.kept import kept
    >>> found = kept(accelnas.load(), DistributionQuestion("accuracy", bins=1024))
    >>> int(found.counts.sum())
    104485552128
    """
    asked = question.resolve(bench)
    path = bench.path / FOLDER / f"{asked.kind}-{'+'.join(asked.metrics)}.json"
    if not path.is_file():
        return None
    found = Certificate.load(path)
    is_of_this = (
        found.complete
        and found.question == asked.to_json(bench.space)
        and found.space["sha256"] == bench.space.sha256
        and found.metrics == described(bench, asked.metrics)
    )
    return KINDS[asked.kind].result(bench, found) if is_of_this else None
