"""Search spaces: finite products of categorical variables, and the forms of an architecture."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas import _core
from accelnas.arguments import check_seed, check_threads, check_whole
from accelnas.caching import cached_property
from accelnas.errors import SpaceError
from accelnas.files import parse_toml, read_text
from accelnas.notebook import MOST, Table, Tabled
from accelnas.space.frames import encode
from accelnas.space.parts import Architectures, Block, Choice, Rows, Variable, parsed
from accelnas.space.spellings import Spellings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["Space", "mnasnet_space"]

_DATA = Path(__file__).parents[1] / "data"


class Space(Tabled):
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
    (``uint8``, the order of `variables`), block states (``uint8``, the order of `blocks`), an
    index (its place in the order of choice indices) and a readable string. Where rules make a variable
    inactive, its value is None, its choice index is the number of its choices, and it is written ``~``.

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
        try:
            self._core = _core.Space(toml)
        except UnicodeEncodeError:
            raise SpaceError("the definition has half a character, which no TOML holds; leave it out") from None

    @classmethod
    def from_toml(cls, path: str | Path) -> Space:
        """Read the space of a TOML file or of a benchmark directory."""
        path = Path(path)
        path = path / "benchmark.toml" if path.is_dir() else path
        try:
            return cls(read_text(path, SpaceError))
        except SpaceError as error:
            raise SpaceError(f"{path}: {error}") from None

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

    def _table(self) -> Table:
        rows = [(block.name, block.size, "; ".join(self._choices(block.name))) for block in self.blocks[:MOST]]
        return Table(("block", "states", "choices"), rows, len(self.blocks))

    def _choices(self, block: str) -> list[str]:
        """Write the variables of a block, each with its choices."""
        return [
            f"{v.name} {', '.join(str(c).lower() for c in v.choices)}{' or inactive' if v.conditional else ''}"
            for v in self.variables
            if v.block == block
        ]

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
            Variable(name, tuple(choices), symbol, blocks[block][0], conditional)
            for name, symbol, block, choices, conditional in self._core.variables
        )

    @cached_property
    def _spellings(self) -> list[Spellings]:
        try:
            blocks = parse_toml(self._core.to_toml(), f"space {self.name}", SpaceError)["space"]["blocks"]
        except ModuleNotFoundError:  # before Python 3.11, whoever needs labels needs the parser of the extra [build]
            labels: list[Sequence[str]] = [()] * len(self.variables)
        else:
            labels = [variable.get("labels", ()) for block in blocks for variable in block["variables"]]
        pairs = zip(self.variables, labels, strict=True)
        return [Spellings(variable.choices, own, conditional=variable.conditional) for variable, own in pairs]

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Blocks, in order."""
        names = {name: [v.name for v in self.variables if v.block == name] for name, _ in self._core.blocks}
        return tuple(Block(name, tuple(names[name]), states) for name, states in self._core.blocks)

    @cached_property
    def size(self) -> int:
        """Number of architectures, each counted once however many ways there are to write it."""
        return self._core.size

    @property
    def has_rules(self) -> bool:
        """Whether there are conditions, forbidden combinations, equivalences, classes or exclusions."""
        return self._core.has_rules

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
        OutOfMemoryError
            If they do not fit into memory; `batches` needs none.
        """
        check_threads(threads)
        n, seed = check_whole("n", n, 0, error=SpaceError), check_seed(seed, SpaceError)
        return self._core.sample(n, seed, unique, 0, threads)

    def batches(
        self, n: int, seed: int = 0, *, size: int = 2**20, unique: bool = False, threads: int | None = None
    ) -> Iterator[Rows]:
        """Draw architectures uniformly, a batch at a time: any number in the memory of one batch.

        Parameters
        ----------
        n
            Number of architectures, 0 to 2**64 - 1.
        seed
            0 to 2**64 - 1.
        size
            Architectures of a batch, at least 1; the last one has what is left.
        unique
            Whether all architectures are distinct.
        threads
            Number of threads; ``None`` is one a core.

        Yields
        ------
        uint8 array (size, variables)
            Choice indices; all batches together are ``sample(n, seed)``.

        Raises
        ------
        SpaceError
            As `sample`.

        Examples
        --------
        >>> import accelnas
        >>> bench = accelnas.load()
        >>> best = 0.0
        >>> for archs in bench.space.batches(300_000, seed=1, size=100_000):
        ...     best = max(best, bench.predict(archs, metrics=["accuracy"])["accuracy"].max())
        >>> f"{best:.2f}"
        '67.37'
        """
        check_threads(threads)
        n, seed = check_whole("n", n, 0, 2**64 - 1, SpaceError), check_seed(seed, SpaceError)
        size = check_whole("size", size, 1, error=SpaceError)
        self._core.sample(0, seed, unique, n, threads)  # as many as that can be drawn
        return (self._core.sample(min(size, n - i), seed, unique, i, threads) for i in _steps(n, size))

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
        most = max(self.size, 2**64 - 1)
        start, stop = (check_whole(name, end, 0, most, SpaceError) for name, end in (("start", start), ("stop", stop)))
        if self.size <= _core.MAX_SIZE:
            return self._core.range(start, stop)
        if start > stop:
            raise SpaceError(f"the range {start} to {stop} goes down; give the lower index first")
        return self._core.wide_at([*range(start, stop)])

    def neighbours(self, arch: Architectures) -> Rows:
        """Give all architectures that differ from one architecture in one variable.

        In a space with rules, variables that a change switches on take their first choices, and what is forbidden or
        the same as an earlier neighbour is left out.

        Returns
        -------
        uint8 array (sum of (choices - 1), variables)
            Choice indices, by variable, then by choice.
        """
        rows = self.encode(arch)
        if len(rows) != 1:
            raise SpaceError(f"neighbours are of one architecture, got {len(rows)}; call it for each")
        return self._core.neighbours(rows)

    def encode(self, archs: Architectures, *, strict: bool = False) -> Rows:
        """Turn any form of one or many architectures into choice indices.

        In a space with rules every architecture takes its canonical form: inactive variables are shown as such,
        and those that are the same get one form.

        Parameters
        ----------
        archs : dict, str, int, integer array, a sequence of them, or a data frame
            An integer array of 2 dimensions, or a list of lists, has shape (n, variables) and holds choice
            indices; a ``uint8`` one may be (n, blocks) for block states, and one row of it 1-dimensional.
            Integers of 64 bits, and 1-dimensional arrays of them, are indices into the space. A data frame
            (pandas, Polars, PyArrow, or any that speaks Arrow) has a column of choices for each variable, or one
            named ``architecture`` or ``index``, and no other (`Frame` renames and leaves out); its rows and columns
            alone are read too.
        strict : bool
            Refuse architectures that are not in their canonical form.

        Returns
        -------
        uint8 array (n, variables)
            Choice indices, C-contiguous. A C-contiguous ``uint8`` array of choice indices is
            returned as it is, without a copy and without a look at its values: what uses them
            checks them.

        Raises
        ------
        SpaceError
            If a value is out of range; the message names row, variable, value and choices. If integers can
            be meant in two ways, or the columns of a data frame are not those of the space. If a combination is
            forbidden, or an active variable has no choice.
        """
        rows = encode(self, archs)
        if not self.has_rules:
            return rows
        if strict:
            self._core.check(rows)
            return rows
        canonical = self._core.canonical(rows)
        return rows if canonical is None else canonical

    def check(self, archs: Architectures) -> None:
        """Raise SpaceError unless every architecture is one of this space."""
        self._core.check(self.encode(archs))

    def decode(self, archs: Architectures) -> list[dict[str, Choice]]:
        """Give each architecture as a dict of variable names to values."""
        return self._core.decode(self.encode(archs))

    def index(self, archs: Architectures) -> NDArray[np.uint64]:
        """Give each architecture's index: its place in the ascending order of choice indices.

        Returns
        -------
        uint64 array (n,)
            0 to ``size - 1``; without rules, mixed radix over the variables, the last one fastest. In a space of
            more than 2**64 architectures, an object array of Python integers.
        """
        rows = self.encode(archs)
        if self.size <= _core.MAX_SIZE:
            return self._core.index(rows)
        return np.array(self._core.wide_index(rows), dtype=object)

    def at(self, indices: Sequence[int] | NDArray[Any]) -> Rows:
        """Give the architectures at indices.

        Returns
        -------
        uint8 array (n, variables)
            Choice indices.
        """
        array = np.asarray(indices)
        if array.dtype.kind in "iu":
            last = min(self.size - 1, int(np.iinfo(array.dtype).max))
            for row in np.flatnonzero((array < 0) | (array > last))[:1].tolist():
                self._valid_index(row, array[row])
        else:
            for row, index in enumerate(array.tolist()):
                self._valid_index(row, index)
        if self.size > _core.MAX_SIZE:
            return self._core.wide_at([int(index) for index in array.tolist()])
        return self._core.at(np.ascontiguousarray(array, np.uint64))

    def _valid_index(self, row: int, index: object) -> int:
        if isinstance(index, bool) or not isinstance(index, (int, np.integer)) or not 0 <= index < self.size:
            raise SpaceError(f"row {row}: index {index} is outside the space; choose one of 0 to {self.size - 1}")
        return int(index)

    def block_states(self, archs: Architectures) -> NDArray[Any]:
        """Give each architecture's block states.

        Returns
        -------
        uint8 array (n, blocks)
            State of each block, 0 to its size - 1: mixed radix over its variables, the last one fastest, counting
            only joint choices that some architecture has. uint16 where a block has more than 256 states.
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
        texts = [texts] if isinstance(texts, str) else list(texts)
        for row, text in enumerate(texts):
            if not isinstance(text, str):
                raise SpaceError(f"row {row}: {text!r} is not an architecture of {self.name!r}; give a string")
        return self.encode(parsed(self, texts))


