"""Which library a model is of."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelnas.errors import FileError, ModelError
from accelnas.files import MODEL, read_bytes
from accelnas.fitting.lookalikes import plain_text, what_it_is
from accelnas.fitting.sources import catboost_model, ebm_model, lightgbm_model, onnx_model, xgboost_model
from accelnas.fitting.sources.base import Checkpoint
from accelnas.fitting.sources.catboost_model import CatBoost
from accelnas.fitting.sources.ebm_model import ExplainableBoosting
from accelnas.fitting.sources.lightgbm_model import LightGBM
from accelnas.fitting.sources.onnx_model import ONNX
from accelnas.fitting.sources.sklearn_model import ScikitLearn
from accelnas.fitting.sources.xgboost_model import XGBoost

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelnas.fitting.sources.base import Source

__all__ = ["read_source"]


def read_source(model: object) -> Source:
    """Recognise a source model.

    Parameters
    ----------
    model
        A fitted model of XGBoost, LightGBM, CatBoost, InterpretML (an EBM) or scikit-learn, an ``onnx.ModelProto``,
        a ``treelite.Model``, or the path of an XGBoost JSON or UBJSON file, a LightGBM text file, a CatBoost JSON or
        ``.cbm`` file, the JSON of an EBM, an ONNX file or a Treelite checkpoint.

    Raises
    ------
    ModelError
        When it is none of these, is damaged, or means something that no trees can.
    MissingExtraError
        When the library that wrote it is not installed.
    FileError
        When the file can't be read.
    """
    if isinstance(model, (str, Path)):
        try:
            return _from_file(Path(model))
        except ModelError as error:
            raise ModelError(f"{model}: {error}") from None
        except FileError:
            raise
        except OSError as error:
            raise FileError(f"{model}: {error.strerror or error}") from error
    if hasattr(model, "best_estimator_"):  # of a search, which predicts with it
        return read_source(model.best_estimator_)
    libraries = {base.__module__.partition(".")[0] for base in type(model).__mro__}
    for library, from_memory in _FROM_MEMORY.items():
        if library in libraries:
            return from_memory(model)
    raise ModelError(f"{type(model).__name__} is no model; give one of XGBoost, LightGBM, CatBoost, InterpretML, "
                     "scikit-learn, ONNX or Treelite, or the path of one")  # fmt: skip


def _from_file(path: Path) -> Source:
    if path.is_dir():
        raise ModelError("this is a folder; name the model's file in it")
    raw = plain_text(read_bytes(path, MODEL))
    if (found := what_it_is(raw, path.suffix, "model")) is not None:
        raise ModelError(found)
    for recognised, read in _FROM_FILE:
        if recognised(raw):
            return read(raw)
    raise ModelError("no model of a known kind; give XGBoost JSON or UBJSON, LightGBM text, CatBoost JSON or .cbm, the "
                     "JSON of an EBM, ONNX or a Treelite checkpoint")  # fmt: skip


def _lightgbm(raw: bytes) -> Source:
    try:
        return LightGBM(raw.decode().lstrip())
    except UnicodeDecodeError:
        raise ModelError("the LightGBM model is no text; save it again") from None


def _is_checkpoint(raw: bytes) -> bool:
    version = struct.unpack_from("<iii", raw.ljust(12, b"\xff"))
    return version[0] > 0 and all(0 <= number < 100 for number in version)


def _is_document(raw: bytes, *words: bytes) -> bool:
    return raw.lstrip().startswith(b"{") and any(word in raw for word in words)


# by the library that a model in memory is of, the more special first: EBMs are scikit-learn's estimators, too
_FROM_MEMORY: dict[str, Callable[[Any], Source]] = {
    "xgboost": xgboost_model.from_memory,
    "lightgbm": lightgbm_model.from_memory,
    "catboost": catboost_model.from_memory,
    "interpret": ebm_model.from_memory,
    "onnx": onnx_model.from_memory,
    "sklearn": ScikitLearn,
    "treelite": lambda model: Checkpoint(model.serialize_bytes()),
}
# how a file's bytes are told, and what reads them
_FROM_FILE: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], Source]], ...] = (
    (lambda raw: raw.startswith(b"CBM1") or _is_document(raw, b'"oblivious_trees"', b'"float_features"'), CatBoost),
    (lambda raw: _is_document(raw, b'"term_features"'), ExplainableBoosting),
    (lambda raw: _is_document(raw, b"learner"), XGBoost),
    (lambda raw: raw.lstrip().startswith(b"tree"), _lightgbm),
    (lambda raw: raw.startswith(b"\x08") and b"TreeEnsemble" in raw, ONNX),
    (_is_checkpoint, Checkpoint),
)
