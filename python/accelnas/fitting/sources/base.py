"""What all source models have in common, and Treelite's own."""

from __future__ import annotations

import hashlib
import io
import math
import re
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from accelnas.caching import cached_property
from accelnas.errors import MissingExtraError, ModelError
from accelnas.fitting.checkpoint import parse_checkpoint

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from accelnas import Space
    from accelnas.fitting.encoding import Encoding
    from accelnas.fitting.trees import Trees

__all__ = ["Checkpoint", "Matrix", "Source", "fitted", "imported", "treelite_errors", "undamaged"]

# what reads models of XGBoost 3.2 and newer, as the extra `build` asks for
OLDEST_TREELITE = [4, 7, 2]

Matrix = npt.NDArray[np.floating[Any]]


class Source:
    """One source model, with the predictions of its own library."""

    kind: str  # name of the library, which is also its distribution name
    sha256: str  # hash of the model file, or of what the library writes for a model in memory
    dtype: npt.DTypeLike = np.float64  # in which the library holds its input
    sum_dtype: npt.DTypeLike = np.float64  # in which the library sums leaves
    names: tuple[str, ...] | None = None  # of features; None where the model has none of its own
    own_categories = False  # whether the model maps category names to codes of its own
    missing: float | None = None  # stands for a missing value besides nan (nan: nothing), where the model states it
    had_missing: Collection[int] | None = None  # features with missing values in training, where the model states it
    chooses_missing = False  # whether the library lets its user choose that number
    rounds: tuple[int, int] | None = None  # of boosting: those that predict, and those in all
    notes: tuple[str, ...] = ()  # what the model's owner should know
    target = 0  # which of the numbers that the model predicts is meant
    imported: Any  # the treelite.Model

    @cached_property
    def outputs(self) -> tuple[Trees, ...]:
        """The trees of each target."""
        return parse_checkpoint(self.imported.serialize_bytes())

    @property
    def width(self) -> int:
        """Number of features."""
        return self.trees.feature_count

    @property
    def trees(self) -> Trees:
        """The trees of the chosen target."""
        return self.outputs[self.target]

    def choose(self, target: int | None) -> None:
        """Choose one of the targets, from 0; None is the only one.

        Raises
        ------
        ModelError
            If the model has no such target, or several and none is named.
        """
        count = len(self.outputs)
        if target is None and count > 1:
            raise ModelError(f"the model predicts {count} targets; name one of 0 to {count - 1} with --target (target=)"
                             ", and compile it once for each metric")  # fmt: skip
        if target is not None and not 0 <= target < count:
            raise ModelError(f"the model has no target {target}; it predicts {count}, counted from 0")
        self.target = target or 0

    def check_columns(self, encoding: Encoding) -> None:
        """Refuse an encoding of another number of columns than the model has features."""
        self.trees.check_columns(encoding)

    def seen(self, encoding: Encoding, space: Space) -> Encoding:  # noqa: ARG002 some look at choices
        """Give what the model sees of an encoding of a space: its precision, and nan for all that it takes as missing.

        Columns that the model computes of others may follow those of the encoding.

        Raises
        ------
        ModelError
            If the encoding and the model name different numbers, or differ in columns.
        """
        self.check_columns(encoding)
        own = math.nan if self.missing is None else self.missing
        if not np.isnan(own) and encoding.missing is not None and own != encoding.missing:
            raise ModelError(f"the model treats {own:g} as missing, the encoding says {encoding.missing:g}; "
                             "leave it out of the encoding")  # fmt: skip
        own = float(np.asarray(own, self.dtype))
        return encoding.rounded(self.dtype).with_nan(lambda number: number == own)

    def predict(self, matrix: Matrix, threads: int) -> Any:
        """Return the library's prediction before any link, n numbers, or (n, targets)."""
        raise NotImplementedError

    def sums(self, matrix: Matrix, threads: int) -> npt.NDArray[np.float64]:
        """Return the library's prediction of the chosen target before any link, float64 (n,)."""
        found = np.asarray(self.predict(matrix, threads), np.float64)
        return found.reshape(len(matrix), -1)[:, self.target]

    def leaves(self, matrix: Matrix, threads: int) -> Any:
        """Return the leaf of each of the model's trees as the library numbers it, n × trees numbers, or None."""
        raise NotImplementedError

    @property
    def libraries(self) -> set[str]:
        """Names of the libraries that read this model."""
        return {self.kind, "treelite"}

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the libraries that read this model."""
        return {name: library_version(name) for name in sorted(self.libraries)}


@contextmanager
def fitted(model: object) -> Iterator[None]:
    """Turn what a library says of a model that is not fitted (by an `AttributeError`) into an error that names it."""
    try:
        yield
    except (AttributeError, TypeError) as error:
        raise ModelError(f"{type(model).__name__} can't be compiled: {error}") from None


def library_version(name: str) -> str:
    """Version of a library, whatever distribution brought it (``xgboost-cpu`` is one of XGBoost's)."""
    module = import_module({"scikit-learn": "sklearn", "interpret-core": "interpret"}.get(name, name))
    found: str = module.__version__
    return found


def imported(name: str, what: str, extra: str) -> Any:
    """Import a library that an extra brings.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{error.name} is not installed, which {what} needs; run: pip install 'accelnas[{extra}]'"
        ) from error


@contextmanager
def undamaged(what: str) -> Iterator[None]:
    """Turn what goes wrong while a document is read into an error that names it."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{what} is damaged or of an unknown form: {type(error).__name__}: {error}") from None


