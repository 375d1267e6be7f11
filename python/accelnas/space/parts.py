"""What a search space is made of, and the part of it that readers of architectures need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas
    import polars
    import pyarrow

    from accelnas import _core
    from accelnas.space.frames import Frame
    from accelnas.space.spellings import Spellings

__all__ = ["Architectures", "Block", "Choice", "Named", "Rows", "Variable"]

Choice: TypeAlias = "bool | int | float | str"
Rows: TypeAlias = NDArray[np.uint8]
Architectures: TypeAlias = (
    "Mapping[str, Choice] | str | int | Sequence[Mapping[str, Choice]] | Sequence[str] | Sequence[int]"
    " | Sequence[Sequence[int]] | NDArray[Any] | Frame | pandas.DataFrame"
    " | polars.DataFrame | polars.LazyFrame | pyarrow.Table | pyarrow.RecordBatch"
)


@dataclass(frozen=True)
class Variable:
    """A categorical variable: its choice indices are positions in `states`.

    Attributes
    ----------
    name : str
        Name of the variable.
    choices : tuple of bool, int, float or str
        What it can take.
    symbol : str
        What readable strings call it.
    block : str
        The block that it belongs to.
    conditional : bool
        Whether it may be inactive.
    """

    name: str
    choices: tuple[Choice, ...]
    symbol: str
    block: str
    conditional: bool = False

    @property
    def states(self) -> tuple[Choice | None, ...]:
        """Choices, and None for being inactive behind them where that may be."""
        return (*self.choices, None) if self.conditional else self.choices


@dataclass(frozen=True)
class Block:
    """Consecutive variables whose joint state is one number; `size` is that of joint choices some architecture has."""

    name: str
    variables: tuple[str, ...]
    size: int


class Named(Protocol):
    """A space by what names its architectures: variables, blocks, and their native forms."""

    _core: _core.Space

    @property
    def _spellings(self) -> list[Spellings]:
        """What cells of a table may say of each variable."""

    @property
    def size(self) -> int:
        """Number of architectures."""

    @property
    def name(self) -> str:
        """Name of the space."""

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Variables in the order of choice indices."""

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Blocks in the order of block states."""

    def at(self, indices: Sequence[int] | NDArray[Any]) -> Rows:
        """Give the architectures at 64-bit indices."""

    def encode(self, archs: Architectures) -> Rows:
        """Give the canonical form of architectures."""

    def parse(self, texts: str | Iterable[str]) -> Rows:
        """Read strings."""
