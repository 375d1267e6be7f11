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
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from accelnas.fitting.checkpoint import Trees
    from accelnas.fitting.encoding import Encoding
    from accelnas.fitting.verify import Member, VerifyReport

__all__ = ["doubts", "kernels", "origin"]

COMPARE = (np.less, np.less_equal, np.greater, np.greater_equal, np.equal)  # by `Trees.operator`
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
    columns = [zip(member.encoding.names, member.encoding.columns, strict=True) for member in members]
    encodings = [json.dumps({name: numbers for name, (_, numbers) in of_member}) for of_member in columns]
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
    found = [f"model {number}: {note}" for number, member in enumerate(members) for note in _of_member(member)]
    if verification.sd == 0:
        found.append(
            f"all {verification.data_rows + verification.random_rows:,} architectures compared have the same "
            "prediction; check that the encoding gives the models what they were trained on"
        )
    return tuple(found)


def _of_member(member: Member) -> Iterator[str]:
    yield from member.source.notes
    blind, first = _blind_splits(member.source.trees, member.encoding)
    if blind:
        total = int((member.source.trees.left >= 0).sum())
        yield (
            f"{blind:,} of {total:,} splits separate only missing values, which the encoding never gives, such as one "
            f"on {member.encoding.names[first]}; if the model was trained on sparse rows or with a number for missing "
            "values, say so: absent = nan for one-hot columns, or missing = NUMBER (--missing)"
        )


def _blind_splits(trees: Trees, encoding: Encoding) -> tuple[int, int]:
    """Count splits that send every number of the encoding one way and nan the other; and a feature of one."""
    blind, first = 0, -1
    numerical = (trees.left >= 0) & ~trees.is_categorical
    for feature, (_, numbers) in enumerate(encoding.columns):
        given = np.array(numbers)
        if np.isnan(given).any():
            continue
        nodes = np.flatnonzero(numerical & (trees.feature == feature))
        left = np.zeros((len(nodes), len(given)), bool)
        for operator, compare in enumerate(COMPARE):
            of_kind = trees.operator[nodes] == operator
            left[of_kind] = compare(given, trees.threshold[nodes[of_kind], None])
        default = trees.default_left[nodes]
        count = int((np.where(default, ~left.any(axis=1), left.all(axis=1))).sum())
        first = feature if count and not blind else first
        blind += count
    return blind, first
