import math
from contextlib import suppress

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from accelnas.errors import FileError
from accelnas_training.errors import TrainingError
from accelnas_training.train import checkpoint
from accelnas_training.train.checkpoint import read_checkpoint, write_checkpoint

KINDS = [torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.int64, torch.uint8, torch.bool]
tensors = st.builds(
    lambda kind, shape: torch.arange(math.prod(shape)).reshape(shape).to(kind),
    st.sampled_from(KINDS),
    st.lists(st.integers(0, 3), max_size=3),
)
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
keys = st.text() | st.integers()
states = st.recursive(
    plain | tensors,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(keys, inner),
    max_leaves=8,
)


def equal(a, b):
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(equal, a, b))
    return type(a) is type(b) and a == b


@settings(max_examples=30)  # each waits for the disk
@given(st.dictionaries(keys, states))
def test_nested_states_come_back_as_they_were(tmp_path_factory, state):
    path = tmp_path_factory.getbasetemp() / "nested.safetensors"
    write_checkpoint(path, state)
    assert equal(read_checkpoint(path), state)


def test_layout_and_shared_memory_do_not_matter(tmp_path):
    weights = torch.rand(2, 3, 4, 4).to(memory_format=torch.channels_last)
    state = {"a": weights, "b": weights, "c": weights[0]}
    write_checkpoint(tmp_path / "x", state)
    assert equal(read_checkpoint(tmp_path / "x"), state)


def test_every_damaged_byte_is_noticed(tmp_path):
    state = {"weights": torch.arange(3.0), "seconds": 1.5, 7: [None, "text"]}
    path = tmp_path / "x"
    write_checkpoint(path, state)
    content = path.read_bytes()
    for position in range(len(content)):
        path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        with suppress(TrainingError):
            assert equal(read_checkpoint(path), state)  # padding, or another writing of the same
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(TrainingError, match=r"x is damaged: .*; delete it to train from the start$"):
            read_checkpoint(path)


def test_other_files_are_not_checkpoints(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "x")
    with pytest.raises(TrainingError, match="is 'something else', not 'accelnas checkpoint 1'; delete it"):
        read_checkpoint(tmp_path / "x")


def test_nothing_else_is_written(tmp_path):
    with pytest.raises(TrainingError, match=r"^a\.0 is object; checkpoints hold tensors and plain values$"):
        write_checkpoint(tmp_path / "x", {"a": [object()]})


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    write_checkpoint(tmp_path / "x", {"a": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(FileError, match="x: No space left on device; nothing was written"):
        write_checkpoint(tmp_path / "x", {"a": 2})
    assert read_checkpoint(tmp_path / "x") == {"a": 1}
    assert [each.name for each in tmp_path.iterdir()] == ["x"]
