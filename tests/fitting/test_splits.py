import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import accelnas
from accelnas.errors import DataError
from accelnas.fitting.fetch import SPLIT_SHA256
from accelnas.fitting.splits import fold_parts, k_fold, random_split, read_split, write_split
from data_samples import archived_dataset, sample_dataset

SPACE = accelnas.mnasnet_space()
DATASET = sample_dataset(60)


def owners(parts):
    """Architecture number to the parts that hold it."""
    found = {}
    for name, ids in parts.items():
        for group in DATASET.groups[DATASET.rows(ids)].tolist():
            found.setdefault(group, set()).add(name)
    return found


@given(seed=st.integers(0, 2**32 - 1), val=st.floats(0, 0.5), test=st.floats(0, 0.5))
def test_random_splits_divide_architectures(seed, val, test):
    fractions = (1 - val - test, val, test)
    split = random_split(DATASET, fractions, seed)
    everything = np.sort(np.concatenate(list(split.parts().values())))
    assert np.array_equal(everything, DATASET.ids)
    assert all(len(parts) == 1 for parts in owners(split.parts()).values())
    for ids, share in zip(split.parts().values(), fractions, strict=True):
        assert abs(len(np.unique(DATASET.groups[DATASET.rows(ids)])) - 60 * share) <= 1
    again = random_split(DATASET, fractions, seed)
    assert again.sha256 == split.sha256


@given(seed=st.integers(0, 2**32 - 1), k=st.integers(2, 60))
def test_folds_test_every_measurement_once(seed, k):
    folds = k_fold(DATASET, k, seed)
    assert np.array_equal(np.sort(np.concatenate([f.test for f in folds])), DATASET.ids)
    for fold in folds:
        assert fold.val.size == 0
        assert fold.train.size + fold.test.size == len(DATASET)
        assert all(len(parts) == 1 for parts in owners(fold.parts()).values())
    parts = fold_parts(DATASET, DATASET.ids, k, seed)
    assert np.array_equal(np.sort(np.concatenate(parts)), DATASET.ids)
    assert all(len(p) == 1 for p in owners(dict(enumerate(parts))).values())


def test_seeds_differ_and_limits_are_checked():
    assert random_split(DATASET, seed=1).sha256 != random_split(DATASET, seed=2).sha256
    for k in (1, 61):
        with pytest.raises(DataError, match=f"k is {k}; use 2 to 60"):
            k_fold(DATASET, k)
    for fractions in ((0.5, 0.5, 0.5), (1.2, -0.1, -0.1)):
        with pytest.raises(DataError, match="that add up to 1"):
            random_split(DATASET, fractions)


def test_files_round_trip(tmp_path):
    split = random_split(DATASET, seed=3)
    write_split(split, tmp_path / "mine.json")
    again = read_split(tmp_path / "mine.json", DATASET)
    assert again.name == "mine"
    assert again.sha256 == split.sha256
    for part, ids in split.parts().items():
        paths = [f"../somewhere/result_{i}.json" for i in ids[::-1]]
        (tmp_path / f"{part}_paths.json").write_text(json.dumps(paths))
    assert read_split(tmp_path, DATASET).sha256 == split.sha256


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"train": [0], "val": [1]}, "is no split"),
        ({"train": [0], "val": [1], "test": [999]}, "id 999 is not in the data set"),
        ({"train": [0], "val": [0], "test": []}, "keep all measurements of an architecture"),
        ({"train": [0], "val": [60], "test": []}, "id 60 is in part val.*also in part train"),
        ({"train": [0, 0], "val": [], "test": []}, "lists id 0 twice"),
        ({"train": ["0"], "val": [], "test": []}, "expected integers"),
    ],
)
def test_wrong_files_are_refused(tmp_path, content, message):
    (tmp_path / "split.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=message):
        read_split(tmp_path / "split.json", DATASET)


def test_official_split(archive):
    split = read_split(archive.split, archived_dataset(archive))
    assert split.name == "official_split"
    if archive.published:
        assert [len(ids) for ids in split.parts().values()] == [4100, 512, 512]
    assert (split.sha256 == SPLIT_SHA256) == archive.published
