"""Which loops compute here: what the last digits of a fit depend on, besides versions."""

from __future__ import annotations

import json
import platform
from itertools import chain

import numpy as np
import scipy.linalg  # noqa: F401 its linear algebra library is named, too
from threadpoolctl import threadpool_info

__all__ = ["kernels"]

NAMED = ("internal_api", "version", "architecture", "threading_layer")


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
