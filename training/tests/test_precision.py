"""Few bits: against ONNX Runtime and by hand; the study, its sums and what it leaves."""

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from accelnas import Space, mnasnet_space
from accelnas.errors import DataError
from accelnas.files import parse_toml
from accelnas_training import int8_accuracy
from accelnas_training.accuracy import fake
from accelnas_training.accuracy.batches import calibration, share_right, validation
from accelnas_training.cli import app
from accelnas_training.collect.job import Job
from accelnas_training.errors import NetworkError
from accelnas_training.precision.losses import losses
from accelnas_training.precision.settings import PrecisionSettings, part_names
from accelnas_training.precision.work import parts_of
from accelnas_training.schemes.scheme import to_toml
from accelnas_training.train import train
from small_trainings import SCHEME, SmallNetwork, small_images

PIXELS = {"start": 8, "end": 8, "start_epoch": 0, "end_epoch": 0, "validation": 8, "multiple": 2}
FEW = SCHEME.changed(name="few", epochs=12, accumulation=1, ema=0, dropout=0, resize=PIXELS)


@pytest.fixture(scope="module")
def trained():
    images, network = small_images(480, 960), SmallNetwork()
    train(network, images, FEW)
    return images, network.eval()


def test_eight_bits_are_those_of_onnx_runtime(trained):
    images, network = trained
    batches = list(validation(images, FEW))
    top1 = share_right(network, batches)
    values = fake.seen(network, calibration(images, FEW))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    found = {}
    for bits in (3, 8, 16):
        with fake.quantised(network, dict.fromkeys(fake.layers(network), bits), values):
            found[bits] = share_right(network, batches)
    assert top1 > 50
    assert abs(found[8] - int8_accuracy(network, images, FEW)) < 1
    assert found[16] == pytest.approx(top1, abs=0.2)
    assert found[3] < top1 - 2
    assert all(bool((tensor == before[name]).all()) for name, tensor in network.state_dict().items())
    assert share_right(network, batches) == top1


def test_values_are_those_of_so_many_bits():
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 5, 3)
    weight, inputs = layer.weight.detach().clone(), torch.randn(4, 3, 8, 8) + 1
    heard = []
    network = nn.Sequential(nn.Identity(), layer)
    values = fake.seen(network, [inputs])
    assert set(values) == {"1"}
    with fake.quantised(network, {"1": 3}, values):
        handle = layer.register_forward_pre_hook(lambda _, given: heard.append(given[0]))
        network(inputs)
        handle.remove()
        for own, whole in zip(layer.weight.detach().flatten(1), weight.flatten(1), strict=True):
            steps = own / own[own != 0].abs().min()
            assert len(own.unique()) <= 7
            assert (steps - steps.round()).abs().max() < 1e-5
            scales = [whole.abs().max() * clip / 3 for clip in torch.linspace(0.2, 1, 200)]
            best = min(float(((whole / s).round().clamp(-3, 3) * s - whole).square().mean()) for s in scales)
            assert float((own - whole).square().mean()) < 1.1 * best
        assert len(heard[0].unique()) <= 8
        assert 0.0 in heard[0]
    assert bool((layer.weight == weight).all())


def test_parts_are_those_of_the_space():
    space = mnasnet_space()
    with pytest.raises(NetworkError, match="no layer of the network belongs to block1; build networks whose"):
        parts_of(["conv_stem", "blocks.0.0.conv", "classifier"], space)
    with pytest.raises(NetworkError, match=r"bits are \(1, 4\); choose some of 2 to 16"):
        PrecisionSettings(SCHEME, (1, 4))
    with (
        pytest.raises(NetworkError, match="a has 17 bits; choose 2 to 16"),
        fake.quantised(nn.Module(), {"a": 17}, {}),
    ):
        pass
    with (
        pytest.raises(NetworkError, match="nothing came into layer a; leave it as it is"),
        fake.quantised(nn.Module(), {"a": 4}, {}),
    ):
        pass
    assert PrecisionSettings(SCHEME).digest == PrecisionSettings(SCHEME.changed(name="other")).digest


