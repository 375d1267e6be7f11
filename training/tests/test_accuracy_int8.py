"""Top-1 in 8 bits: against integers computed by hand, and as `collect` keeps it."""

import sys

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from accelnas.errors import MissingExtraError
from accelnas_training import int8_accuracy, load_scheme
from accelnas_training.accuracy.batches import calibration, share_right, validation
from accelnas_training.accuracy.int8 import quantise_onnx
from accelnas_training.collect.job import Job, Task
from accelnas_training.collect.training_work import training_work
from accelnas_training.errors import ImagesError
from accelnas_training.images import open_images
from accelnas_training.networks import load_family
from accelnas_training.networks.export import export_onnx
from accelnas_training.train.run import trained_network
from small_trainings import small_images, write_lab

SCHEME = load_scheme("p_star").changed(batch_size=32, **{"resize.validation": 8})


def rounded(values, low, high, steps):
    """Quantise by a range that holds 0, as ONNX does: to the nearest of `steps` + 1 values."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32((high - low) / steps)
    zero = np.rint(-low / scale)
    return (np.clip(np.rint(values / scale) + zero, 0, steps) - zero) * scale


def test_a_linear_network_is_what_whole_numbers_give(tmp_path):
    images, network = small_images(), nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    with torch.no_grad():
        network[1].weight *= torch.linspace(0.1, 3, 10)[:, None]  # channels that need scales of their own
    batches = calibration(images, SCHEME, 96)
    assert [len(batch) for batch in batches] == [32, 32, 32]
    export_onnx(network, tmp_path / "a.onnx", 8, batch=None, in_channels=1)
    quantise_onnx(tmp_path / "a.onnx", tmp_path / "b.onnx", batches)
    session = onnxruntime.InferenceSession(tmp_path / "b.onnx", providers=["CPUExecutionProvider"])
    weight, bias = network[1].weight.detach().numpy(), network[1].bias.detach().numpy()
    scales = np.abs(weight).max(axis=1, keepdims=True) / np.float32(127)
    whole = np.rint(weight / scales) * scales
    seen = torch.cat(batches).flatten(1).numpy()
    given = seen @ weight.T + bias
    right = count = 0
    for inputs, targets in validation(images, SCHEME):
        flat = rounded(inputs.flatten(1).numpy(), seen.min(), seen.max(), 255)
        wanted = rounded(flat @ whole.T + bias, given.min(), given.max(), 255)
        (found,) = session.run(None, {"images": inputs.numpy()})
        step = (max(given.max(), 0) - min(given.min(), 0)) / 255
        assert np.abs(found - wanted).max() < 1.01 * step  # ties may fall either way
        assert (np.abs(found - wanted) < 0.01 * step).mean() > 0.99
        right, count = right + (found.argmax(1) == targets.numpy()).sum(), count + len(targets)
    assert int8_accuracy(network, images, SCHEME, calibrated=96) == pytest.approx(100 * right / count, abs=1.1)


def test_collected_beside_the_float_value(tmp_path):
    write_lab(tmp_path)
    family, images = load_family(tmp_path / "family.toml"), open_images("digits:0.2")
    scheme = load_scheme(tmp_path / "quick.toml").changed(epochs=6)
    job = Job((3, 0, 1), scheme.digest, 1)
    folder = tmp_path / "work"
    found = training_work(family, images, folder, resolution=8, also=["int8"]).make()(Task(job, scheme.to_dict(), 1))
    network, result = trained_network(family, np.array(job.architecture, np.uint8), images, scheme, seed=1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert found.values["accuracy_int8"] == int8_accuracy(network, images, scheme)
    assert found.values["accuracy"] == result.top1
    assert abs(found.values["accuracy_int8"] - result.top1) < 2
    assert all(bool((value == before[name]).all()) for name, value in network.state_dict().items())
    network.eval()
    assert share_right(network, validation(images, scheme)) == pytest.approx(result.top1)  # as training validates


def test_what_is_missing_is_said_before_a_training(tmp_path, monkeypatch):
    write_lab(tmp_path)
    work = training_work(load_family(tmp_path / "family.toml"), open_images("digits"), tmp_path, also=["int8"])
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match="onnxruntime is not installed"):
        work.make()
    with pytest.raises(ImagesError, match="0 images to calibrate with; choose at least 1"):
        calibration(small_images(), SCHEME, 0)
