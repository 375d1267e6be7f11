"""The search space of a table: what each column is, the choices of the variables, and their blocks."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from accelnas import _core
from accelnas.errors import DataError
from accelnas.fitting.columns import FORMS
from accelnas.fitting.layout import blocks_of
from accelnas.fitting.table import PLAIN, describes, numbers, repeated_metric
from accelnas.space.definition import defined

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from accelnas.space import Space
    from accelnas.space.parts import Choice

__all__ = ["Column", "Inferred", "infer_space", "suggested"]

# a variable has at most so many choices where nobody says that it is one, and each occurs TWICE on average
WHOLE, FRACTIONS, TWICE = 32, 16, 2
AT_ONCE = 3  # columns of numbers that are taken for metrics at once because a table is complete without them
RUNS = {"seed", "run", "repeat", "repetition", "replicate", "trial"}
NAMES = {"id", "key", "hash", "index", "idx", "row", "number", "job", "arch", "architecture", "model", "genotype"}
TEXT = (pl.String, pl.Categorical, pl.Enum)
MORE = {"acc", "accuracy", "top1", "top5", "throughput", "fps", "auc", "f1", "bleu", "miou", "score", "reward", "r2"}
LESS = {
    "loss", "error", "err", "latency", "runtime", "params", "parameters", "flops", "macs", "madds", "energy",
    "perplexity", "ppl", "regret", "seconds", "ms",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """What a column of a table is.

    Attributes
    ----------
    name : str
        Its heading.
    role : str
        ``"variable"``, ``"metric"`` or ``"ignored"``.
    reason : str
        Why.
    choices : tuple
        Of a variable: numbers ascending, false before true, text by the alphabet.
    """

    name: str
    role: str
    reason: str
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True)
class Inferred:
    """The search space that a table suggests.

    Attributes
    ----------
    space : Space
        The variables' space.
    columns : tuple of Column
        What was decided, one a column of the table.
    rows, architectures : int
        Of the table; it is complete where it has every architecture of the space.
    """

    space: Space
    columns: tuple[Column, ...]
    rows: int
    architectures: int

    @property
    def complete(self) -> bool:
        """Whether the table has every architecture of the space."""
        return self.architectures == self.space.size

    @property
    def metrics(self) -> dict[str, str]:
        """Metric names, those of seeds once, to the direction that each suggests; maximise where it suggests none."""
        return suggested(repeated_metric(c.name) or c.name for c in self.columns if c.role == "metric")


def suggested(names: Iterable[str]) -> dict[str, str]:
    """Give the direction that the name of each metric suggests.

    Examples
    --------
    >>> suggested(["top1", "latency_phone", "peak_memory"])
    {'top1': 'maximise', 'latency_phone': 'minimise', 'peak_memory': 'minimise'}
    """
    less = LESS | {"time", "memory", "cost", "size"}
    return {name: "minimise" if _words(name) & less and not _words(name) & MORE else "maximise" for name in names}


def infer_space(
    table: pl.DataFrame, name: str = "space", *, choices: Sequence[str] = (), metrics: Sequence[str] = ()
) -> Inferred:
    """Guess the search space of a table of measured architectures.

    Columns of text, truth values and few distinct numbers, each met several times, are variables. Numbers of many
    values, those that are named after a metric or its seeds, and those without which the table is complete are
    metrics. All others are named with the reason.

    Parameters
    ----------
    table : polars.DataFrame
        One row a measurement, as `accelnas.fitting.dataset.read_dataset` takes them.
    name : str
        Name of the space.
    choices, metrics : sequence of str
        Columns that are variables, and metrics, whatever they look like; of the others it is guessed.

    Returns
    -------
    Inferred
        The space, and what was decided of each column.

    Raises
    ------
    DataError
        If a column that is named is missing or can't be what is said, or there is no variable.

    Examples
    --------
    >>> table = pl.DataFrame({"op": ["conv", "pool"] * 2, "depth": [1, 1, 2, 2], "top1": [70.1, 64.2, 72.0, 65.9]})
    >>> found = infer_space(table, "tiny")
    >>> [(column.name, column.role, column.choices) for column in found.columns]
    [('op', 'variable', ('conv', 'pool')), ('depth', 'variable', (1, 2)), ('top1', 'metric', ())]
    >>> found.complete, found.space.format(found.space.range(0, 1))
    (True, ['op=conv-d1'])
    """
    _check_named(table, choices, metrics)
    columns = [_judged(series, table, choices, metrics) for series in table]
    columns = _without_determined(table, columns, {*choices, *metrics})
    variables = {column.name: column.choices for column in columns if column.role == "variable"}
    if not variables:
        reasons = "; ".join(f"{column.name or 'a column'}: {column.reason}" for column in columns[:5])
        raise DataError(f"no column looks like a variable ({reasons}); name the variables with choices (--choices)")
    space = defined(name, blocks_of(variables))
    return Inferred(space, tuple(columns), table.height, table.select(list(variables)).n_unique())


def _check_named(table: pl.DataFrame, choices: Sequence[str], metrics: Sequence[str]) -> None:
    if table.height == 0:
        raise DataError("the table has no rows; expected measured architectures")
    seeds = {repeated_metric(name) for name in table.columns}
    for column in (*choices, *metrics):
        if column not in table.columns and not (column in metrics and column in seeds):
            raise DataError(f"no column {column!r}; the table has {', '.join(map(repr, table.columns[:20]))}")
    if both := [column for column in choices if column in metrics]:
        raise DataError(f"{both[0]!r} is named as a variable and as a metric; choose one")


def _judged(series: pl.Series, table: pl.DataFrame, choices: Sequence[str], metrics: Sequence[str]) -> Column:
    """Say what a column is, by its name and values alone."""
    series = _typed(series)
    name, given = series.name, series.drop_nulls()
    if name in choices:
        return _variable(series, "named as one")
    metric = repeated_metric(name)
    if name in metrics or metric in metrics:
        found = numbers(series, _rows(table))
        if found is None or not found.count():
            what = repr(given[0]) if len(given) else "nothing"
            raise DataError(f"{name} is named as a metric but holds {what}; a metric holds numbers")
        return Column(name, "metric", "named as one" if name in metrics else f"a repeat of {metric}")
    if (reason := _no_measurement(series, table)) is not None:
        return Column(name, "ignored", reason)
    values = set(given.unique().to_list())
    if series.dtype in TEXT:
        few = WHOLE if TWICE * len(values) > len(given) else _core.MAX_CHOICES
        if len(values) < len(given) and len(values) <= few:
            return _variable(series, "text")
        try:
            found = numbers(series, _rows(table))
        except DataError as error:
            return Column(name, "ignored", str(error))
        if found is None:
            what = "of a different value in every row" if len(values) == len(given) else f"of {len(values)} values"
            return Column(name, "ignored", f"text {what}, no choice and no number")
        series, values = found, set(found.drop_nulls().to_list())
    if metric is not None:
        return Column(name, "metric", f"a repeat of {metric}")
    if series.dtype == pl.Boolean:
        return _variable(series, "truth values")
    if _words(name) & (MORE | LESS):
        return Column(name, "metric", "named after one")
    return _judged_numbers(series, sorted(values), len(given))


def _no_measurement(series: pl.Series, table: pl.DataFrame) -> str | None:
    """Say why a column is neither a variable nor a metric; None where it may be one."""
    name, given = series.name, series.drop_nulls()
    if not name or name.startswith("__index_level_"):
        return "a row number, as pandas writes one"
    if name == "id":
        return "names the rows" if series.dtype.is_integer() else "names the rows, but no integers: rename or drop it"
    if name in FORMS:
        return "holds whole architectures; a space is guessed from one column a variable"
    if not len(given):
        return "empty in every row"
    if not _is_plain(series.dtype):
        return f"holds {series.dtype}, no single numbers or text; give each value a column, such as {name}_seed0"
    if describes(name, table.columns):
        return "the deviation of another column, or how that was measured; read beside it"
    if name.lower() in RUNS:
        return "numbers repeats; rows of one architecture are repeats"
    if given.n_unique() == 1 and repeated_metric(name) is None:
        return f"constant: {given[0]} in every row" + ("" if len(given) == len(series) else " that has a value")
    return None


def _judged_numbers(series: pl.Series, values: list[Any], rows: int) -> Column:
    """Tell choices that are numbers from measurements."""
    if not all(map(math.isfinite, values)):
        return Column(series.name, "metric", "numbers, some of them infinite: leave those empty")
    whole = all(value == int(value) for value in values)
    steps = {int(b - a) for a, b in itertools.pairwise(values)} if whole else set()
    if whole and len(values) == rows > 1 and (steps == {1} or _words(series.name) & NAMES):
        return Column(series.name, "ignored", "another whole number in every row, which names it")
    few = len(values) <= (WHOLE if whole else FRACTIONS) or (len(steps) == 1 and len(values) <= _core.MAX_CHOICES)
    if few and TWICE * len(values) <= rows:
        return _variable(series, "few distinct numbers")
    return Column(series.name, "metric", f"{len(values):,} distinct numbers in {rows:,} rows")


def _variable(series: pl.Series, reason: str) -> Column:
    if not _is_plain(series.dtype):
        raise DataError(f"{series.name} holds {series.dtype}; choices are numbers, truth values or text")
    found = {value.strip() if isinstance(value, str) else value for value in series.drop_nulls().to_list()}
    if not 1 <= len(found) <= _core.MAX_CHOICES:
        raise DataError(f"{series.name} has {len(found):,} distinct values; a variable has 1 to {_core.MAX_CHOICES}")
    if infinite := [value for value in found if isinstance(value, float) and not math.isfinite(value)]:
        raise DataError(f"{series.name} is {infinite[0]}; choices are finite numbers, truth values or text")
    if series.dtype == pl.String and {text.lower() for text in found} == {"true", "false"}:
        found = {False, True}
    if series.dtype.is_float() and all(value == int(value) for value in found):
        found = {int(value) for value in found}
    if empty := series.null_count():
        row = series.is_null().arg_max()
        reason += f"; empty in {empty:,} rows, the first is row {row}: write a value there, or give it a condition"
    return Column(series.name, "variable", reason, tuple(sorted(found)))


def _without_determined(table: pl.DataFrame, columns: list[Column], named: set[str]) -> list[Column]:
    """Take numbers for metrics where the table is complete without them, and they follow from what is left."""
    cards = {column.name: len(column.choices) for column in columns if column.role == "variable"}
    doubted = [name for name in cards if name not in named and table[name].dtype.is_numeric()]
    if math.prod(sorted(cards.values())[:-AT_ONCE]) > table.height:
        return columns
    for count in range(min(AT_ONCE, len(doubted)) + 1):
        for some in itertools.combinations(doubted, count):
            rest = [name for name in cards if name not in some]
            if {_family(name) for name in some} & {_family(name) for name in rest}:
                continue  # layers that are always alike
            size = math.prod(cards[name] for name in rest)
            if not rest or size > table.height or table.select(rest).n_unique() != size:
                continue
            if table.select([*rest, *some]).n_unique() == size:
                reason = "a number for each architecture: the table is complete without it"
                metric = {name: Column(name, "metric", reason) for name in some}
                return [metric.get(column.name, column) for column in columns]
    return columns


def _typed(series: pl.Series) -> pl.Series:
    """Give text that is a number in every row as such, and other types of one kind as one."""
    if series.dtype in TEXT:
        series = series.cast(pl.String)
        given = series.drop_nulls()
        if len(given) and all(PLAIN.fullmatch(text.strip()) for text in given):
            return series.str.strip_chars().cast(pl.Float64)
    series = series.cast(pl.Float64) if series.dtype.is_decimal() else series
    return series.fill_nan(None) if series.dtype.is_float() else series


def _is_plain(dtype: pl.DataType) -> bool:
    return dtype.is_numeric() or dtype == pl.Boolean or dtype in TEXT


def _family(name: str) -> str:
    """Give what layer0 and layer1 have in common."""
    return re.sub(r"\d+", "#", name)


def _words(name: str) -> set[str]:
    """Words of a name, with and without their numbers."""
    words = re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    return {*words, *(word.rstrip("0123456789") for word in words)}


def _rows(table: pl.DataFrame) -> pl.Series:
    return pl.Series("row", range(table.height))
