"""Source models into one verified metric of a benchmark directory."""

from __future__ import annotations

import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from accelnas import _core
from accelnas.arguments import check_choice, check_seed, check_threads, check_whole
from accelnas.errors import AccelnasWarning, ModelError
from accelnas.fitting.encoding import ABSENT, Encoding
from accelnas.fitting.entry import write_metric
from accelnas.fitting.expansion import over_variables
from accelnas.fitting.metric import MetricSpec
from accelnas.fitting.missing import check_missing
from accelnas.fitting.provenance import doubts, origin
from accelnas.fitting.sources import Source, read_source
from accelnas.fitting.verify import Member, VerifyReport, verification_rows, verify

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from accelnas import Space
    from accelnas.fitting.anova import Tables
    from accelnas.fitting.uncertainty import Uncertainty
    from accelnas.space import Architectures

__all__ = ["CompileReport", "Encoding", "MetricSpec", "compile_metric", "default_encoding"]

MOST_ROWS = 10_000_000  # compared in memory
SIZES = ("members", "granularity", "table_count", "cell_count", "order", "forest_trees")  # of a surrogate


@dataclass(frozen=True)
class CompileReport:
    """What was written, how it was checked and how long it took.

    Attributes
    ----------
    metric, directory
        Name of the metric and the benchmark directory it was written to.
    members
        Number of source models.
    granularity
        What the axes of the tables are: ``"variables"`` or ``"blocks"``.
    table_count, cell_count, order
        Number of tables, of numbers in them, and the most axes that one has.
    forest_trees
        Number of trees that depend on too many blocks and stay trees.
    verification
        The comparison with the source library.
    warnings
        What the owner of the models should look at.
    provenance
        What the artifact says of its origin.
    seconds
        Time by stage: read, import, lower, verify, write.
    """

    metric: str
    directory: Path
    members: int
    granularity: str
    table_count: int
    cell_count: int
    order: int
    forest_trees: int
    verification: VerifyReport
    warnings: tuple[str, ...]
    provenance: dict[str, str]
    seconds: dict[str, float]


def compile_metric(
    models: Sequence[object],
    *,
    space: Space,
    metric: MetricSpec,
    directory: str | Path,
    scale: float | Sequence[float] = 1.0,
    bias: float | Sequence[float] = 0.0,
    encoding: Encoding | None = None,
    missing: float | None = None,
    absent: str | None = None,
    target: int | None = None,
    raw: bool = False,
    tables: Tables | None = None,
    architectures: Architectures | None = None,
    uncertainty: Uncertainty | None = None,
    provenance: Mapping[str, str] | None = None,
    random_rows: int = 100_000,
    seed: int = 0,
    threads: int | None = None,
) -> CompileReport:
    """Compile an ensemble of tree models, tables or sums of both, verify it and write it into a benchmark directory.

    Nothing is written unless every member and the compiled form agree with the library that made
    the models (see :mod:`accelnas.fitting.verify`). The same models and arguments give the same
    bytes.

    Parameters
    ----------
    models
        One model a member, in memory or as the path of a file; :func:`~accelnas.fitting.sources.
        read_source` says which. None, if there are tables alone.
    space
        Space of the architectures.
    metric
        What the models predict.
    directory
        Benchmark directory, created or updated; a metric of the same name is replaced.
    scale, bias
        From a model's output to the metric's link space, ``bias + scale * output``; one number, or
        one a model.
    encoding
        What the models see of an architecture. By default the position of each choice, columns
        matched by the models' feature names if they have any, by position otherwise.
    missing
        The number that stands for a missing value besides nan, as ``missing`` of XGBoost, or nan: none does. By
        default that of the encoding, or of a model that states it.
    absent
        What one-hot columns hold for other choices: ``"zero"``, or ``"missing"`` for a model that was trained on sparse
        rows without explicit zeros. By default what the encoding says.
    target
        Which of the numbers that the models predict, from 0; needed where they predict several.
    raw
        Compile the sum of the trees itself, without what a model applies to it, such as a sigmoid.
    tables
        Interaction tables on the link's scale, a function a member, to which the models add. Tables alone
        are rounded to float32, half the size; the predictions move by 5e-7 standard deviations, of the member that
        spreads most, at most.
    architectures
        Architectures of the data set, in any form that ``space.encode`` takes, to verify on.
    uncertainty
        How far measurements lie from the predictions.
    provenance
        Further entries for the artifact.
    random_rows, seed
        How many random architectures to verify on, and their seed.
    threads
        Number of threads; all cores by default.

    Raises
    ------
    ModelError
        When a model can't be compiled, with the reason; among others when it separates missing values that the encoding
        never gives, and nobody said what was missing in training.
    VerificationError
        When the result doesn't say what a model says.

    Warns
    -----
    AccelnasWarning
        When the result says what the models say, but a model may have been meant otherwise: it predicts the same
        everywhere, or stopped early and uses all rounds.
    """
    random_rows = check_whole("random_rows", random_rows, 1, MOST_ROWS, ModelError)
    seed = check_seed(seed, ModelError)
    check_threads(threads)
    if not models and tables is None:
        raise ModelError("no model is given; give one for each member")
    if models and tables is not None and len(tables.constants) != len(models):
        raise ModelError(f"{len(models)} models come with tables of {len(tables.constants)} members; give one each")
    if missing is not None and np.isinf(missing):
        raise ModelError(f"missing is {missing}; give a finite number or nan")
    if absent is not None:
        check_choice("absent", absent, tuple(ABSENT))
    stated = Stated(missing, None if absent is None else ABSENT[absent])
    scales, biases = _each(scale, len(models), "scale"), _each(bias, len(models), "bias")
    seconds: dict[str, float] = {}
    with _timed(seconds, "read"):
        sources = [read_source(model) for model in models]
        for i, source in enumerate(sources):
            with _named(i, source):
                source.choose(target)
    with _timed(seconds, "import"):
        members = [
            _member(source, space, encoding, stated, (metric.link, raw), scales[i], biases[i], i)
            for i, source in enumerate(sources)
        ]
    with _timed(seconds, "lower"):
        surrogate = _lower(space, members, tables)
    with _timed(seconds, "verify"):
        empty = np.empty((0, len(space.variables)), np.uint8)
        data = empty if architectures is None else space.encode(architectures)
        random = verification_rows(space, random_rows, seed)
        verification = verify(members, surrogate, space, tables=tables, data=data, random=random, threads=threads)
    given = dict(provenance or {})
    if tables is not None:
        given["tables_sha256"] = tables.sha256
    doubtful = doubts(members, verification)
    entries = origin(members, verification, doubtful, data, seed, given)
    with _timed(seconds, "write"):
        write_metric(directory, metric, surrogate, entries, uncertainty)
    for doubt in doubtful:
        warnings.warn(f"{metric.name}: {doubt}", AccelnasWarning, stacklevel=2)
    return CompileReport(
        metric=metric.name,
        directory=Path(directory),
        **{name: getattr(surrogate, name) for name in SIZES},
        verification=verification,
        warnings=doubtful,
        provenance=entries,
        seconds=seconds,
    )


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start


