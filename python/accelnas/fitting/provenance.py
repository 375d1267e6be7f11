"""What an artifact says of its origin: no dates, so that the same inputs give the same bytes."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib.metadata import version
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.linalg  # noqa: F401 its linear algebra library is named, too
from threadpoolctl import threadpool_info

import accelnas
from accelnas.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelnas.fitting.encoding import Encoding
    from accelnas.fitting.verify import Member, VerifyReport

__all__ = ["kernels", "origin"]

NAMED = ("internal_api", "version", "architecture", "threading_layer")  # of a linear algebra library


def origin(
    members: Sequence[Member],
    verification: VerifyReport,
    doubts: Sequence[str],
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
    encodings = [_encoding_text(member.encoding) for member in members]
    entries = {
        "source_models": json.dumps([_of_member(member) for member in members]),
        "versions": json.dumps(dict(sorted(versions.items()))),
        "encoding": encodings[0] if len(set(encodings)) == 1 else f"[{', '.join(encodings)}]",
        "verified_data_sha256": hashlib.sha256(data.tobytes()).hexdigest(),
        "verified_seed": str(seed),
    } | verification.as_strings()
    if doubts:
        entries["warnings"] = json.dumps(list(doubts))
    if both := sorted(set(entries) & set(given)):
        raise ModelError(f"provenance {both[0]!r} is written by accelnas itself; rename yours")
    return dict(sorted((entries | dict(given)).items()))


def _of_member(member: Member) -> dict[str, Any]:
    source = member.source
    rounds = {} if source.rounds is None else dict(zip(("rounds", "rounds_total"), source.rounds, strict=True))
    return {
        "library": source.kind,
        "sha256": source.sha256,
        "trees": source.trees.tree_count,
        **rounds,
        "scale": member.scale,
        "bias": member.bias,
    }


def _encoding_text(encoding: Encoding) -> str:
    columns = zip(encoding.names, encoding.columns, strict=True)
    return json.dumps({name: list(numbers) for name, (_, numbers) in columns})


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
