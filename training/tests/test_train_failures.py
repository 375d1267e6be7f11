import json
import math
import weakref

import pytest
import torch
from torch import nn

from accelnas_training.errors import TrainingFailure
from accelnas_training.train import train
from accelnas_training.train.epoch import check_finite, is_out_of_memory
from small_trainings import SCHEME, Interrupting, SmallNetwork, comparable, small_images


@pytest.fixture(scope="module")
def images():
    return small_images()


class Hungry(nn.Module):
    """Asks for more memory than there is, in training only."""

    def __init__(self):
        super().__init__()
        self.network, self.drop_rate = SmallNetwork(), 0.0

    def forward(self, x):
        if self.training:
            torch.empty(2**50)
        return self.network(x)


def test_a_training_that_diverges_is_a_failure(images, tmp_path):
    scheme = SCHEME.changed(clip=0, **{"optimizer.lr": 1e30, "schedule.warmup_epochs": 0})
    expected = "loss or weights are not finite in epoch 0; lower the learning rate"
    with pytest.raises(TrainingFailure, match=f"^{expected}$") as caught:
        train(SmallNetwork(), images, scheme, folder=tmp_path)
    assert caught.value.kind == "diverged"
    assert json.loads((tmp_path / "result.json").read_text()) == {"error": {"kind": "diverged", "message": expected}}
    # it would again: no need to try
    with pytest.raises(TrainingFailure, match=f"^{expected}$"):
        train(SmallNetwork(), Interrupting(images, 0, 0), scheme, folder=tmp_path)


def test_memory_that_runs_out_is_a_failure_and_may_be_tried_again(images, tmp_path):
    network = Hungry()
    expected = "cpu has not enough memory for 32 images a batch; raise accumulation or use more devices"
    with pytest.raises(TrainingFailure, match=f"^{expected}$") as caught:
        train(network, images, SCHEME, folder=tmp_path)
    assert caught.value.kind == "out of memory"
    assert json.loads((tmp_path / "result.json").read_text())["error"]["kind"] == "out of memory"
    network.forward = network.network.forward
    result = train(network, images, SCHEME, folder=tmp_path)
    assert math.isfinite(result.loss)
    assert json.loads((tmp_path / "result.json").read_text())["error"] is None


def test_memory_is_given_back(images):
    held = []

    class Watched(Hungry):
        def forward(self, x):
            kept = torch.zeros(10)
            held.append(weakref.ref(kept))
            return super().forward(x + kept.sum())

    with pytest.raises(TrainingFailure) as caught:
        train(Watched(), images, SCHEME)
    assert len(held) == 1
    assert held[0]() is None  # though the failure is at hand
    assert caught.value.__context__ is None


def test_other_errors_are_not_memory():
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"))
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_other_errors_pass_as_they_are(images):
    with pytest.raises(RuntimeError, match=r"^no such batch$"):
        train(SmallNetwork(), Interrupting(images, 1, 2, RuntimeError("no such batch")), SCHEME)


def test_weights_are_checked():
    check_finite([torch.ones(2), torch.tensor([2**40])], epoch=0)
    with pytest.raises(TrainingFailure, match="in epoch 7;"):
        check_finite([torch.ones(2), torch.tensor([1.0, math.inf])], epoch=7)


def test_a_failure_leaves_the_last_checkpoint(images, tmp_path):
    expected = train(SmallNetwork(), images, SCHEME)
    failing = Interrupting(images, 2, 1, torch.OutOfMemoryError("CUDA out of memory"))
    with pytest.raises(TrainingFailure):
        train(SmallNetwork(), failing, SCHEME, folder=tmp_path)
    assert comparable(train(SmallNetwork(), images, SCHEME, folder=tmp_path)) == comparable(expected)
