"""What a search space is made of, and the part of it that readers of architectures need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from accelnas.arguments import shown
from accelnas.errors import ParameterError, SpaceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas
    import polars
    import pyarrow

    from accelnas import _core
    from accelnas.space.spellings import Spellings

__all__ = ["Architectures", "Block", "Choice", "Frame", "Named", "Rows", "Variable", "parsed"]

Choice: TypeAlias = "bool | int | float | str"
Rows: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Frame:
    """A data frame of architectures whose columns are not quite those that are expected.

    Frames with a column of choices for each variable, in any order, or with one named ``architecture`` (readable
    strings) or ``index`` (numbers) alone need no `Frame`. A cell is a choice itself, its text as the space writes it,
    or, for a truth value, 0 or 1; cells of inactive variables are empty.

    Parameters
    ----------
    frame : data frame, or mapping of str to column
        Of pandas, Polars (lazy, too) or PyArrow, or whatever has ``__arrow_c_stream__`` or ``__arrow_c_array__``, which
        Polars reads then; or columns by name: lists or NumPy arrays.
    rename : mapping of str to str, optional
        The frame's names to those of the space's variables, ``architecture`` or ``index``.
    ignore_others : bool
        Leave out columns that are neither; otherwise they are refused.

    Examples
    --------
    >>> import accelnas
    >>> bench = accelnas.load("nasbench-macro")
    >>> columns = {f"layer{i}": ["identity", "mb6_k5"] for i in range(1, 8)}
    >>> frame = Frame({"first": ["mb3_k3", "mb3_k3"], "note": ["a", "b"], **columns}, {"first": "layer0"}, True)
    >>> bench.space.format(frame)
    ['1_0_0_0-0_0_0_0', '1_2_2_2-2_2_2_2']
    """

    frame: Any
    rename: Mapping[str, str] = field(default_factory=dict)
    ignore_others: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.rename, Mapping):
            raise ParameterError(f"rename is {shown(self.rename)}; give a dict of the frame's names to the space's")


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


def parsed(space: Named, texts: list[str]) -> Rows:
    """Read readable strings, uint8 (n, variables); no text of Python's that is no Unicode comes near the core."""
    try:
        return space._core.parse(texts)
    except UnicodeEncodeError as error:
        row = texts.index(error.object)
        example = space._core.format(space.at([0]))[0]
        raise SpaceError(
            f"row {row}: {shown(texts[row])} has half a character; give a string such as {example}"
        ) from None
