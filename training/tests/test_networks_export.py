"""ONNX files against PyTorch, by onnxruntime."""

import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from accelnas.errors import FileError, MissingExtraError
from accelnas_training.errors import NetworkError
from accelnas_training.networks import load_family
from accelnas_training.networks.export import BOUND, export_onnx


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    family = load_family().with_options(num_classes=10, width=0.25, head=32, in_channels=1, activation="silu")
    network = family.build(family.space.parse("-".join(["e1_k3_l1_se0"] * 5 + ["e4_k5_l2_se1", "e1_k3_l1_se1"]))[0])
    network(10 * torch.randn(16, 1, 32, 32) + 3)  # running means and variances of its own
    return network


@pytest.mark.slow
def test_any_batch_gives_what_pytorch_gives(network, tmp_path, capfd):
    path = tmp_path / "network.onnx"
    difference = export_onnx(network, path, 32, batch=None, in_channels=1)
    assert capfd.readouterr() == ("", "")
    assert network.training
    assert [file.name for file in tmp_path.iterdir()] == ["network.onnx"]
    onnx.checker.check_model(path, full_check=True)
    assert str(tmp_path.home()).encode() not in path.read_bytes()
    assert b"site-packages" not in path.read_bytes()
    network.eval()
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for batch in (1, 5):
        images = torch.randn(batch, 1, 32, 32)
        wanted = network(images).detach().numpy()
        (found,) = session.run(["logits"], {"images": images.numpy()})
        assert np.abs(found - wanted).max() <= BOUND * np.abs(wanted).max()
        assert difference <= BOUND * np.abs(wanted).max() * 10
    network.train()


def test_a_file_that_says_something_else_is_refused(tmp_path, monkeypatch):
    class Session:
        def __init__(self, *_args, **_settings):
            pass

        def run(self, _outputs, inputs):
            return [np.zeros((len(inputs["images"]), 2), np.float32)]

    path = tmp_path / "network.onnx"
    path.write_text("older")
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    with pytest.raises(NetworkError, match=r"network.onnx would differ from the network by .*, more than"):
        export_onnx(network, path, 2, batch=3)
    assert path.read_text() == "older"
    assert [file.name for file in tmp_path.iterdir()] == ["network.onnx"]
    monkeypatch.undo()
    export_onnx(network, path, 2)
    assert onnx.load(path).graph.input[0].type.tensor_type.shape.dim[0].dim_value == 1


def test_what_can_t_be_exported_is_said(tmp_path):
    class Looking(nn.Module):
        def forward(self, images):
            return images.flatten(1)[:, :2] if images.sum().item() > 0 else images.flatten(1)[:, :3]

    with pytest.raises(NetworkError, match="the network can't be exported: "):
        export_onnx(Looking(), tmp_path / "network.onnx", 4)
    with pytest.raises(FileError, match=r"folder .* does not exist"):
        export_onnx(nn.Flatten(), tmp_path / "gone" / "network.onnx", 4)


@pytest.mark.parametrize("module", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_extra_is_named(tmp_path, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        MissingExtraError, match=rf"{module} is not installed; run: pip install 'accelnas-training\[onnx\]'"
    ):
        export_onnx(nn.Flatten(), tmp_path / "network.onnx", 4)
