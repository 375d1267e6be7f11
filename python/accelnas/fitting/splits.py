"""Divide a data set into parts that share no architecture."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.errors import DataError
from accelnas.files import read_text, write_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accelnas.fitting.dataset import Dataset

__all__ = ["PARTS", "Split", "fold_parts", "k_fold", "random_split", "read_split", "whole_split", "write_split"]

PARTS = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class Split:
    """Ids of the measurements in each part.

    Attributes
    ----------
    name
        How the split was made, for the record: ``"official"``, ``"random, seed 0"``, …
    train, val, test
        int64: ids, ascending. An id may be in no part.
    """

    name: str
    train: NDArray[np.int64]
    val: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    test: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    @classmethod
    def stated(cls, path: Path) -> Split:
        """Read what a file or folder states; see `read_split`."""
        if path.is_dir():
            parts = {part: _ids_of_paths(part, _read_json(path / f"{part}_paths.json")) for part in PARTS}
            return cls(path.stem, **parts)
        content = _read_json(path)
        if not isinstance(content, dict) or set(content) != set(PARTS):
            raise DataError(f"{path} is no split; expected an object with keys train, val and test")
        return cls(path.stem, **{part: _ids(part, content[part]) for part in PARTS})

    def parts(self) -> dict[str, NDArray[np.int64]]:
        """Part name to its ids."""
        return {part: getattr(self, part) for part in PARTS}

    @property
    def sha256(self) -> str:
        """Digest of the ids in each part (sorted, as JSON)."""
        parts = {part: sorted(ids.tolist()) for part, ids in self.parts().items()}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def read_split(path: str | Path, dataset: Dataset) -> Split:
    """Read a split from a file or folder, after which it is named, and check it against the data set.

    The published split of Accel-NASBench is read as its authors store it, too.

    Parameters
    ----------
    path
        A JSON file ``{"train": [ids], "val": [ids], "test": [ids]}``, or a folder with
        ``train_paths.json``, ``val_paths.json`` and ``test_paths.json``, each a list of paths
        that end in ``result_N.json``.
    dataset
        The data set that the ids refer to.

    Raises
    ------
    DataError
        If the file is not of this form, an id is unknown or in two parts, or repeats of one
        architecture are in different parts.
    """
    split = Split.stated(Path(path))
    owner: dict[int, str] = {}
    for part, ids in split.parts().items():
        groups = dataset.groups[dataset.rows(ids)]
        for number, group in zip(ids.tolist(), groups.tolist(), strict=True):
            if owner.setdefault(group, part) != part:
                raise DataError(
                    f"id {number} is in part {part}, but its architecture is also in part "
                    f"{owner[group]}; keep all measurements of an architecture in one part"
                )
    return split


def write_split(split: Split, path: str | Path) -> None:
    """Write a split as JSON that `read_split` reads."""
    parts = {part: ids.tolist() for part, ids in split.parts().items()}
    write_text(path, json.dumps(parts) + "\n")


def random_split(dataset: Dataset, fractions: tuple[float, float, float] = (0.8, 0.1, 0.1), seed: int = 0) -> Split:
    """Divide the architectures at random; repeats stay together.

    Parameters
    ----------
    fractions
        Shares of train, val and test among the architectures; they add up to 1.
    seed
        The same seed gives the same split of the same data.

    Raises
    ------
    DataError
        If the fractions are negative or don't add up to 1.
    """
    if min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-9:
        raise DataError(f"fractions are {fractions}; use three shares ≥ 0 that add up to 1")
    shuffled = np.random.default_rng(seed).permutation(int(dataset.groups.max()) + 1)
    ends = np.round(np.cumsum(fractions)[:2] * len(shuffled)).astype(int)
    train, val, test = (dataset.ids[np.isin(dataset.groups, part)] for part in np.split(shuffled, ends))
    return Split(f"random, seed {seed}", train, val, test)


def whole_split(dataset: Dataset) -> Split:
    """Put all measurements into the training part, for a model that nothing is held back from."""
    return Split("all", dataset.ids)


def k_fold(dataset: Dataset, k: int = 10, seed: int = 0) -> list[Split]:
    """Divide the architectures into k folds; split i tests on fold i and trains on the others.

    Every measurement is in the test part of exactly one split; `val` is empty.

    Raises
    ------
    DataError
        If k is below 2 or above the number of architectures.
    """
    return [
        Split(f"fold {i} of {k}, seed {seed}", np.setdiff1d(dataset.ids, fold, assume_unique=True), test=fold)
        for i, fold in enumerate(fold_parts(dataset, dataset.ids, k, seed), start=1)
    ]


def fold_parts(dataset: Dataset, ids: NDArray[np.int64], k: int, seed: int) -> list[NDArray[np.int64]]:
    """Divide some of the measurements into k folds that share no architecture.

    The same seed gives the same folds: int64 ids, ascending, that are all of `ids` together.
    """
    groups = dataset.groups[dataset.rows(ids)]
    shuffled = np.random.default_rng(seed).permutation(np.unique(groups))
    if not 2 <= k <= len(shuffled):
        raise DataError(f"k is {k}; use 2 to {len(shuffled)}, the number of architectures")
    return [np.sort(ids[np.isin(groups, fold)]) for fold in np.array_split(shuffled, k)]


def _read_json(path: Path) -> Any:
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not valid JSON: {error}") from error
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; expected a split") from None


def _ids_of_paths(part: str, paths: Any) -> NDArray[np.int64]:
    if not isinstance(paths, list):
        raise DataError(f"part {part} is {type(paths).__name__}; expected a list of paths")
    matches = [re.search(r"result_(\d{1,18})\.json$", str(path)) for path in paths]
    if None in matches:
        wrong = paths[matches.index(None)]
        raise DataError(f"part {part} lists {wrong!r}; expected paths that end in result_N.json")
    return _ids(part, [int(match[1]) for match in matches if match])


def _ids(part: str, numbers: Any) -> NDArray[np.int64]:
    if not isinstance(numbers, list) or not all(type(number) is int for number in numbers):
        raise DataError(f"part {part} is not a list of ids; expected integers")
    ids, count = np.unique(np.array(numbers, np.int64), return_counts=True)
    if (count > 1).any():
        raise DataError(f"part {part} lists id {ids[count > 1][0]} twice")
    return ids