def _steps(n: int, size: int) -> Iterator[int]:
    """Give the first row of every batch; `range` ends at 2**63."""
    first = 0
    while first < n:
        yield first
        first += size


def definition(space: Space) -> dict[str, Any]:
    """Give the ``[space]`` table of a space."""
    table: dict[str, Any] = parse_toml(space.to_toml(), f"space {space.name}", SpaceError)["space"]
    return table


def defined(
    name: str,
    blocks: Mapping[str, Sequence[Mapping[str, object]]],
    *,
    conditions: Sequence[Mapping[str, object]] = (),
    forbidden: Sequence[Mapping[str, object]] = (),
    equivalences: Sequence[Mapping[str, object]] = (),
    classes: Sequence[Sequence[int]] = (),
    excluded: Sequence[int] = (),
) -> Space:
    """Give the space of blocks of variables, and of rules, each with what `benchmark.toml` says of one.

    Raises
    ------
    SpaceError
        If they make no space.

    Examples
    --------
    >>> defined("toy", {"layer": [{"name": "width", "choices": [16, 32]}, {"name": "op", "choices": ["a", "b"]}]}).size
    4
    """
    lists = [f"{key} = {_toml(value)}" for key, value in (("classes", classes), ("excluded", excluded)) if value]
    lines = ["[space]", f"name = {_toml(name)}", *lists]
    for block, variables in blocks.items():
        lines += ["[[space.blocks]]", f"name = {_toml(block)}", f"variables = {_toml(variables)}"]
    for kind, rules in (("conditions", conditions), ("forbidden", forbidden), ("equivalences", equivalences)):
        for rule in rules:
            lines += [f"[[space.{kind}]]", *(f"{key} = {_toml(value)}" for key, value in rule.items())]
    return Space("\n".join(lines))


