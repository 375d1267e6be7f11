"""Source models: what they are, and what their own library says about an architecture.

A model is read from memory or from a file whose kind is told by its content. Pickles are refused,
not loaded: they can run any code.
"""

from __future__ import annotations

import copy
import hashlib
import io
import re
import struct
import warnings
from contextlib import contextmanager, redirect_stdout
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from accelnas import _core
from accelnas.build.checkpoint import Trees, parse_checkpoint
from accelnas.build.treelite_import import read_trees, treelite_reason
from accelnas.errors import ModelError
from accelnas.files import MODEL, read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Source", "read_source"]

Floats = npt.NDArray[np.float64]
Leaves = npt.NDArray[np.int32]
Matrix = npt.NDArray[np.floating[Any]]

# first bytes of pickles (protocols 2 to 5) and of the compressed or zipped files that hold them
PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"\x1f\x8b", b"BZh", b"\xfd7zXZ",
           b"\x04\x22M\x18", b"x\x01", b"x\x5e", b"x\x9c", b"x\xda", b"PK", b"ZF")  # fmt: skip
# protocols 0 and 1: a class by name, a dictionary or a list
TEXT_PICKLE = re.compile(rb"\(?c[\w.]+\n\w+\n|\([dl]p0\n|[}\]]q\x00")
LINEAR_BOOSTER = re.compile(rb"name.{1,12}gblinear", re.DOTALL)
# categories that XGBoost took from a data frame, in JSON or UBJSON
OWN_CATEGORIES = re.compile(rb'cats.{1,12}enc(?:":\[\{|\[#L(?!\x00{8}))', re.DOTALL)


