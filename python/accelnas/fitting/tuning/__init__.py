"""Search for the settings of models (extra ``tune``)."""

from accelnas.fitting.tuning.search_space import SearchSpace, Trial, read_search_space, shipped_search_spaces
from accelnas.fitting.tuning.tuner import TuningResult, settings_error, tune

__all__ = [
    "SearchSpace",
    "Trial",
    "TuningResult",
    "read_search_space",
    "settings_error",
    "shipped_search_spaces",
    "tune",
]
