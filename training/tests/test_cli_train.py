import json
import os

import pytest
from typer.testing import CliRunner

import accelnas
from accelnas_training.cli import app
from accelnas_training.cli import train as train_command
from accelnas_training.networks import NetworkFamily
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
    assert invoke(1, "--seed", 2).output == result.output.replace(result.output.splitlines(keepends=True)[-1], "")
    other = invoke(0, "--seed", 2)
    assert other.exit_code == 1
    assert "holds a training whose" in other.output
    assert invoke(0, "--seed", 2, "--no-resume").exit_code == 0


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