class Source:
    """One source model, with the predictions of its own library.

    Attributes
    ----------
    kind
        Name of the library, which is also its distribution name.
    sha256
        Hash of the model file, or of what the library writes for a model in memory.
    dtype
        Floating-point type in which the library holds its input.
    sum_dtype
        Floating-point type in which the library sums leaves.
    names
        Feature names, or None where the model has none of its own.
    """

    kind: str
    sha256: str
    dtype: npt.DTypeLike = np.float64
    sum_dtype: npt.DTypeLike = np.float64
    names: tuple[str, ...] | None = None
    own_categories = False  # whether the model maps category names to codes of its own
    imported: Any  # the treelite.Model

    @cached_property
    def trees(self) -> Trees:
        """The model's trees."""
        return read_trees(self.imported)

    def predict(self, matrix: Matrix, threads: int | None) -> Floats:
        """Return the library's prediction before any link, float64 (n,)."""
        raise NotImplementedError

    def leaves(self, matrix: Matrix, threads: int | None) -> Leaves | None:
        """Return the leaf of each tree as the library numbers it (n, trees), or None."""
        raise NotImplementedError

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the libraries that read this model."""
        return {name: version(name) for name in sorted({self.kind, "treelite"})}


@contextmanager
def _treelite_errors(what: str) -> Iterator[None]:
    import treelite

    said = io.StringIO()  # Treelite prints the better half of some reasons
    try:
        with redirect_stdout(said):
            yield
    except (treelite.TreeliteError, NotImplementedError) as error:
        reason = treelite_reason(said.getvalue() or str(error))
        raise ModelError(f"treelite can't read {what}: {reason}") from None
    except UnicodeDecodeError:  # in Treelite's own message, which quotes the model
        raise ModelError(f"treelite can't read {what}: it is damaged") from None


class XGBoost(Source):
    """An XGBoost model, as the bytes of its JSON or UBJSON file."""

    kind = "xgboost"
    dtype = np.float32
    sum_dtype = np.float32

    def __init__(self, raw: bytes, trim: bool = True) -> None:
        import xgboost

        self.sha256 = hashlib.sha256(raw).hexdigest()
        self.imported = self._import(raw)  # first: XGBoost crashes on UBJSON that is cut short
        try:
            booster = xgboost.Booster(model_file=bytearray(raw))
            names = booster.feature_names
        except (xgboost.core.XGBoostError, UnicodeDecodeError) as error:
            reason = str(error).partition("\n")[0]
            raise ModelError(f"xgboost can't read the model: {reason}") from None
        self.names = tuple(names) if names else None
        best = booster.attr("best_iteration")
        if trim and best is not None and booster.attr("scikit_learn") is not None:
            # the scikit-learn interface predicts with the best iteration, the plain one with all
            booster = booster[: int(best) + 1]
            raw = bytes(booster.save_raw("ubj"))
            self.imported = self._import(raw)
        self.booster = booster
        self.own_categories = OWN_CATEGORIES.search(raw) is not None

    def _import(self, raw: bytes) -> Any:
        from treelite import frontend

        if LINEAR_BOOSTER.search(raw):
            raise ModelError("the xgboost model is linear and has no trees; fit with booster=gbtree")
        is_json = raw.lstrip()[1:].lstrip().startswith(b'"')
        read = frontend.from_xgboost_json if is_json else frontend.from_xgboost_ubjson
        with _treelite_errors("this xgboost model"):
            return read(raw)

    def _matrix(self, matrix: Matrix, threads: int | None) -> Any:
        import xgboost

        self.booster.set_param({"nthread": threads or _core.processors()})
        return xgboost.DMatrix(
            matrix,
            feature_names=self.booster.feature_names,
            feature_types=self.booster.feature_types,
            enable_categorical=True,
            nthread=threads or _core.processors(),
        )

    def predict(self, matrix: Matrix, threads: int | None) -> Floats:
        rows = self._matrix(matrix, threads)
        return np.asarray(self.booster.predict(rows, output_margin=True), np.float64)

    def leaves(self, matrix: Matrix, threads: int | None) -> Leaves:
        found = self.booster.predict(self._matrix(matrix, threads), pred_leaf=True)
        return np.asarray(found).reshape(len(matrix), -1).astype(np.int32)


class LightGBM(Source):
    """A LightGBM model, as the text of its file."""

    kind = "lightgbm"

    def __init__(self, text: str, path: Path | None = None) -> None:
        import lightgbm
        from treelite import frontend

        self.sha256 = hashlib.sha256(text.encode()).hexdigest()
        _check_lightgbm(text)
        if path is not None:  # first: LightGBM aborts on text that is damaged
            with _treelite_errors("this lightgbm model"):
                self.imported = frontend.load_lightgbm_model(path)
        try:
            # without the parameters of training, which LightGBM trusts too
            self.booster = lightgbm.Booster(model_str=text.partition("\nparameters:")[0] + "\n")
        except (lightgbm.basic.LightGBMError, ValueError) as error:
            raise ModelError(f"lightgbm can't read the model: {error}") from None
        if path is None:
            with _treelite_errors("this lightgbm model"):
                self.imported = frontend.from_lightgbm(self.booster)
        names = tuple(self.booster.feature_name())
        self.names = None if names == tuple(f"Column_{i}" for i in range(len(names))) else names
        self.own_categories = re.search(r"^pandas_categorical:\[\[", text, re.M) is not None

    def predict(self, matrix: Matrix, threads: int | None) -> Floats:
        raw = self.booster.predict(matrix, raw_score=True, num_threads=threads or _core.processors())
        return np.asarray(raw, np.float64) / self.trees.divisor

    def leaves(self, matrix: Matrix, threads: int | None) -> Leaves:
        found = self.booster.predict(matrix, pred_leaf=True, num_threads=threads or _core.processors())
        return np.asarray(found).reshape(len(matrix), -1).astype(np.int32)


def _check_lightgbm(text: str) -> None:
    """Refuse text that LightGBM or Treelite would crash on or read wrongly."""
    try:
        whole = _is_whole(text)
        kinds = {int(kind) for kinds in _lines(text, "decision_type") for kind in kinds.split()}
    except ValueError:  # of a number
        whole, kinds = False, set()
    if not whole:
        raise ModelError("the LightGBM model is cut short or damaged; save it again")
    if "1" in _lines(text, "is_linear"):
        raise ModelError("the LightGBM model has linear leaves, which are no constants; fit with linear_tree=False")
    if any(kind >> 2 & 3 == 1 and not kind & 1 for kind in kinds):
        # Treelite sends zeros by the threshold, LightGBM by the default direction
        raise ModelError(
            "the LightGBM model treats zero as missing, which Treelite reads wrongly; fit with zero_as_missing=False"
        )


def _lines(text: str, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", text, re.M)


def _is_whole(text: str) -> bool:
    """Whether LightGBM text has all its trees, and each node and leaf has one parent."""
    sizes = [int(size) for size in " ".join(_lines(text, "tree_sizes")).split()]
    start = text.find("\nTree=0\n") + 1
    whole = 0 < len(sizes) == len(_lines(text, "Tree"))
    whole = whole and text[start + sum(sizes) :].lstrip().startswith("end of trees")
    for left, right in zip(_lines(text, "left_child"), _lines(text, "right_child"), strict=True):
        children = sorted(int(child) for child in f"{left} {right}".split())
        leaves = len(children) // 2 + 1
        whole = whole and (not children or children == [*range(-leaves, 0), *range(1, leaves - 1)])
    return whole and ("\nparameters:" not in text or "\nend of parameters" in text)


class ScikitLearn(Source):
    """A fitted scikit-learn estimator."""

    kind = "scikit-learn"

    def __init__(self, model: Any) -> None:
        import treelite
        from sklearn.exceptions import NotFittedError
        from sklearn.utils.validation import check_is_fitted

        name = type(model).__name__
        try:
            check_is_fitted(model)
        except (NotFittedError, TypeError) as error:
            raise ModelError(f"{name} can't be compiled: {error}") from None
        with _treelite_errors(f"this {name}"):
            self.imported = treelite.sklearn.import_model(_with_true_length(model))
        self.model = model
        self.is_histogram = name.startswith("HistGradientBoosting")
        self.dtype = np.float64 if self.is_histogram else np.float32
        names = getattr(model, "feature_names_in_", None)
        self.names = None if names is None else tuple(map(str, names))
        self.sha256 = hashlib.sha256(self.imported.serialize_bytes()).hexdigest()

    def _call(self, method: str, matrix: Matrix) -> npt.NDArray[Any]:
        with warnings.catch_warnings():
            # names were matched to columns already
            warnings.filterwarnings("ignore", "X does not have valid feature names")
            return np.asarray(getattr(self.model, method)(matrix))

    # scikit-learn takes its threads from the estimator
    def predict(self, matrix: Matrix, threads: int | None) -> Floats:  # noqa: ARG002
        values = self._call("predict", matrix).astype(np.float64)
        return np.log(values) if self.trees.postprocessor == "exponential" else values

    def leaves(self, matrix: Matrix, threads: int | None) -> Leaves | None:  # noqa: ARG002
        if self.is_histogram:
            return None
        return self._call("apply", matrix).reshape(len(matrix), -1).astype(np.int32)

    def known_categories(self) -> dict[int, set[float]]:
        """Categories seen in training, by feature; scikit-learn treats others as missing."""
        preprocessor = getattr(self.model, "_preprocessor", None)
        if preprocessor is None:
            return {}
        features = np.flatnonzero(self.model.is_categorical_)
        seen = preprocessor.named_transformers_["encoder"].categories_
        return {int(f): set(map(float, known)) for f, known in zip(features, seen, strict=True)}


def _with_true_length(model: Any) -> Any:
    """Work around Treelite reading past the end of a model that stopped early."""
    if not hasattr(model, "estimators_"):
        return model
    model = copy.copy(model)
    model.n_estimators = len(model.estimators_)
    return model


class Checkpoint(Source):
    """A ``treelite.Model``, which predicts by Treelite's own reference library."""

    kind = "treelite"

    def __init__(self, raw: bytes) -> None:
        import treelite

        self.sha256 = hashlib.sha256(raw).hexdigest()
        self.trees = parse_checkpoint(raw)  # first: Treelite trusts what it reads
        with _treelite_errors("this checkpoint"):
            self.imported = treelite.Model.deserialize_bytes(raw)
        self.dtype = self.sum_dtype = np.float32 if self.trees.float32 else np.float64

    def predict(self, matrix: Matrix, threads: int | None) -> Floats:
        import treelite

        raw = treelite.gtil.predict(self.imported, matrix, nthread=threads or _core.processors(), pred_margin=True)
        return np.asarray(raw, np.float64).reshape(len(matrix))

    def leaves(self, matrix: Matrix, threads: int | None) -> Leaves:
        import treelite

        found = treelite.gtil.predict_leaf(self.imported, matrix, nthread=threads or _core.processors())
        return np.asarray(found).reshape(len(matrix), -1).astype(np.int32)


