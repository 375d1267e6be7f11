"""Models chosen from data: families and scales are tried on rows that they did not see, and the best are joined."""

from accelnas.fitting.automatic.choice import Attempt, Choice
from accelnas.fitting.automatic.fit import fit_automatically

__all__ = ["Attempt", "Choice", "fit_automatically"]
