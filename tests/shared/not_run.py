"""Says at the end of a run which tests did not run and why, in both packages: nothing is skipped in silence."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

__all__ = ["pytest_terminal_summary"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what was skipped by reason, and count what the command line left out."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason.removeprefix("Skipped: ")].append(report.nodeid)
    left_out = len(terminalreporter.stats.get("deselected", []))
    count = sum(map(len, reasons.values())) + left_out
    terminalreporter.write_sep("=", f"{count} did not run" if count else "everything ran")
    for reason, tests in sorted(reasons.items()):
        terminalreporter.write_line(f"{', '.join(sorted(tests))}: {reason}")
    if left_out:
        terminalreporter.write_line(f"{left_out} left out by the command line")
