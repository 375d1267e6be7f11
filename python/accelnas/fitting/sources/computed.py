"""What sources have in common whose files are read here, and whose trees may split on columns computed from theirs."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.fitting.sources.base import Matrix, Source
from accelnas.fitting.sources.categories import with_texts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelnas import Space
    from accelnas.fitting.encoding import Encoding, Variables

__all__ = ["Computed"]


class Computed(Source):
    """A source with `width` features; the columns that its trees split on are those and `computed` ones."""

    width = 0
    texts: Mapping[int, tuple[str, ...]]  # categories of a feature's choices, where it has any

    def check_columns(self, encoding: Encoding) -> None:
        replace(self.trees, feature_count=self.width).check_columns(encoding)

    def categories(self, encoding: Encoding, space: Space) -> Mapping[int, tuple[str, ...]]:  # noqa: ARG002 if any
        """Give the texts of categorical features for the states of their variables; an empty one is missing."""
        return {}

    def computed(self, encoding: Encoding) -> Sequence[tuple[str, Variables, tuple[float, ...]]]:  # noqa: ARG002 if any
        """Give further columns, of an encoding that has numbers for `texts`."""
        return ()

    def seen(self, encoding: Encoding, space: Space) -> Encoding:
        encoding = super().seen(encoding, space)
        self.texts = self.categories(encoding, space)
        columns = list(encoding.columns)
        for column, texts in self.texts.items():
            numbers = tuple(float(i) if text else math.nan for i, text in enumerate(texts))
            columns[column] = columns[column][0], numbers
        encoding = replace(encoding, columns=tuple(columns))
        added = self.computed(encoding)
        return replace(
            encoding,
            names=(*encoding.names, *(name for name, *_ in added)),
            columns=(*columns, *((variables, numbers) for _, variables, numbers in added)),
        )

    def inputs(self, matrix: Matrix) -> Any:
        """Give what the library takes of a matrix of all columns."""
        return with_texts(np.ascontiguousarray(matrix[:, : self.width]), self.texts)

    @property
    def libraries(self) -> set[str]:
        return {self.kind}
