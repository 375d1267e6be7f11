"""accelnas-training: what accelnas needs PyTorch for.

Examples
--------
>>> import accelnas_training as at
>>> at.LstmReinforce().settings.hidden
100
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from accelnas_training.errors import ControllerError
from accelnas_training.lstm_reinforce.settings import LstmSettings

if TYPE_CHECKING:
    from accelnas_training.lstm_reinforce.algorithm import LstmReinforce

__all__ = ["ControllerError", "LstmReinforce", "LstmSettings", "__version__"]

try:
    __version__ = version("accelnas-training")
except PackageNotFoundError:  # used from the source tree
    __version__ = "0+source"


def __getattr__(name: str) -> Any:
    """Import what needs PyTorch when it is first used: that takes seconds."""
    if name == "LstmReinforce":
        from accelnas_training.lstm_reinforce.algorithm import LstmReinforce

        return LstmReinforce
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