def read_source(model: object) -> Source:
    """Recognise a source model.

    Parameters
    ----------
    model
        A fitted XGBoost, LightGBM or scikit-learn model, a ``treelite.Model``, or the path of an
        XGBoost JSON or UBJSON file, a LightGBM text file or a Treelite checkpoint.

    Raises
    ------
    ModelError
        When it is none of these, is damaged, or means something that Treelite doesn't read.
    OSError
        When the file can't be read.
    """
    if isinstance(model, (str, Path)):
        try:
            return _from_file(Path(model))
        except ModelError as error:
            raise ModelError(f"{model}: {error}") from None
    libraries = {base.__module__.partition(".")[0] for base in type(model).__mro__}
    if "xgboost" in libraries:
        return _from_xgboost(model)
    if "lightgbm" in libraries:
        return _from_lightgbm(model)
    if "sklearn" in libraries:
        return ScikitLearn(model)
    if "treelite" in libraries:
        return Checkpoint(model.serialize_bytes())  # type: ignore[attr-defined]
    raise ModelError(f"{type(model).__name__} is no model; give an XGBoost, LightGBM, scikit-learn "
                     "or Treelite model, or the path of one")  # fmt: skip


def _from_file(path: Path) -> Source:
    raw = read_bytes(path, MODEL)
    if raw.startswith(PICKLES) or TEXT_PICKLE.match(raw):
        raise ModelError(
            "a pickle or an archive is never loaded, because it can run any code; save the model "
            "with its own library: save_model of XGBoost and LightGBM, serialize of Treelite"
        )
    if raw.lstrip().startswith(b"{") and b"learner" in raw:
        return XGBoost(raw)
    if raw.startswith(b"tree"):
        try:
            return LightGBM(raw.decode(), path)
        except UnicodeDecodeError:
            raise ModelError("the LightGBM model is no text; save it again") from None
    version_numbers = struct.unpack_from("<iii", raw.ljust(12, b"\xff"))
    if version_numbers[0] > 0 and all(0 <= number < 100 for number in version_numbers):
        return Checkpoint(raw)
    raise ModelError("no model of a known kind; give XGBoost JSON or UBJSON, LightGBM text or a "
                     "Treelite checkpoint")  # fmt: skip


def _from_xgboost(model: Any) -> Source:
    import xgboost

    if isinstance(model, xgboost.Booster):
        return XGBoost(bytes(model.save_raw("ubj")), trim=False)
    from sklearn.exceptions import NotFittedError

    try:
        booster = model.get_booster()
    except (AttributeError, NotFittedError) as error:
        raise ModelError(f"{type(model).__name__} can't be compiled: {error}") from None
    if not np.isnan(model.missing):
        raise ModelError(f"the model treats {model.missing} as missing; fit with missing=nan and "
                         "encode missing values as nan")  # fmt: skip
    best = booster.attr("best_iteration")
    if best is not None:
        booster = booster[: int(best) + 1]
    return XGBoost(bytes(booster.save_raw("ubj")), trim=False)


def _from_lightgbm(model: Any) -> Source:
    import lightgbm
    from sklearn.exceptions import NotFittedError

    try:
        booster = model if isinstance(model, lightgbm.Booster) else model.booster_
    except (AttributeError, NotFittedError) as error:
        raise ModelError(f"{type(model).__name__} can't be compiled: {error}") from None
    return LightGBM(booster.model_to_string())