def _toml(value: object) -> str:
    """Write tables, lists, and the strings, numbers and truth values that JSON and TOML write alike."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_toml(key)} = {_toml(entry)}" for key, entry in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # which TOML takes escaped alone


def mnasnet_space() -> Space:
    """Give the MnasNet space of Accel-NASBench: 28 variables, 104,485,552,128 architectures."""
    return Space.from_toml(_DATA / "mnasnet-space.toml")


def require_product(space: Space, what: str) -> None:
    """Refuse what is known of independent choices alone.

    Raises
    ------
    SpaceError
        If the space has rules.
    """
    if space.has_rules:
        raise SpaceError(
            f"{what} of independent choices, which the rules of {space.name!r} tie together; compare samples instead"
        )


def size_within(space: Space, allowed: Sequence[Sequence[int]]) -> int:
    """Count the architectures of the allowed choices."""
    return restricted(space, allowed).size if space.has_rules else math.prod(len(own) for own in allowed)


def sample_within(space: Space, allowed: Sequence[Sequence[int]], n: int, seed: int) -> Rows:
    """Draw architectures of the allowed choices uniformly; of the whole space ``space.sample(n, seed)``."""
    drawn = restricted(space, allowed).sample(n, seed)
    if space.has_rules:
        return drawn
    columns = [np.array(some, np.uint8)[drawn[:, i]] for i, some in enumerate(allowed)]
    return np.ascontiguousarray(np.stack(columns, axis=1))


def restricted(space: Space, allowed: Sequence[Sequence[int]]) -> Space:
    """Give the space of the allowed choices alone; its choice indices are positions among them, unless it has rules.

    Examples
    --------
    >>> import accelnas
    >>> space = accelnas.mnasnet_space()
    >>> allowed = [range(len(v.choices)) for v in space.variables]
    >>> restricted(space, [[2], *allowed[1:]]).variables[0].choices
    (6,)
    """
    variables = zip(space.variables, allowed, strict=True)
    if all(len(own) == len(v.states) for v, own in variables):
        return space
    return Space._of(space._core.restricted([list(own) for own in allowed]))
