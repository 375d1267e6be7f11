"""Checks certificates against a benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from accelnas import _core
from accelnas.errors import AccelnasError
from accelnas.exact.answer import answer
from accelnas.exact.artifacts import described
from accelnas.exact.case import Case
from accelnas.exact.certificate import engine_sha256
from accelnas.exact.engine import Run
from accelnas.exact.kinds import KINDS
from accelnas.exact.options import RunOptions
from accelnas.exact.resolved import ResolvedQuestion
from accelnas.exact.verification import Check, Finding, Verification, failed, passed, skipped

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelnas.exact.certificate import Certificate
    from accelnas.models.predictor import Predictor

__all__ = ["verify"]


def verify(
    certificate: Certificate, bench: Predictor, *, rerun: bool, samples: int, threads: int | None
) -> Verification:
    """Check a certificate; see `Certificate.verify`."""
    checks = [_check("benchmark", lambda: _benchmark(certificate, bench))]
    if checks[0].status == "failed":
        return Verification(tuple(checks))
    bench = _with_derived(certificate, bench)
    question = ResolvedQuestion.from_json(bench, certificate.question)

    def answered(further: ResolvedQuestion) -> Any:
        return answer(bench, further, Run(threads=threads))

    case = Case(certificate, bench, question, answered, samples, threads)
    claims: dict[str, Callable[[Case], Finding]] = {
        "engine": _engine,
        "counts": _counts,
        **KINDS[question.kind].checks(),
        "rerun": _rerun if rerun else lambda _case: skipped("not asked for"),
    }
    checks += [_check(name, lambda claim=claim: claim(case)) for name, claim in claims.items()]  # type: ignore[misc]
    return Verification(tuple(checks))


def _check(name: str, claim: Callable[[], Finding]) -> Check:
    try:
        return Check(name, *claim())
    except AccelnasError as error:
        return Check(name, "failed", str(error))


def _with_derived(certificate: Certificate, bench: Predictor) -> Predictor:
    """Derive metrics again that the certificate describes and the benchmark lacks."""
    for name, entry in certificate.metrics.items():
        if entry["expression"] is not None and name not in bench.metrics:
            bench = bench.derive(name, entry["expression"], unit=entry["unit"], direction=entry["direction"])
    return bench


def _benchmark(certificate: Certificate, bench: Predictor) -> Finding:
    """Compare the space and the metrics with those of the certificate."""
    space = bench.space
    if dict(certificate.space) != {"name": space.name, "sha256": space.sha256, "size": space.size}:
        return failed(f"the certificate is about the space {certificate.space['name']}, this is another one")
    bench = _with_derived(certificate, bench)
    question = ResolvedQuestion.from_json(bench, certificate.question)
    own = described(bench, question.metrics)
    for name in own.keys() | certificate.metrics.keys():
        if own.get(name) != certificate.metrics.get(name):
            return failed(f"{name} is {own.get(name)}, in the certificate {certificate.metrics.get(name)}")
    return passed(f"the space and the files of {len(own)} metrics are those of the certificate")


def _engine(case: Case) -> Finding:
    """Say whether this engine is the one that searched; another one can check all the same."""
    theirs = case.certificate.engine
    if theirs["accelnas"] == _core.__version__ and theirs["extension_sha256"] == engine_sha256():
        return passed(f"accelnas {_core.__version__}, the same compiled module")
    return skipped(f"made by accelnas {theirs['accelnas']}, another compiled module than this one")


def _counts(case: Case) -> Finding:
    """Expect every architecture dealt with once, and a bound that says what the result says."""
    certificate, space = case.certificate, case.bench.space
    size, unlawful = case.question.size(space), case.certificate.counts.unlawful
    if certificate.size != size:
        return failed(f"the (sub)space has {size} architectures, the certificate says {certificate.size}")
    kind, total = KINDS[case.question.kind], certificate.counts.total
    if not certificate.complete and certificate.bound == kind.partial_bound(
        certificate.question, certificate.result, total
    ):
        return skipped(f"{total:,} of {size:,} architectures were dealt with: {certificate.bound}")
    bound = kind.bound(certificate.question, certificate.result, size)
    if unlawful and not space.has_rules:
        return failed(f"{unlawful} joint states are said to break rules of a space that has none")
    if certificate.counts.total != size + unlawful or certificate.bound != bound:
        return failed(f"{certificate.counts.total:,} of {size:,} architectures; {certificate.bound}")
    return passed(f"{size:,} architectures: evaluated, pruned and counted ones add up")


def _rerun(case: Case) -> Finding:
    """Search from the beginning, without pruning where that is possible."""
    old = case.certificate
    if not old.complete:
        return skipped("the search was interrupted, a whole one finds more")
    engine: Literal["threads", "scan"] = "scan" if KINDS[case.question.kind].scanned else "threads"
    new = answer(case.bench, case.question, Run(RunOptions(engine), case.threads)).certificate
    if new.result != old.result or new.complete != old.complete:
        return failed("the search finds another result")
    same = old.engine == new.engine
    if same and new.counts != old.counts:
        return failed(f"the search settles {new.counts}, the certificate says {old.counts}")
    counts = "and the same counts" if same else "(counts are not compared: another engine or division)"
    return passed(f"the same result {counts} in {new.seconds:.1f} s")
