"""Certificates: what a search of a whole space found, what it proved, and all that it depends on."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from accelnas import _core
from accelnas.errors import SearchError
from accelnas.exact.claims import CLAIMS, Counts, checked_question
from accelnas.exact.fields import Fields
from accelnas.exact.files import read_json, sha256_of, write_json
from accelnas.metric import LINK_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from accelnas.exact.verification import Verification

__all__ = ["Certificate", "engine_sha256"]

FORMAT = "accelnas certificate"
VERSION = 1
_LARGEST = 10**300  # architectures: estimates are of spaces that no search ends in, too


@dataclass(frozen=True)
class Certificate:
    """What a search found and proved; `docs/concepts/certificates.md` describes every field.

    Attributes
    ----------
    question : mapping
        Kind, objectives with directions, constraints, restrictions (``within``) and options.
    space : mapping
        Name, SHA-256 and size of the space.
    size : int
        Number of architectures that the question is about.
    metrics : mapping
        Of every metric the artifact's SHA-256, or the expression it is derived by.
    engine : mapping
        Name, accelnas version, SHA-256 of the compiled extension module, number of shards.
    result : mapping
        What was found: strings for architectures, float64 values.
    counts : Counts
        How the architectures were settled.
    bound : str
        What is proven of all others.
    complete : bool
        Whether every architecture was dealt with.
    seconds : float
        Time of the search, with interrupted runs.
    threads : int
        Threads of a process.
    date : str
        When it ended, UTC, ISO 8601.
    """

    question: Mapping[str, Any]
    space: Mapping[str, Any]
    size: int
    metrics: Mapping[str, Mapping[str, Any]]
    engine: Mapping[str, Any]
    result: Mapping[str, Any]
    counts: Counts
    bound: str
    complete: bool
    seconds: float
    threads: int
    date: str

    def __repr__(self) -> str:
        return f"<Certificate of {self.question['kind']}: {self.bound}>"

    @property
    def sha256(self) -> str:
        """Digest of all fields: tells altered files from whole ones, not honest authors from others."""
        return sha256_of(self._plain())

    def _plain(self) -> dict[str, Any]:
        plain = asdict(self)
        if not self.counts.unlawful:  # files from before there were rules lack it
            del plain["counts"]["unlawful"]
        return plain

    def to_json(self) -> dict[str, Any]:
        """Give the certificate as plain data."""
        return {"format": FORMAT, "version": VERSION, **self._plain(), "sha256": self.sha256}

    def save(self, path: str | PathLike[str]) -> None:
        """Write the certificate to a JSON file, in place of an older one only when complete.

        Raises
        ------
        FileError
            If the file can't be written.
        """
        write_json(path, self.to_json())

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Certificate:
        """Read a certificate and check the type of every field, and that they fit each other.

        Raises
        ------
        FileError
            If the file can't be read.
        SearchError
            If it is no certificate, of another version, altered, or contradicts itself.
        """
        return cls.from_json(read_json(path), str(path))

    @classmethod
    def from_json(cls, content: object, where: str = "certificate") -> Certificate:
        """Read what `to_json` gives, from any source; see `load`."""
        fields = Fields.of_stranger(content, where)
        fields.text("format", (FORMAT,))
        version = fields.integer("version")
        if version != VERSION:
            raise SearchError(f"{where} has version {version}, this accelnas reads {VERSION}; use a newer one")
        question = checked_question(fields.object("question"), where)
        result = fields.mapping("result")
        certificate = cls(
            question=question,
            space=_space(fields.object("space")),
            size=fields.integer("size", least=1, most=_LARGEST),
            metrics=_metrics(fields.mapping("metrics"), where),
            engine=_engine(fields.object("engine")),
            result=result,
            counts=_counts(fields.object("counts")),
            bound=fields.text("bound"),
            complete=fields.truth("complete"),
            seconds=fields.number("seconds", least=0),
            threads=fields.integer("threads", least=1),
            date=fields.text("date"),
        )
        digest = fields.digest("sha256")
        fields.end()
        if digest != certificate.sha256:
            raise SearchError(f"{where} was altered: its sha256 is {digest}, its fields give {certificate.sha256}")
        found = Fields(dict(result), f"{where}: result")
        CLAIMS[question["kind"]].check_result(found, question, certificate.size, certificate.counts)
        found.end()
        _check_sums(certificate, where)
        return certificate

    def verify(
        self, bench: Verifier, *, rerun: bool = False, samples: int = 100_000, threads: int | None = None
    ) -> Verification:
        """Check again what can be checked.

        Parameters
        ----------
        bench : Benchmark
            The benchmark that the certificate is about; derived metrics are derived again if it lacks them.
        rerun : bool
            Whether to search again, from the beginning.
        samples : int
            Random architectures of the (sub)space to hold against the claims, 0 to 10,000,000.
        threads : int, optional
            Threads to use; one a core by default.

        Returns
        -------
        Verification
            Named checks, each passed, failed or skipped, with a reason.

        Examples
        --------
        >>> import accelnas
        >>> bench = accelnas.load()
        >>> found = bench.best("accuracy", within={f"block{b}_e": 6 for b in range(7)}, k=3)
        >>> found.certificate.verify(bench, samples=1000).passed
        True
        """
        return bench.verify(self, rerun=rerun, samples=samples, threads=threads)


class Verifier(Protocol):
    """What checks certificates: a benchmark."""

    def verify(self, certificate: Certificate, *, rerun: bool, samples: int, threads: int | None) -> Verification:
        """Check again what can be checked."""
        ...


@cache
def engine_sha256() -> str:
    """SHA-256 of the compiled extension module."""
    return hashlib.sha256(Path(_core.__file__).read_bytes()).hexdigest()


def _space(fields: Fields) -> dict[str, Any]:
    space = {
        "name": fields.text("name"),
        "sha256": fields.digest("sha256"),
        "size": fields.integer("size", least=1, most=_LARGEST),
    }
    fields.end()
    return space


def _metrics(content: Mapping[str, Any], where: str) -> dict[str, dict[str, Any]]:
    metrics: dict[str, dict[str, Any]] = {}
    for name, entry in content.items():
        fields = Fields(entry, f"{where}: metric {name}")
        derived = isinstance(entry, dict) and entry.get("sha256") is None
        fields.nothing("sha256" if derived else "expression")
        metrics[name] = {
            "sha256": None if derived else fields.digest("sha256"),
            "expression": fields.text("expression") if derived else None,
            "unit": fields.text("unit"),
            "direction": fields.text("direction", ("maximise", "minimise")),
            "link": fields.text("link", LINK_NAMES),
            **({"limit": fields.number("limit")} if fields.has("limit") else {}),
        }
        fields.end()
    return metrics


def _engine(fields: Fields) -> dict[str, Any]:
    engine = {
        "name": fields.text("name", ("threads", "ray", "scan")),
        "accelnas": fields.text("accelnas"),
        "extension_sha256": fields.digest("extension_sha256"),
        "shards": fields.integer("shards", least=1),
    }
    fields.end()
    return engine


def _counts(fields: Fields) -> Counts:
    named = ("evaluated", "pruned", "settled", *(["unlawful"] if fields.has("unlawful") else []))
    counts = Counts(*(fields.integer(name, most=_LARGEST) for name in named))
    fields.end()
    return counts


def _check_sums(certificate: Certificate, where: str) -> None:
    named = {*certificate.question["objectives"], *certificate.question["constraints"]}
    if missing := named - set(certificate.metrics):
        raise SearchError(f"{where}: the metric {min(missing)} of the question is not described; make it again")
    size = certificate.size
    total, all_states = certificate.counts.total, size + certificate.counts.unlawful
    if total > all_states or (total == all_states) != certificate.complete:
        state = "complete" if certificate.complete else "incomplete"
        raise SearchError(f"{where}: counts add up to {total} of {size} architectures, yet it is {state}")
    if size > certificate.space["size"]:
        raise SearchError(f"{where}: size is {size}, the space has {certificate.space['size']}; make it again")
