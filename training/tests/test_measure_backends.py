import copy
import math
import sys
from functools import partial
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from accelnas.errors import MissingExtraError
from accelnas_training.errors import ImagesError
from accelnas_training.measure import MeasurementError, Quantisation, load_protocol, measure_module, measure_network
from accelnas_training.measure.machine import clock_mhz, load
from accelnas_training.measure.subject import Subject
from accelnas_training.networks import load_family

FAMILY = load_family().with_options(num_classes=10, width=0.25, head=32)
FEW = {"timing.passes": 3, "timing.seconds": 0, "timing.warm_up": 1, "timing.warm_up_seconds": 0.1, "resolution": 32}


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return FAMILY.build(FAMILY.space.sample(1, seed=1)[0])


@pytest.fixture(scope="module")
def subject(network, tmp_path_factory):
    return Subject(network, (3, 32, 32), tmp_path_factory.mktemp("onnx"))


def protocol(name, **changes):
    return load_protocol(name).changed(**FEW | changes)


def run(path, images):
    (logits,) = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"images": images})
    return logits


@pytest.mark.parametrize("batch", [None, 1, 3])
def test_the_onnx_file_says_what_the_network_says(subject, batch):
    images = subject.images(batch or 2)
    with torch.no_grad():
        wanted = subject.plain()(images).numpy()
    np.testing.assert_allclose(run(subject.onnx(batch), images.numpy()), wanted, atol=1e-4 * np.abs(wanted).max())
    first = onnx.load(subject.onnx(batch)).graph.input[0].type.tensor_type.shape.dim[0]
    assert (first.dim_param, first.dim_value) == (("batch", 0) if batch is None else ("", batch))


def test_one_export_serves_all_batches(subject):
    assert subject.onnx(1).name == "batch1.onnx"  # programs of the user's may make names of it
    before = {path: path.stat().st_mtime_ns for path in subject.folder.iterdir()}
    subject.onnx(1)
    subject.onnx()
    assert {path: path.stat().st_mtime_ns for path in subject.folder.iterdir()} == before


def test_eight_bits_are_near_the_network(subject):
    path = subject.int8(Quantisation(count=4), 2)
    kinds = {node.op_type for node in onnx.load(path).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
    images = subject.images(2).numpy()
    exact, rounded = run(subject.onnx(2), images).ravel(), run(path, images).ravel()
    assert np.corrcoef(exact, rounded)[0, 1] > 0.9


def test_calibration_images_must_fit(subject):
    with pytest.raises(ImagesError, match="digits has square images of 1 channels, and the network's are 32x32 of 3"):
        subject.int8(Quantisation("digits", 2))


def test_calibrates_on_images(tmp_path):
    grey = FAMILY.with_options(in_channels=1).build(FAMILY.space.sample(1, seed=1)[0])
    path = Subject(grey, (1, 32, 32), tmp_path).int8(Quantisation("digits", 2))
    assert run(path, np.zeros((1, 1, 32, 32), np.float32)).shape == (1, 10)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("cpu_latency", {}),
        ("cpu_throughput", {"batch": 2}),
        ("cpu_latency", {"precision": "int8", "quantisation.count": 1}),
        ("torch_cpu_latency", {"batch": 2, "channels_last": True}),
        ("torch_cpu_latency", {"precision": "bfloat16"}),
    ],
)
def test_measures_on_this_processor(network, name, changes):
    asked = protocol(name, **changes)
    threads, weights = torch.get_num_threads(), copy.deepcopy(network.state_dict())
    measured = measure_network(network, asked)
    assert measured.passes >= 3
    assert measured.warm_up >= 1
    assert measured.throughput == pytest.approx(1e3 * asked.batch / measured.latency_ms)
    assert measured.prepare_seconds > 0
    assert measured.measured_at > 1.7e9
    assert math.isnan(measured.memory_mb) or measured.memory_mb >= 0
    assert network.training
    assert torch.get_num_threads() == threads
    assert all(torch.equal(value, weights[key]) for key, value in network.state_dict().items())


def test_measures_what_is_compiled(monkeypatch):
    # its own compiler takes a minute
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    measured = measure_module(nn.Linear(4, 4), (4,), protocol("torch_cpu_latency", mode="compile"))
    assert measured.passes >= 3


def test_measures_a_block_of_any_shape():
    block = nn.Sequential(nn.Conv2d(5, 7, 3), nn.ReLU())
    assert measure_module(block, (5, 9, 4), protocol("cpu_latency")).latency_ms > 0


def test_more_work_takes_longer():
    asked = protocol("torch_cpu_latency", **{"timing.passes": 15})
    small, large = (measure_module(nn.Conv2d(8, n, 3), (8, 32, 32), asked).latency_median_ms for n in (1, 256))
    assert large > 3 * small


def test_a_module_that_can_not_be_exported():
    class Stubborn(nn.Module):
        def forward(self, _images):
            raise RuntimeError("not today")

    with pytest.raises(MeasurementError, match="can't be exported: not today") as caught:
        measure_module(Stubborn(), (3, 8, 8), protocol("cpu_latency"))
    assert caught.value.kind == "unsupported"


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_without_a_gpu(network):
    with pytest.raises(MeasurementError, match="gpu_latency: PyTorch sees no NVIDIA GPU here"):
        measure_network(network, protocol("gpu_latency"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("mode", ["eager", "compile", "graph"])
@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
def test_measures_on_a_gpu(network, mode, precision):
    measured = measure_network(network, protocol("gpu_latency", mode=mode, precision=precision))
    assert measured.latency_ms > 0
    assert measured.memory_mb > 0


def test_xla_runs_a_graph_a_pass(network, monkeypatch):
    waits = []
    stub = SimpleNamespace(device=lambda: torch.device("cpu"), sync=lambda *, wait: waits.append(wait))
    monkeypatch.setitem(sys.modules, "torch_xla", stub)
    asked = protocol("torch_cpu_latency", backend="torch-xla", mode="compile")
    measured = measure_network(network, asked)
    assert waits == [True] * (2 + measured.warm_up + measured.passes)


@pytest.mark.parametrize(
    ("module", "name", "changes", "remedy"),
    [
        ("torch_xla", "torch_cpu_latency", {"backend": "torch-xla", "mode": "compile"}, "pip install torch_xla"),
        ("onnxruntime", "cpu_latency", {}, r"pip install 'accelnas-training\[onnx\]'"),
        ("onnx", "cpu_latency", {}, r"pip install 'accelnas-training\[onnx\]'"),
    ],
)
def test_missing_libraries_say_how_to_get_them(network, monkeypatch, module, name, changes, remedy):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=f"{module} is not installed; .*{remedy}"):
        measure_network(network, protocol(name, **changes))


def test_conditions_are_numbers_or_unknown():
    assert math.isnan(clock_mhz()) or 100 < clock_mhz() < 10_000
    assert math.isnan(load()) or load() >= 0