def additive(space, settings, jobs, more=0.0):
    """Give values of networks whose losses add up, but for `more` where parts are mixed."""
    generator, parts, values = np.random.default_rng(0), part_names(space), []
    mean = {(part, bits): generator.uniform(0, 9) / bits for part in parts for bits in settings.bits}
    for job in jobs:
        own = {key: loss * generator.uniform(0.5, 1.5) for key, loss in mean.items()}
        each = {"accuracy": 80.0, "accuracy_int8": 79.0 - 0.1 * job.seed}
        each |= {f"{part}_{bits}": 80 - loss for (part, bits), loss in own.items()}
        each |= {f"all_{bits}": 80 - sum(own[part, bits] for part in parts) for bits in settings.bits}
        for number in range(settings.mixed):
            each[f"mixed{number}"] = 80 - more - sum(own[key] for key in settings.mixture(job, number, parts).items())
        values.append(each)
    return values


def test_sums_that_are_exact_are_found_so():
    space, settings = mnasnet_space(), PrecisionSettings(SCHEME, (4, 8), mixed=5)
    jobs = [Job.of(arch, "d", seed) for seed, arch in enumerate(space.sample(12))]
    found = losses(settings, space, jobs, additive(space, settings, jobs))
    assert found.own.rmse < 1e-9
    assert found.own.explained == pytest.approx(1)
    assert found.table.rmse > 0
    assert 0.3 < found.table.explained < 1
    assert found.int8.loss.value == pytest.approx(1.55)
    total = sum(found.means[part, 4].value for part in found.parts)
    assert total == pytest.approx(found.means["all", 4].value)
    assert len({tuple(settings.mixture(job, 0, found.parts).items()) for job in jobs}) > 6
    off = losses(settings, space, jobs, additive(space, settings, jobs, more=2.0))
    assert off.own.bias == pytest.approx(-2)
    assert off.own.rmse == pytest.approx(2)
    with pytest.raises(DataError, match="4 networks were validated with few bits; at least 5 are needed"):
        losses(settings, space, jobs[:4], additive(space, settings, jobs[:4]))


FAMILY = """
builder = "networks.py:build"

[space]
name = "two"
[[space.blocks]]
name = "a"
variables = [{ name = "a_w", symbol = "w", choices = [2, 3, 4] }]
[[space.blocks]]
name = "b"
variables = [{ name = "b_w", symbol = "w", choices = [2, 3, 4] }]
"""
NETWORKS = """
from torch import nn

class Network(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        one, two = nn.Conv2d(1, a, 3, 2, 1), nn.Conv2d(a, b, 3, 2, 1)
        self.blocks = nn.Sequential(nn.Sequential(one, nn.ReLU()), nn.Sequential(two, nn.ReLU()))
        self.classifier = nn.Linear(4 * b, 10)

    def forward(self, images):
        return self.classifier(self.blocks(images).flatten(1))

def build(architecture, options):
    return Network(architecture["a_w"], architecture["b_w"])
"""


def test_the_command_trains_and_reports(tmp_path, monkeypatch):
    for name, text in {"family.toml": FAMILY, "networks.py": NETWORKS}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "few.toml").write_text(to_toml(FEW.changed(epochs=1)))
    monkeypatch.setattr("accelnas_training.accuracy.int8_accuracy", lambda *_, **__: 50.0)  # takes seconds a network
    words = ["precision", "--family", str(tmp_path / "family.toml"), "--images", "digits:0.1", "--scheme"]
    words += [
        str(tmp_path / "few.toml"),
        "--number",
        "5",
        "--bits",
        "8,3",
        "--mixed",
        "2",
        "--workers",
        "0",
    ]
    for _ in range(2):  # the second time nothing is trained
        result = CliRunner().invoke(app, [*words, "--output", str(tmp_path / "out")])
        assert result.exit_code == 0, result.output + repr(result.exception)
        monkeypatch.setattr("accelnas_training.train.run.trained_network", None)
    assert "5 networks lose" in result.stdout
    table = pl.read_parquet(tmp_path / "out" / "precision.parquet")
    written = parse_toml((tmp_path / "out" / "precision.toml").read_text(), "precision.toml", DataError)
    assert written["bits"] == [3, 8]
    assert list(written["loss"]) == ["a", "b", "head"]
    assert written["loss"]["b"][0] == pytest.approx((table["accuracy"] - table["b_3"]).mean(), abs=1e-3)
    assert written["whole"]["loss"][1] == pytest.approx((table["accuracy"] - table["all_8"]).mean(), abs=1e-3)
    report = (tmp_path / "out" / "report.md").read_text()
    assert "## Do losses add up?\n\n10 networks whose" in report
    assert list((tmp_path / "out" / "trainings").iterdir()) == []
    assert Space.from_toml(tmp_path / "family.toml").size == 9
