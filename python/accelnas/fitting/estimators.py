"""Fitted models of any kind as functions of architectures: those of files that are read without running them."""

from __future__ import annotations

import hashlib
import io
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas import _core
from accelnas.errors import ModelError
from accelnas.files import MODEL, read_bytes
from accelnas.fitting.compile import default_encoding
from accelnas.fitting.encoding import Encoding
from accelnas.fitting.enumeration import pandas
from accelnas.fitting.sources import read_source

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from accelnas import Space
    from accelnas.fitting.enumeration import Seen

__all__ = ["function_of", "is_skops", "read_skops"]

_KERNELS = ("CompoundKernel", "ConstantKernel", "DotProduct", "ExpSineSquared", "Exponentiation", "Matern",
            "PairwiseKernel", "Product", "RBF", "RationalQuadratic", "Sum", "WhiteKernel")  # fmt: skip
# Python classes that only hold numbers, which skops does not list as safe
_HARMLESS = {f"sklearn.gaussian_process.kernels.{name}" for name in _KERNELS} | {
    f"sklearn.neural_network._stochastic_optimizers.{name}Optimizer" for name in ("Adam", "SGD")
}


def function_of(
    path: Path, space: Space, encoding: Seen | None = None, link: str = "identity", trusted: Collection[str] = ()
) -> tuple[Callable[[Any], Any], Seen, dict[str, object]]:
    """Give a model's predictions as a function for `accelnas.fitting.enumeration.evaluated`, and where it is from.

    Parameters
    ----------
    path
        A skops file, or any file that `read_source` takes.
    space
        The space of the architectures.
    encoding
        What the model sees; by default columns as `accelnas.fitting.compile.compile_metric` chooses them, which an
        estimator may need to be told.
    link
        That of the metric: what the model predicts of it.
    trusted
        Types of a skops file that are loaded, besides those known as harmless.

    Raises
    ------
    ModelError
        If the file holds no model, or one of other columns.
    """
    raw = read_bytes(path, MODEL)
    origin: dict[str, object] = {"sha256": hashlib.sha256(raw).hexdigest()}
    if not is_skops(raw):
        return _of_source(path, space, encoding, link, origin)
    model = read_skops(raw, str(path), trusted)
    names = getattr(model, "feature_names_in_", None)
    names = None if names is None else [str(name) for name in names]
    variables = [variable.name for variable in space.variables]
    seen: Seen = _columns(path, names or variables, space) if encoding is None else encoding
    labels = list(seen.names) if isinstance(seen, Encoding) else variables
    if lacking := [name for name in names or () if name not in labels]:
        raise ModelError(f"{path}: the model's column {lacking[0]!r} is none of {', '.join(labels)}; give an encoding")
    origin |= {"library": "scikit-learn", "estimator": type(model).__name__}
    return lambda given: _predict(model, names, labels, given), seen, origin


def _of_source(
    path: Path, space: Space, encoding: Seen | None, link: str, origin: dict[str, object]
) -> tuple[Callable[[Any], Any], Encoding, dict[str, object]]:
    source = read_source(path)
    if encoding in ("dicts", "frame"):
        raise ModelError(f"{path}: a model of {source.kind} sees numbers, no {encoding}; choose ordinal or values")
    if encoding is None:
        encoding = default_encoding(source, space)
    elif not isinstance(encoding, Encoding):
        encoding = Encoding.values(space) if encoding == "values" else Encoding.ordinal(space)
    source.choose(None)
    source.trees.applied(np.zeros(1), link)  # refuses a link that does not suit
    threads = _core.processors()
    return (
        lambda matrix: source.trees.applied(source.sums(matrix.astype(source.dtype), threads), link),
        source.seen(encoding, space),
        origin | {"library": source.kind},
    )


def _columns(path: Path, names: list[str], space: Space) -> Encoding:
    """Give an estimator's columns where positions of choices and choices are the same; else it has to be said."""
    encoding = Encoding.from_names(names, space)
    for name, (variable, numbers) in zip(names, encoding.columns, strict=True):
        if isinstance(variable, int) and "=" not in name and numbers != tuple(space.variables[variable].choices):
            raise ModelError(
                f"{path}: whether the model sees positions or choices of {name} is not known; say --encoding ordinal, "
                "values or frame, or name a file of columns"
            )
    return encoding


def is_skops(raw: bytes) -> bool:
    """Whether a file's bytes are those of `skops.io.dump`."""
    if not raw.startswith(b"PK"):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as file:
            return "schema.json" in file.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return False


def read_skops(raw: bytes, name: str, trusted: Collection[str] = ()) -> Any:
    """Load an estimator from a skops file, which names each type before any is made.

    Raises
    ------
    ModelError
        If it is damaged, needs a type that is not trusted, or holds something that does not predict.
    """
    from skops.io import get_untrusted_types, loads

    with zipfile.ZipFile(io.BytesIO(raw)) as file:
        size = sum(entry.file_size for entry in file.infolist())
    if size > MODEL:
        raise ModelError(f"{name}: unpacked it has {size:,} bytes, at most {MODEL:,} of a model are read")
    try:
        found = set(get_untrusted_types(data=raw))
        if lacking := sorted(found - _HARMLESS - set(trusted)):
            raise ModelError(  # noqa: TRY301
                f"{name} holds types that nobody has vetted as safe: {', '.join(lacking)}; if the file is yours, say "
                f"--trust {','.join(lacking)}"
            )
        model = loads(raw, trusted=sorted(found))
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{name} is no readable skops file: {type(error).__name__}: {error}") from error
    if not callable(getattr(model, "predict", None)):
        raise ModelError(f"{name} holds a {type(model).__name__}, which does not predict; save a fitted estimator")
    return model


def _predict(model: Any, names: list[str] | None, labels: list[str], given: Any) -> Any:
    """Predict, with columns by name where the estimator knows names."""
    if names is not None:
        given = pandas().DataFrame(given, columns=labels)[names]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X (does not have valid|has) feature names")
        return model.predict(given)