@contextmanager
def treelite_errors(what: str, library: str | None = None, way_out: str = "") -> Iterator[None]:
    """Turn what Treelite says of a model into an error that names it.

    Parameters
    ----------
    what
        The model: what it is and where it comes from.
    library
        Distribution that wrote the model, where a newer one may be beyond Treelite.
    way_out
        What to do, where that is something else.
    """
    import treelite

    said = io.StringIO()  # Treelite prints the better half of some reasons
    try:
        with redirect_stdout(said):
            yield
    except (treelite.TreeliteError, NotImplementedError) as error:
        reason = treelite_reason(said.getvalue() or str(error))
        raise ModelError(
            f"treelite can't read {what}: {reason}{way_out if library is None else _other_versions(library)}"
        ) from None
    except UnicodeDecodeError:  # in Treelite's own message, which quotes the model
        raise ModelError(f"treelite can't read {what}: it is damaged") from None


def treelite_reason(message: str) -> str:
    """Return the part of a Treelite message that means something to a user.

    Examples
    --------
    >>> treelite_reason("[01:02:03] /project/src/loader.cc:64: Check failed: a == b: Need a field")
    'Need a field'
    """
    text = re.sub(r"^\[[\d:]+\] \S+: ", "", message.strip(), flags=re.MULTILINE)
    text = re.sub(r"^Check failed: .*?: (?=[A-Z])", "", text, flags=re.DOTALL)
    return " ".join(text.split())[:300]


def _other_versions(library: str) -> str:
    own = library_version("treelite")
    is_old = [int(part) for part in re.findall(r"\d+", own)[:3]] < OLDEST_TREELITE
    newer = f"install treelite>={'.'.join(map(str, OLDEST_TREELITE))}" if is_old else "try a newer treelite"
    return (
        f"; this is treelite {own} with {library} {library_version(library)}: {newer}, "
        f"or fit with an older {library} or a common objective"
    )


class Checkpoint(Source):
    """A ``treelite.Model``, which predicts by Treelite's own reference library."""

    kind = "treelite"
    chooses_missing = True

    def __init__(self, raw: bytes) -> None:
        import treelite

        self.sha256 = hashlib.sha256(raw).hexdigest()
        self.outputs = parse_checkpoint(raw)  # first: Treelite trusts what it reads
        with treelite_errors("this checkpoint"):
            self.imported = treelite.Model.deserialize_bytes(raw)
        self.dtype = self.sum_dtype = np.float32 if self.trees.float32 else np.float64

    def predict(self, matrix: Matrix, threads: int) -> Any:
        import treelite

        return treelite.gtil.predict(self.imported, matrix, nthread=threads, pred_margin=True)

    def leaves(self, matrix: Matrix, threads: int) -> Any:
        import treelite

        return treelite.gtil.predict_leaf(self.imported, matrix, nthread=threads)
