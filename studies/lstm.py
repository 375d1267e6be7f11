"""What searches share: progress, versions, and the paper's LSTM controller where accelnas-training is installed."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from accelnas.circumstances import versions
from accelnas.errors import MissingExtraError, SearchError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LSTM", "Done", "libraries_of", "lstm_controller", "lstm_runs"]

LSTM = "REINFORCE, LSTM"
LIBRARIES, LSTM_LIBRARIES = ("numpy", "scipy", "matplotlib"), ("accelnas-training", "torch")
_PACKAGE, _NEEDED = "accelnas_training", ("accelnas_training", "torch")


def lstm_runs(asked: int | None, default: int, runs: int = 2) -> int:
    """Give the number of runs: what is asked for, else the default where the controller is installed, else 0.

    Raises
    ------
    MissingExtraError
        If runs are asked for and the controller is not installed.
    SearchError
        If there are fewer than 2 runs of anything, which have no interval.

    Examples
    --------
    >>> lstm_runs(0, default=5)
    0
    """
    if runs < 2 or asked == 1:
        raise SearchError(f"there are {runs} runs, and {asked} of the LSTM controller; give 2 or more for an interval")
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


def libraries_of(lstm: int) -> dict[str, str]:
    """Give the versions that a search's results depend on, with those of so many runs of the controller."""
    return versions([*LIBRARIES, *(LSTM_LIBRARIES if lstm else ())])


class Done:
    """Counts finished evaluations of all searches."""

    def __init__(self, tell: Callable[[float], object] | None) -> None:
        self._tell, self._before = tell, 0

    def within(self, evaluations: int, *_: object) -> None:
        """Take evaluations of the search that goes on."""
        if self._tell is not None:
            self._tell(self._before + evaluations)

    def end(self, evaluations: int) -> None:
        """Take the evaluations of a search that ended."""
        self.within(evaluations)
        self._before += evaluations
