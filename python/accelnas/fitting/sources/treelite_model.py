"""Treelite's own models."""

from __future__ import annotations

import hashlib

import numpy as np

from accelnas import _core
from accelnas.fitting.checkpoint import parse_checkpoint
from accelnas.fitting.sources.base import Floats, Leaves, Matrix, Source, treelite_errors

__all__ = ["Checkpoint"]


class Checkpoint(Source):
    """A ``treelite.Model``, which predicts by Treelite's own reference library."""

    kind = "treelite"

    def __init__(self, raw: bytes) -> None:
        import treelite

        self.sha256 = hashlib.sha256(raw).hexdigest()
        self.trees = parse_checkpoint(raw)  # first: Treelite trusts what it reads
        with treelite_errors("this checkpoint"):
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
