"""What checks of a certificate found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Check", "Finding", "Verification", "failed", "passed", "skipped"]


class Finding(NamedTuple):
    """What a check found: ``"passed"``, ``"failed"`` or ``"skipped"``, and why."""

    status: str
    reason: str


def passed(reason: str) -> Finding:
    """Say that a claim holds."""
    return Finding("passed", reason)


def failed(reason: str) -> Finding:
    """Say that a claim does not hold."""
    return Finding("failed", reason)


def skipped(reason: str) -> Finding:
    """Say that a claim was not checked."""
    return Finding("skipped", reason)


@dataclass(frozen=True)
class Check:
    """One claim of a certificate, checked.

    Attributes
    ----------
    name : str
        What was checked; `docs/concepts/certificates.md` lists them.
    status : {"passed", "failed", "skipped"}
        Whether the claim holds.
    reason : str
        What was found.
    """

    name: str
    status: str
    reason: str


@dataclass(frozen=True)
class Verification:
    """All checks of a certificate."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(check.status != "failed" for check in self.checks)

    def __repr__(self) -> str:
        failures = [check.name for check in self.checks if check.status == "failed"]
        held = f"{', '.join(failures)} failed" if failures else "passed"
        return f"<Verification: {held}, {len(self.checks)} checks>"
