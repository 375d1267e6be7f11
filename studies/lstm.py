"""The paper's LSTM controller, of the package accelnas-training where that is installed."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from accelnas.errors import MissingExtraError

__all__ = ["LSTM", "LSTM_LIBRARIES", "lstm_controller", "lstm_runs"]

LSTM = "REINFORCE, LSTM"
LSTM_LIBRARIES = ("accelnas-training", "torch")
_PACKAGE, _NEEDED = "accelnas_training", ("accelnas_training", "torch")


def lstm_runs(asked: int | None, default: int) -> int:
    """Give the number of runs: what is asked for, else the default where the controller is installed, else 0.

    Raises
    ------
    MissingExtraError
        If runs are asked for and the controller is not installed.

    Examples
    --------
    >>> lstm_runs(0, default=5)
    0
    """
    installed = all(find_spec(name) is not None for name in _NEEDED)
    if asked is None:
        return default if installed else 0
    if asked and not installed:
        raise MissingExtraError(
            f"{asked} runs of the LSTM controller need accelnas-training, which is not installed; "
            "run: pip install ./training, or ask for 0 runs"
        )
    return asked


def lstm_controller() -> Any:
    """Make the controller with the paper's settings; this imports PyTorch."""
    return import_module(_PACKAGE).LstmReinforce()