def _each(value: float | Sequence[float], count: int, name: str) -> list[float]:
    values = [float(x) for x in np.atleast_1d(np.asarray(value, np.float64))]
    values = values * count if len(values) == 1 else values
    if len(values) != count:
        raise ModelError(f"{name} has {len(values)} numbers for {count} models; "
                         "give one, or one a model")  # fmt: skip
    if not np.isfinite(values).all():
        raise ModelError(f"{name} must be finite")
    return values


class Stated(NamedTuple):
    """What the caller says of cells without a number; None says nothing."""

    missing: float | None
    absent: float | None


@contextmanager
def _named(number: int, source: Source) -> Iterator[None]:
    """Name the model in every error."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"model {number} ({source.kind}): {error}") from None


def _member(
    source: Source,
    space: Space,
    encoding: Encoding | None,
    stated: Stated,
    scale_of: tuple[str, bool],
    scale: float,
    bias: float,
    number: int,
) -> Member:
    """Read one model's trees."""
    link, raw = scale_of
    with _named(number, source):
        if encoding is None:
            encoding = default_encoding(source, space)
        encoding = source.seen(encoding.declared(*stated), space)
        check_missing(source, encoding)
        source.trees.check_link(link, raw)
        source.trees.check_categories(encoding)
        trees, columns, origin = over_variables(source.trees, encoding, space)
        forest = trees.forest(space, columns, link=link, raw=raw, scale=scale, bias=bias)
    return Member(source, encoding, forest, scale, bias, None if origin is None else (trees.tree_offsets, origin))


def _lower(space: Space, members: Sequence[Member], tables: Tables | None) -> _core.Surrogate:
    forests = [member.forest for member in members]
    if tables is None:
        return _core.Surrogate.lower(space._core, forests)
    flat = [cells.reshape(len(cells), -1) for cells in tables.cells]
    own = _core.Surrogate.from_tables(space._core, tables.constants.tolist(), tables.sets, flat, tables.over)
    if not members:
        return own.rounded()
    return _core.Surrogate.combine(space._core, [_core.Surrogate.lower(space._core, forests), own], [1.0, 1.0], 0.0)


def default_encoding(source: Source, space: Space) -> Encoding:
    """Give the positions of choices, in columns by the model's feature names if it has any."""
    if source.own_categories:
        raise ModelError("the model maps category names to codes of its own; state the code of "
                         "each choice with an encoding")  # fmt: skip
    return Encoding.ordinal(space) if source.names is None else Encoding.from_names(source.names, space)
