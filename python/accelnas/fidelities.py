"""Names of a metric's lower fidelities: the same quantity after fewer epochs, ``METRIC@EPOCHS``."""

from __future__ import annotations

import re

__all__ = ["fidelity_name", "parse_fidelity"]

_NAME = re.compile(r"(?P<metric>.+)@(?P<epochs>[1-9][0-9]{0,8})")


def fidelity_name(metric: str, epochs: int) -> str:
    """Name a metric after so many epochs.

    Examples
    --------
    >>> fidelity_name("accuracy", 4)
    'accuracy@4'
    """
    return f"{metric}@{epochs}"


def parse_fidelity(name: str) -> tuple[str, int] | None:
    """Give the metric and the epochs of a name; None of one that has no epochs.

    Examples
    --------
    >>> parse_fidelity("accuracy@4"), parse_fidelity("accuracy"), parse_fidelity("accuracy@best")
    (('accuracy', 4), None, None)
    """
    found = _NAME.fullmatch(name)
    return (found["metric"], int(found["epochs"])) if found else None
