"""Answers to resolved questions: searched, and certified."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from accelnas import _core
from accelnas.errors import SearchError
from accelnas.exact.artifacts import described
from accelnas.exact.certificate import Certificate, engine_sha256
from accelnas.exact.claims import Counts
from accelnas.exact.engine import Finished, Run, prepare, run
from accelnas.exact.kinds import KINDS

if TYPE_CHECKING:
    from accelnas.exact.resolved import ResolvedQuestion
    from accelnas.models.predictor import Predictor

__all__ = ["answer", "certified", "rest_on"]


def answer(bench: Predictor, question: ResolvedQuestion, how: Run) -> Any:
    """Search, and give the result that the kind of question has.

    Raises
    ------
    SearchError, MetricError, SpaceError, FileError, MissingExtraError
        As `Benchmark.best`.
    """
    engine = how.options.engine
    if engine == "scan" and not KINDS[question.kind].scanned:
        raise SearchError(f"engine is 'scan', which finds the best, not a {question.kind}; choose threads or ray")
    rest_on(bench, question, how.threads)
    search = prepare(bench, question, how.threads, prune=engine != "scan")
    return certified(bench, question, search, run(bench, question, search, how), how.threads)


def rest_on(bench: Predictor, question: ResolvedQuestion, threads: int | None = None) -> None:
    """Prove what the answer rests on."""
    KINDS[question.kind].require(question, lambda further: answer(bench, further, Run(threads=threads)))


def certified(
    bench: Predictor, question: ResolvedQuestion, search: _core.Search, finished: Finished, threads: int | None = None
) -> Any:
    """Give the result of a finished search, with its certificate."""
    outcome = search.result(finished.state, threads)
    kind, space = KINDS[question.kind], bench.space
    content, findings = question.to_json(space), kind.findings(bench, question, outcome)
    complete = outcome["complete"]
    size = question.size(space)
    counts = Counts(outcome["evaluated"], outcome["pruned"], outcome["settled"], search.size - size)
    proven = kind.bound(content, findings, size) if complete else kind.partial_bound(content, findings, counts.total)
    certificate = Certificate(
        question=content,
        space={"name": space.name, "sha256": space.sha256, "size": space.size},
        size=size,
        metrics=described(bench, question.metrics),
        engine={
            "name": finished.engine,
            "accelnas": _core.__version__,
            "extension_sha256": engine_sha256(),
            "shards": finished.shards,
        },
        result=findings,
        counts=counts,
        bound=proven,
        complete=complete,
        seconds=finished.seconds,
        threads=finished.threads,
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )
    return kind.result(bench, certificate)
