"""The page of a certificate: what was asked, what was found, and what is proven."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from accelnas.pages.document import asset, document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelnas.exact.certificate import Certificate

__all__ = ["proof"]

_SCRIPTS = ("uplot.js", "format.js", "charts.js", "theme.js", "proof.js")
_COLUMNS = {"scores": "score", "ties": "architectures alike", "better": "better architectures"}
_TITLES = {
    "best": "The best architectures",
    "count": "Number of architectures",
    "front": "Pareto front",
    "histogram": "Distribution",
    "ranks": "Ranks",
    "scalarised": "The best score",
}


def proof(certificate: Certificate) -> str:
    """Write a page of what a certificate holds: a table of architectures, a chart of fronts and distributions, counts.

    Nothing is checked: `Certificate.verify` does that, with the benchmark.

    Parameters
    ----------
    certificate : Certificate
        Of any question.
    """
    question, result = certificate.question, certificate.result
    units = {name: known.get("unit") or "" for name, known in certificate.metrics.items()}
    columns: dict[str, list[Any]] = {}
    if "architectures" in result:
        columns["architecture"] = list(result["architectures"])
        columns |= {name: list(values) for name, values in result.get("values", {}).items()}
        columns |= {title: list(result[key]) for key, title in _COLUMNS.items() if key in result}
    data = {
        "columns": {name: [_plain(value) for value in values] for name, values in columns.items()},
        "objectives": {name: units.get(name, "") for name in question["objectives"] if name in columns},
        "bins": {"edges": list(result["edges"]), "counts": list(result["counts"])} if "edges" in result else None,
        "metric": next(iter(question["objectives"]), ""),
        "facts": _facts(certificate, units),
    }
    asked = ", ".join(f"{direction} {name}" for name, direction in question["objectives"].items())
    title = _TITLES.get(question["kind"], question["kind"])
    return document(
        f"{title}: {asked}" if asked else title,
        f"{certificate.size:,} architectures of {certificate.space['name']}",
        asset("proof.html").decode(),
        data=data,
        scripts=_SCRIPTS,
        footer=f"Made of a certificate of {certificate.date}, accelnas {certificate.engine['accelnas']}; "
        "accelnas verify checks it.",
    )


def _facts(certificate: Certificate, units: Mapping[str, str]) -> list[list[str]]:
    """Give what is stated of the search, as names and texts."""
    question, result, counts = certificate.question, certificate.result, certificate.counts
    limits = [
        f"{name} {sign} {bound:g} {units.get(name, '')}".strip()
        for name, ends in question["constraints"].items()
        for sign, bound in zip((">=", "<="), ends, strict=True)
        if bound is not None and math.isfinite(bound)
    ]
    within = [f"{name} in {', '.join(map(str, choices))}" for name, choices in question["within"].items()]
    facts = [
        ("proven", certificate.bound),
        ("constraints", "; ".join(limits)),
        ("restricted to", "; ".join(within)),
        ("found", f"{result['count']} architectures" if "count" in result else ""),
        ("evaluated", f"{counts.evaluated:,} architectures"),
        ("excluded by bounds", f"{counts.pruned:,}"),
        ("counted by bounds", f"{counts.settled:,}"),
        ("complete", "yes" if certificate.complete else "no: the search ended early"),
        ("took", f"{certificate.seconds:.3g} s on {certificate.threads} threads"),
        ("space", certificate.space["sha256"]),
        *((f"metric {name}", known["expression"] or known["sha256"]) for name, known in certificate.metrics.items()),
    ]
    return [[name, text] for name, text in facts if text and text != "0"]


def _plain(value: Any) -> Any:
    """Give a number as a page holds it; large integers as text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, int) and abs(value) > 2**53 else value
