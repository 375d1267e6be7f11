"""Which library a model is of."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

from accelnas.errors import FileError, ModelError
from accelnas.files import MODEL, read_bytes
from accelnas.fitting.lookalikes import plain_text, what_it_is
from accelnas.fitting.sources import lightgbm_model, xgboost_model
from accelnas.fitting.sources.base import Checkpoint
from accelnas.fitting.sources.lightgbm_model import LightGBM
from accelnas.fitting.sources.sklearn_model import ScikitLearn
from accelnas.fitting.sources.xgboost_model import XGBoost

if TYPE_CHECKING:
    from accelnas.fitting.sources.base import Source

__all__ = ["read_source"]


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
    libraries = {base.__module__.partition(".")[0] for base in type(model).__mro__}
    if "xgboost" in libraries:
        return xgboost_model.from_memory(model)
    if "lightgbm" in libraries:
        return lightgbm_model.from_memory(model)
    if "sklearn" in libraries:
        return ScikitLearn(model)
    if "treelite" in libraries:
        return Checkpoint(model.serialize_bytes())  # type: ignore[attr-defined]
    raise ModelError(f"{type(model).__name__} is no model; give an XGBoost, LightGBM, scikit-learn "
                     "or Treelite model, or the path of one")  # fmt: skip


def _from_file(path: Path) -> Source:
    if path.is_dir():
        raise ModelError("this is a folder; name the model's file in it")
    raw = plain_text(read_bytes(path, MODEL))
    if (found := what_it_is(raw, path.suffix, "model")) is not None:
        raise ModelError(found)
    if raw.lstrip().startswith(b"{") and b"learner" in raw:
        return XGBoost(raw)
    if raw.lstrip().startswith(b"tree"):
        try:
            return LightGBM(raw.decode().lstrip())
        except UnicodeDecodeError:
            raise ModelError("the LightGBM model is no text; save it again") from None
    version_numbers = struct.unpack_from("<iii", raw.ljust(12, b"\xff"))
    if version_numbers[0] > 0 and all(0 <= number < 100 for number in version_numbers):
        return Checkpoint(raw)
    raise ModelError("no model of a known kind; give XGBoost JSON or UBJSON, LightGBM text or a "
                     "Treelite checkpoint")  # fmt: skip
