import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import torch

import small_trainings
from accelnas.errors import FileError
from accelnas_training.errors import TrainingError
from accelnas_training.train import EpochRow, train
from small_trainings import SCHEME, Interrupting, SmallNetwork, comparable, small_images


@pytest.fixture(scope="module")
def images():
    return small_images()


@pytest.fixture(scope="module")
def whole(images, tmp_path_factory):
    """A training that nothing interrupted: its folder, result and weights."""
    folder, network = tmp_path_factory.mktemp("whole"), SmallNetwork()
    result = train(network, images, SCHEME, seed=3, folder=folder)
    return folder, result, network.state_dict()


def same(weights, others):
    return all(torch.equal(weights[name], others[name]) for name in weights)


def rows(folder):
    with (folder / "epochs.csv").open(newline="") as file:
        return [
            {k: row[k] for k in ("epoch", "lr", "train_loss", "loss", "top1", "top5")} for row in csv.DictReader(file)
        ]


def test_the_folder_says_what_was_done(whole, images):
    folder, result, _ = whole
    assert {each.name for each in folder.iterdir()} == {
        "settings.json", "epochs.csv", "checkpoint.safetensors", "result.json"
    }  # fmt: skip
    settings = json.loads((folder / "settings.json").read_text())
    assert settings["scheme"] == SCHEME.to_dict()
    assert settings["identity"]["scheme"] == SCHEME.digest
    assert settings["identity"]["images"] == images.digest
    (start,) = settings["runs"]
    assert (start["epochs_done"], start["device"], start["environment"]["torch"]) == (
        0,
        "cpu",
        torch.__version__.split("+")[0],
    )
    assert json.loads((folder / "result.json").read_text()) == {"error": None, **result.to_dict()}
    lines = (folder / "epochs.csv").read_text().splitlines()
    assert lines[0].split(",") == [each.name for each in fields(EpochRow)]
    assert len(lines) == 1 + SCHEME.epochs


@pytest.mark.parametrize(("epoch", "step"), [(0, 0), (0, 5), (1, 9), (2, 0), (3, 4)])
def test_a_training_interrupted_in_any_epoch_ends_the_same(images, whole, tmp_path, epoch, step):
    with pytest.raises(KeyboardInterrupt):
        train(SmallNetwork(), Interrupting(images, epoch, step), SCHEME, seed=3, folder=tmp_path)
    network = SmallNetwork(seed=9)  # the checkpoint has the weights; before the first, the caller has
    if epoch == 0:
        network = SmallNetwork()
    result = train(network, images, SCHEME, seed=3, folder=tmp_path)
    assert comparable(result) == comparable(whole[1])
    assert same(network.state_dict(), whole[2])
    assert rows(tmp_path) == rows(whole[0])
    runs = json.loads((tmp_path / "settings.json").read_text())["runs"]
    assert [each["epochs_done"] for each in runs] == [0, epoch]


def test_a_training_interrupted_after_every_epoch_ends_the_same(images, whole, tmp_path):
    def stop(_row):
        raise KeyboardInterrupt

    for _ in range(SCHEME.epochs):
        with pytest.raises(KeyboardInterrupt):
            train(SmallNetwork(), images, SCHEME, seed=3, folder=tmp_path, report=stop)
    network = SmallNetwork()
    result = train(network, images, SCHEME, seed=3, folder=tmp_path, report=stop)  # nothing is left to train
    assert comparable(result) == comparable(whole[1])
    assert same(network.state_dict(), whole[2])


@pytest.mark.slow
def test_a_training_killed_while_it_writes_ends_the_same(images, whole, tmp_path):
    command = [sys.executable, str(Path(small_trainings.__file__)), str(tmp_path)]
    killed = subprocess.run(command, env=os.environ | {"PYTHONWARNINGS": ""}, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob(".checkpoint.safetensors.*"))) == 1  # half of it, under another name
    assert len(rows(tmp_path)) == 1
    network = SmallNetwork()
    assert comparable(train(network, images, SCHEME, seed=3, folder=tmp_path)) == comparable(whole[1])
    assert same(network.state_dict(), whole[2])


