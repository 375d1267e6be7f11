"""Search spaces: finite products of categorical variables, and the forms of an architecture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from accelnas import _core
from accelnas.arguments import check_seed, check_threads, check_whole
from accelnas.errors import SpaceError
from accelnas.files import read_text

if TYPE_CHECKING:
    import polars

__all__ = ["Architectures", "Block", "Choice", "Space", "Variable", "mnasnet_space"]

Choice: TypeAlias = "bool | int | float | str"
Rows: TypeAlias = NDArray[np.uint8]
Architectures: TypeAlias = (
    "Mapping[str, Choice] | str | int | Sequence[Mapping[str, Choice]] | Sequence[str] | Sequence[int]"
    " | NDArray[Any] | polars.DataFrame"
)

_DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Variable:
    """A categorical variable: its choice indices are positions in `choices`."""

    name: str
    choices: tuple[Choice, ...]
    symbol: str
    block: str


@dataclass(frozen=True)
class Block:
    """Consecutive variables whose joint state is one number, the last variable fastest."""

    name: str
    variables: tuple[str, ...]
    size: int


class Space:
    """A search space.

    Parameters
    ----------
    toml : str
        TOML text with a ``[space]`` table (`docs/FORMAT.md` describes it).

    Raises
    ------
    SpaceError
        If the definition does not hold together; the message says what to mend.

    Notes
    -----
    One architecture has five equal forms: a dict of variable names to values, choice indices
    (``uint8``, the order of `variables`), block states (``uint8``, the order of `blocks`), a
    64-bit index (mixed radix over the variables, the last one fastest) and a readable string.

    Examples
    --------
    >>> space = mnasnet_space()
    >>> space.size
    104485552128
    >>> archs = space.sample(3, seed=0)
    >>> archs.shape, archs.dtype
    ((3, 28), dtype('uint8'))
    >>> space.parse(space.format(archs)).tolist() == archs.tolist()
    True
    """

    def __init__(self, toml: str) -> None:
        self._core = _core.Space(toml)

    @classmethod
    def from_toml(cls, path: str | Path) -> Space:
        """Read the space of a TOML file or of a benchmark directory."""
        path = Path(path)
        path = path / "benchmark.toml" if path.is_dir() else path
        return cls(read_text(path, SpaceError))

    @classmethod
    def _of(cls, core: _core.Space) -> Space:
        space = cls.__new__(cls)
        space._core = core
        return space

    def __reduce__(self) -> tuple[Any, ...]:
        return Space, (self.to_toml(),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    def __repr__(self) -> str:
        return f"<Space {self.name}: {len(self.variables)} variables, {self.size:,} architectures>"

    @property
    def name(self) -> str:
        """Name of the space."""
        return self._core.name

    @property
    def sha256(self) -> str:
        """SHA-256 of the canonical definition, in hexadecimal."""
        return self._core.sha256

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """Variables, in the order of choice indices."""
        blocks = self._core.blocks
        return tuple(
            Variable(name, tuple(choices), symbol, blocks[block][0])
            for name, symbol, block, choices in self._core.variables
        )

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Blocks, in order."""
        names = {name: [v.name for v in self.variables if v.block == name] for name, _ in self._core.blocks}
        return tuple(Block(name, tuple(names[name]), states) for name, states in self._core.blocks)

    @cached_property
    def size(self) -> int:
        """Number of architectures."""
        return math.prod(block.size for block in self.blocks)

    def to_toml(self) -> str:
        """Give the definition as TOML text that `Space` reads."""
        return self._core.to_toml()

    def sample(self, n: int, seed: int = 0, *, unique: bool = False, threads: int | None = None) -> Rows:
        """Draw architectures uniformly.

        Parameters
        ----------
        n : int
            Number of architectures.
        seed : int
            0 to 2**64 - 1. Row ``i`` depends on the seed and ``i`` alone, on every machine.
        unique : bool
            Without repetition.
        threads : int, optional
            Threads to use; one a core by default. The result does not depend on it.

        Returns
        -------
        uint8 array (n, variables)
            Choice indices.

        Raises
        ------
        SpaceError
            If `n` or `seed` is out of range, or more distinct architectures are asked for than exist.
        """
        check_threads(threads)
        n, seed = check_whole("n", n, 0, error=SpaceError), check_seed(seed, SpaceError)
        return self._core.sample(n, seed, unique, threads)

    def range(self, start: int, stop: int) -> Rows:
        """Enumerate the architectures with indices ``start`` to ``stop - 1``.

        Returns
        -------
        uint8 array (stop - start, variables)
            Choice indices.

        Raises
        ------
        SpaceError
            If the range leaves the space.
        """
        start, stop = (
            check_whole(name, end, 0, 2**64 - 1, SpaceError) for name, end in (("start", start), ("stop", stop))
        )
        return self._core.range(start, stop)

    def neighbours(self, arch: Architectures) -> Rows:
        """Give all architectures that differ from one architecture in one variable.

        Returns
        -------
        uint8 array (sum of (choices - 1), variables)
            Choice indices, by variable, then by choice.
        """
        rows = self.encode(arch)
        if len(rows) != 1:
            raise SpaceError(f"neighbours are of one architecture, got {len(rows)}; call it for each")
        return self._core.neighbours(rows)

    def encode(self, archs: Architectures) -> Rows:
        """Turn any form of one or many architectures into choice indices.

        Parameters
        ----------
        archs : dict, str, int, uint8 array, a sequence or 64-bit integer array of them, or polars.DataFrame
            A ``uint8`` array has shape (n, variables) for choice indices or (n, blocks) for block
            states; one row may be 1-dimensional. Integers of 64 bits are indices into the space. A
            data frame has a column for each variable, or one named ``architecture`` or ``index``.

        Returns
        -------
        uint8 array (n, variables)
            Choice indices, C-contiguous. A C-contiguous ``uint8`` array of choice indices is
            returned as it is, without a copy and without a look at its values: what uses them
            checks them.

        Raises
        ------
        SpaceError
            If a value is out of range; the message names row, variable, value and choices.
        """
        if isinstance(archs, np.ndarray):
            return self._encode_array(archs)
        if isinstance(archs, Mapping):
            return self._core.encode_dicts([dict(archs)])
        if isinstance(archs, str):
            return self._core.parse([archs])
        if isinstance(archs, (int, np.integer)):
            return self._core.at(np.array([self._valid_index(0, archs)], np.uint64))
        if hasattr(archs, "get_columns"):
            from accelnas.frames import encode_frame

            return encode_frame(self, cast("polars.DataFrame", archs))
        if isinstance(archs, Iterable):
            return self._encode_sequence(list(archs))
        raise SpaceError(f"got a {type(archs).__name__}; pass a dict, string, index, array or data frame")

    def _encode_array(self, array: NDArray[Any]) -> Rows:
        if array.dtype == np.uint8:
            rows = array[None, :] if array.ndim == 1 else array
            if rows.ndim != 2:
                raise SpaceError(f"array has {array.ndim} dimensions; pass (n, {len(self.variables)}) choice indices")
            rows = np.ascontiguousarray(rows)
            if rows.shape[1] == len(self.blocks) != len(self.variables):
                return self._core.from_block_states(rows)
            if rows.shape[1] != len(self.variables):
                self._core.check(rows)
            return rows
        if array.ndim == 1 and array.dtype.kind in "iu" and array.dtype.itemsize == 8:
            return self.at(array)
        if array.ndim == 1 and array.dtype.kind in "OUT":
            return self._encode_sequence(array.tolist())
        raise SpaceError(
            f"array has dtype {array.dtype} and {array.ndim} dimensions; pass uint8 choice indices or block "
            "states of 2 dimensions, or int64 or uint64 indices of 1"
        )

    def _encode_sequence(self, items: list[Any]) -> Rows:
        kinds: tuple[tuple[Any, Any], ...] = (
            (Mapping, lambda: self._core.encode_dicts([dict(d) for d in items])),
            (str, lambda: self._core.parse(items)),
            ((int, np.integer), lambda: self.at(items)),
            (np.ndarray, lambda: self._encode_array(np.stack(items))),
        )
        if not items:
            return np.empty((0, len(self.variables)), np.uint8)
        for kind, encode in kinds:
            if all(isinstance(item, kind) for item in items):
                rows: Rows = encode()
                return rows
        names = sorted({type(item).__name__ for item in items})
        raise SpaceError(f"got a sequence of {', '.join(names)}; pass dicts, strings, indices or arrays of one shape")

    def check(self, archs: Architectures) -> None:
        """Raise SpaceError unless every architecture is one of this space."""
        self._core.check(self.encode(archs))

    def decode(self, archs: Architectures) -> list[dict[str, Choice]]:
        """Give each architecture as a dict of variable names to values."""
        return self._core.decode(self.encode(archs))

    def index(self, archs: Architectures) -> NDArray[np.uint64]:
        """Give each architecture's 64-bit index.

        Returns
        -------
        uint64 array (n,)
            0 to ``size - 1``: mixed radix over the variables, the last one fastest.

        Raises
        ------
        SpaceError
            If the space has more than 2**64 architectures.
        """
        return self._core.index(self.encode(archs))

    def at(self, indices: Sequence[int] | NDArray[Any]) -> Rows:
        """Give the architectures at 64-bit indices.

        Returns
        -------
        uint8 array (n, variables)
            Choice indices.
        """
        array = np.asarray(indices)
        if array.dtype != np.uint64:
            for row, index in enumerate(array.tolist()):
                self._valid_index(row, index)
        return self._core.at(np.ascontiguousarray(array, np.uint64))

    def _valid_index(self, row: int, index: object) -> int:
        if not isinstance(index, (int, np.integer)) or not 0 <= index < self.size:
            raise SpaceError(f"row {row}: index {index} is outside the space; choose one of 0 to {self.size - 1}")
        return int(index)

    def block_states(self, archs: Architectures) -> Rows:
        """Give each architecture's block states.

        Returns
        -------
        uint8 array (n, blocks)
            State of each block: mixed radix over its variables, the last one fastest.
        """
        return self._core.block_states(self.encode(archs))

    def format(self, archs: Architectures) -> list[str]:
        """Give each architecture as a readable string.

        Variables are written symbol and value, joined by ``_`` inside a block and ``-`` between blocks.
        """
        return self._core.format(self.encode(archs))

    def parse(self, texts: str | Iterable[str]) -> Rows:
        """Read readable strings.

        Returns
        -------
        uint8 array (n, variables)
            Choice indices.
        """
        return self._core.parse([texts] if isinstance(texts, str) else list(texts))


def mnasnet_space() -> Space:
    """Give the MnasNet space of Accel-NASBench: 28 variables, 104,485,552,128 architectures."""
    return Space.from_toml(_DATA / "mnasnet-space.toml")
