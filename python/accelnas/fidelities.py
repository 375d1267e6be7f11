"""Lower fidelities of a metric: the same quantity after fewer epochs, a metric of its own called ``METRIC@EPOCHS``."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import NamedTuple

from accelnas.arguments import check_whole
from accelnas.errors import ArtifactError, ModelError, ParameterError

__all__ = ["MOST_EPOCHS", "Fidelity", "check_ladder", "fidelity_name", "parse_fidelity"]

MOST_EPOCHS = 10**9 - 1
_NAME = re.compile(r"(?P<metric>.+)@(?P<epochs>[1-9][0-9]{0,8})")


class Fidelity(NamedTuple):
    """After how many epochs a metric was measured, and which metric that is at its highest fidelity."""

    of: str
    epochs: int

    def check(self, name: str) -> None:
        """Refuse what is no fidelity of a metric with this name.

        Raises
        ------
        ModelError
            If epochs are none, or the metric is neither the one itself nor called after the epochs.
        """
        check_whole(f"{name}: epochs", self.epochs, 1, MOST_EPOCHS, ModelError)
        if name not in (self.of, self.lower_name):
            raise ModelError(f"{name} is no fidelity of {self.of}; call it {self.lower_name}, or {self.of} itself")

    @property
    def lower_name(self) -> str:
        """What the metric is called, unless it is of the highest fidelity."""
        return fidelity_name(self.of, self.epochs)

    def to_text(self) -> str:
        """Give what the provenance of a metric holds.

        Examples
        --------
        >>> Fidelity("accuracy", 4).to_text()
        '{"of": "accuracy", "epochs": 4}'
        """
        return json.dumps(self._asdict())

    @classmethod
    def of_text(cls, text: str, name: str) -> Fidelity:
        """Read what the provenance of a metric holds; ArtifactError if it is no fidelity."""
        try:
            content = json.loads(text)
            found = cls(str(content["of"]), check_whole("epochs", content["epochs"], 1, MOST_EPOCHS))
        except (ValueError, KeyError, TypeError, RecursionError, ParameterError):
            raise ArtifactError(
                f"{name}: fidelity is {text[:100]!r}, not such as {cls('accuracy', 4).to_text()}; compile it again"
            ) from None
        return found


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


def check_ladder(name: str, epochs: object) -> tuple[int, ...]:
    """Give the epochs of a metric's fidelities, two or more, ascending.

    Examples
    --------
    >>> check_ladder("fidelities", [1, 4, 2])
    Traceback (most recent call last):
    accelnas.errors.ModelError: fidelities are [1, 4, 2]; give two or more epochs, each more than the one before
    """
    given = list(epochs) if isinstance(epochs, (list, tuple)) else []
    found = tuple(check_whole(f"one of {name}", each, 1, MOST_EPOCHS, ModelError) for each in given)
    if len(found) < 2 or any(left >= right for left, right in pairwise(found)):
        raise ModelError(f"{name} are {epochs!r}; give two or more epochs, each more than the one before")
    return found
