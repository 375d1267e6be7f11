import json
import os

import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

import accelnas
from accelnas.fitting.dataset import from_table
from accelnas.fitting.metric import MetricSpec
from accelnas.fitting.tabulate import tabulate
from accelnas_training.cli import app
from accelnas_training.cli import train as train_command
from accelnas_training.images import LoaderPlan
from accelnas_training.networks import NetworkFamily, load_family
from accelnas_training.schemes import to_toml
from accelnas_training.train import loop, run, train_architecture
from small_trainings import SCHEME, SmallNetwork, small_images

# a space of one variable, whose networks are small
FAMILY = """
builder = "test_builder.py:build"
[space]
name = "toy"
[[space.blocks]]
name = "b0"
variables = [{ name = "b0_n", symbol = "n", choices = [false, true] }]
"""
BUILDER = """
import torch
from small_trainings import SmallNetwork

def build(architecture, options):
    return SmallNetwork(normalise=architecture["b0_n"], seed=int(torch.randint(1000, ())))
"""


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    (tmp_path / "test_builder.py").write_text(BUILDER)
    (tmp_path / "family.toml").write_text(FAMILY)
    (tmp_path / "scheme.toml").write_text(to_toml(SCHEME.changed(epochs=2)))
    monkeypatch.setattr(train_command, "open_images", lambda _: small_images())

    def call(*arguments):
        given = ["--images", "small", "--scheme", tmp_path / "scheme.toml", "--family", tmp_path / "family.toml"]
        everything = ["train", *arguments, *given, "--output", tmp_path / "run"]
        return CliRunner().invoke(app, [str(each) for each in everything])

    return call


def test_a_training_by_the_command_line(invoke, tmp_path):
    result = invoke("n1", "--seed", 2, "--grid-intensity", 300)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "run" / "result.json").read_text())
    assert f"top-1 {found['top1']:.3f} %" in result.output
    assert "2 epochs in " in result.output
    assert "CO₂" in result.output
    identity = json.loads((tmp_path / "run" / "settings.json").read_text())["identity"]
    assert (identity["architecture"], identity["seed"]) == ("n1", 2)
    # the same architecture by its index: done
    again = invoke(1, "--seed", 2).output
    assert again == "".join(line for line in result.output.splitlines(keepends=True) if "CO₂" not in line)
    other = invoke(0, "--seed", 2)
    assert other.exit_code == 1
    assert "holds a training whose" in other.output
    assert invoke(0, "--seed", 2, "--no-resume").exit_code == 0


def test_the_best_of_a_certificate_is_trained_and_its_weights_are_kept(invoke, tmp_path):
    family = load_family(str(tmp_path / "family.toml"))
    table = pl.DataFrame({"b0_n": [False, True], "accuracy": [60.0, 70.0]})
    tabulate(from_table(table, family.space), [MetricSpec("accuracy")], tmp_path / "bench")
    bench, path = accelnas.load(tmp_path / "bench"), tmp_path / "best.json"
    bench.best("accuracy").certificate.save(path)
    result = invoke(path)
    assert result.exit_code == 0, result.output
    network = SmallNetwork(normalise=True, seed=0)
    parameters, images = sum(each.numel() for each in network.parameters()), small_images()
    assert f"n1: {parameters:,} parameters, " in result.output
    weights = tmp_path / "run" / "weights.safetensors"
    assert f"weights in {weights}" in result.output
    network.load_state_dict(load_file(weights))
    resize = SCHEME.resize
    plan = LoaderPlan(16, resize.validation, None, 0, 0, crop_share=resize.validation_crop)
    network.eval()
    right = torch.cat([network(batch).argmax(1) == labels for batch, labels in images.loader("validation", plan)])
    found = json.loads((tmp_path / "run" / "result.json").read_text())
    assert 100 * right.double().mean().item() == pytest.approx(found["top1"])

    bench.distribution("accuracy").certificate.save(path)
    assert "names no best architecture" in " ".join(invoke(path).output.split())
    accelnas.load().best("accuracy", within={f"block{b}_e": 6 for b in range(7)}).certificate.save(path)
    assert "is of space mnasnet, not toy" in " ".join(invoke(path).output.split())


def test_a_training_begins_with_the_weights_that_it_is_given(invoke, tmp_path):
    assert invoke("n1").exit_code == 0
    first, weights = tmp_path / "first.safetensors", tmp_path / "run" / "weights.safetensors"
    standing = {"name": "momentum", "lr": 1e-30, "weight_decay": 0.0}
    first.write_bytes(weights.read_bytes())
    (tmp_path / "scheme.toml").write_text(to_toml(SCHEME.changed(epochs=1, optimizer=standing)))
    result = invoke("n1", "--seed", 9, "--start", first, "--no-resume")
    assert result.exit_code == 0, result.output
    before, after = load_file(first), load_file(weights)
    parameters = [name for name, _ in SmallNetwork(normalise=True, seed=0).named_parameters()]
    assert all(torch.equal(before[name], after[name]) for name in parameters)
    assert "holds a training whose start" in invoke("n1", "--seed", 9).output
    refused = " ".join(invoke("n0", "--start", first, "--no-resume").output.split())
    assert "the network has None; give weights of the same architecture" in refused
    (tmp_path / "text.safetensors").write_text("no weights")
    assert "has no weights" in " ".join(
        invoke("n1", "--start", tmp_path / "text.safetensors", "--no-resume").output.split()
    )


def test_ctrl_c_keeps_the_checkpoint(invoke, tmp_path, monkeypatch):
    whole, epochs = loop._run, []

    def interrupted(*arguments):
        def report(row):
            epochs.append(row.epoch)
            raise KeyboardInterrupt

        return whole(*arguments[:-1], report)

    monkeypatch.setattr(loop, "_run", interrupted)
    assert invoke(1).exit_code == 130
    monkeypatch.undo()
    assert epochs == [0]
    assert (tmp_path / "run" / "checkpoint.safetensors").exists()
    assert not (tmp_path / "run" / "result.json").exists()


@pytest.mark.parametrize("architecture", ["n7", "2"])
def test_architectures_that_are_not_of_the_space(invoke, architecture):
    result = invoke(architecture)
    assert result.exit_code == 1
    assert result.output.startswith("error: ")


def test_others_of_torchruns_processes_are_silent(invoke, monkeypatch):
    monkeypatch.setattr(run, "under_torchrun", lambda: False)  # they would wait for each other
    monkeypatch.setitem(os.environ, "WORLD_SIZE", "2")
    monkeypatch.setitem(os.environ, "RANK", "1")
    result = invoke(1)
    assert (result.exit_code, result.output) == (0, "")


def test_the_seed_draws_the_first_weights(monkeypatch):
    drawn = []

    def build(_family, _architecture):
        network = SmallNetwork(seed=int(run.torch.randint(1000, ())))
        drawn.append(network.first.weight[0, 0, 0, 0].item())
        return network

    monkeypatch.setattr(NetworkFamily, "build", build)
    family = NetworkFamily(accelnas.mnasnet_space())
    row = family.space.sample(1)[0]
    for seed in (1, 1, 2):
        train_architecture(family, row, small_images(), SCHEME.changed(epochs=1), seed=seed)
    assert drawn[0] == drawn[1] != drawn[2]