@pytest.mark.parametrize("name", ["rmsproptf", "adamw"])
def test_other_optimizers_resume(images, tmp_path, name):
    scheme = SCHEME.changed(epochs=2, **{"optimizer.name": name, "optimizer.lr": 0.01})
    expected = train(SmallNetwork(), images, scheme)
    with pytest.raises(KeyboardInterrupt):
        train(SmallNetwork(), Interrupting(images, 1, 3), scheme, folder=tmp_path)
    assert comparable(train(SmallNetwork(), images, scheme, folder=tmp_path)) == comparable(expected)


def test_lower_precision_resumes(images, tmp_path):
    scheme = SCHEME.changed(epochs=2, precision="float16")
    expected = train(SmallNetwork(), images, scheme)
    with pytest.raises(KeyboardInterrupt):
        train(SmallNetwork(), Interrupting(images, 1, 3), scheme, folder=tmp_path)
    assert comparable(train(SmallNetwork(), images, scheme, folder=tmp_path)) == comparable(expected)


def test_a_finished_training_gives_its_result_at_once(images, whole):
    folder, result, weights = whole
    network = SmallNetwork(seed=9)
    assert train(network, Interrupting(images, 0, 0), SCHEME, seed=3, folder=folder) == result
    assert same(network.state_dict(), weights)


def test_a_result_is_enough(images, whole, tmp_path):
    shutil.copytree(whole[0], tmp_path, dirs_exist_ok=True)
    (tmp_path / "checkpoint.safetensors").unlink()
    assert train(SmallNetwork(), images, SCHEME, seed=3, folder=tmp_path) == whole[1]


def test_begin_again(images, whole, tmp_path):
    shutil.copytree(whole[0], tmp_path, dirs_exist_ok=True)
    scheme = SCHEME.changed(epochs=1)
    assert train(SmallNetwork(), images, scheme, seed=4, folder=tmp_path, resume=False).epochs == 1
    assert len(rows(tmp_path)) == 1
    assert len(json.loads((tmp_path / "settings.json").read_text())["runs"]) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 4}, r"seed is 3, not 4;"),
        ({"scheme": SCHEME.changed(epochs=5)}, r"scheme is '\w{64}', not '\w{64}';"),
        ({"network": SmallNetwork(normalise=False)}, r"network is '\w{64}', not '\w{64}';"),
        ({"images": small_images(train=150)}, r"images is '\w{64}', not '\w{64}';"),
        ({"labels": {"architecture": "b"}}, r"architecture is None, not 'b';"),
    ],
)
def test_another_training_in_the_folder(images, whole, changes, message):
    given = {"network": SmallNetwork(), "images": images, "scheme": SCHEME, "seed": 3, "folder": whole[0]} | changes
    remedy = " choose another folder, or begin again without resuming$"
    with pytest.raises(TrainingError, match="holds a training whose " + message + remedy):
        train(**given)


@pytest.mark.parametrize("name", ["settings.json", "result.json", "checkpoint.safetensors"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff\xfe"])
def test_damaged_files_are_named(images, whole, tmp_path, name, content):
    shutil.copytree(whole[0], tmp_path, dirs_exist_ok=True)
    if name == "checkpoint.safetensors":
        (tmp_path / "result.json").unlink()
    (tmp_path / name).write_bytes(content)
    network = SmallNetwork()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(TrainingError, match=rf"{name} is damaged|holds a training whose"):
        train(network, images, SCHEME, seed=3, folder=tmp_path)
    assert same(network.state_dict(), before)  # nothing was half read


def test_folders_that_cannot_be_made(images, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=r"file/run: Not a directory; choose another folder$"):
        train(SmallNetwork(), images, SCHEME, folder=tmp_path / "file" / "run")
