"""Types of arrays, by what they hold."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
"""Numbers."""
Archs = NDArray[np.uint8]
"""Choice indices or block states of architectures."""
Rows = NDArray[np.intp]
"""Places in other arrays."""
