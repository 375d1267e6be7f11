"""Search spaces: finite products of categorical variables, and the forms of an architecture."""

from accelnas.space.definition import Space, mnasnet_space
from accelnas.space.parts import Architectures, Block, Choice, Frame, Rows, Variable

__all__ = ["Architectures", "Block", "Choice", "Frame", "Rows", "Space", "Variable", "mnasnet_space"]
