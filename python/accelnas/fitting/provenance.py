"""What an artifact says of its origin (no dates: the same inputs give the same bytes), and what is doubtful of it."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib.metadata import version
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg  # noqa: F401 its linear algebra library is named, too
from threadpoolctl import threadpool_info

import accelnas
from accelnas.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from accelnas.fitting.encoding import Encoding
    from accelnas.fitting.verify import Member, VerifyReport

__all__ = ["doubts", "kernels", "origin"]

NAMED = ("internal_api", "version", "architecture", "threading_layer")  # of a linear algebra library


def origin(
    members: Sequence[Member],
    verification: VerifyReport,
    doubtful: Sequence[str],
    data: np.ndarray,
    seed: int,
    given: Mapping[str, str],
) -> dict[str, str]:
    """Return the entries of an artifact's provenance, sorted.

    Raises
    ------
    ModelError
        If an entry that is given has the name of one of ours.
    """
    versions = {"accelnas": accelnas.__version__, "numpy": np.__version__}
    for member in members:
        versions |= member.source.versions
    if "tables_sha256" in given:  # of Gaussian processes
        versions["scipy"] = version("scipy")
    encodings = [json.dumps(_columns(member.encoding)) for member in members]
    models = [
        {
            "library": member.source.kind,
            "sha256": member.source.sha256,
            "trees": member.source.trees.tree_count,
            **dict(zip(("rounds", "rounds_total"), member.source.rounds or (), strict=False)),
            "scale": member.scale,
            "bias": member.bias,
        }
        for member in members
    ]
    entries = {
        "source_models": json.dumps(models),
        "versions": json.dumps(dict(sorted(versions.items()))),
        "encoding": encodings[0] if len(set(encodings)) == 1 else f"[{', '.join(encodings)}]",
        "verified_data_sha256": hashlib.sha256(data.tobytes()).hexdigest(),
        "verified_seed": str(seed),
    } | verification.as_strings()
    if doubtful:
        entries["warnings"] = json.dumps(list(doubtful))
    if both := sorted(set(entries) & set(given)):
        raise ModelError(f"provenance {both[0]!r} is written by accelnas itself; rename yours")
    return dict(sorted((entries | dict(given)).items()))


def _columns(encoding: Encoding) -> dict[str, object]:
    """Give the numbers of each column, or of joint states their hash."""
    return {
        name: numbers if isinstance(variables, int) else _digest(numbers)
        for name, (variables, numbers) in zip(encoding.names, encoding.columns, strict=True)
    }


def _digest(numbers: tuple[float, ...]) -> str:
    return f"{len(numbers)} numbers of joint states, sha256 {hashlib.sha256(np.array(numbers).tobytes()).hexdigest()}"


def kernels() -> str:
    """Name the linear algebra libraries and their kernels, and the vector instructions that NumPy uses, as JSON.

    Fits of Gaussian processes are equal byte by byte where this text and the versions of the libraries are.

    Examples
    --------
    >>> import json
    >>> sorted(json.loads(kernels()))
    ['blas', 'libc', 'machine', 'simd']
    """
    loaded = [info for info in threadpool_info() if info["user_api"] == "blas"]
    blas = {json.dumps({name: info[name] for name in NAMED if info.get(name)}) for info in loaded}
    vectors = np.show_config(mode="dicts").get("SIMD Extensions", {})
    return json.dumps(
        {
            "blas": [json.loads(text) for text in sorted(blas)],
            "simd": list(chain(vectors.get("baseline", ()), vectors.get("found", ()))),
            "machine": platform.machine(),
            "libc": " ".join(platform.libc_ver()).strip(),
        }
    )


def doubts(members: Iterable[Member], verification: VerifyReport) -> tuple[str, ...]:
    """Say what the owner of the models should look at, one sentence each."""
    found = [f"model {number}: {note}" for number, member in enumerate(members) for note in member.source.notes]
    if verification.sd == 0:
        found.append(
            f"all {verification.data_rows + verification.random_rows:,} architectures compared have the same "
            "prediction; check that the encoding gives the models what they were trained on"
        )
    return tuple(found)
