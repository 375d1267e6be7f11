import subprocess

import pytest
import torch

from accelnas_training import provenance
from accelnas_training.provenance import environment


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository of one commit, seen from a folder inside."""
    inner = tmp_path / "repository" / "inner"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    git("init", "-q")
    git("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "--allow-empty", "-m", "first")
    return inner


def git(*words):
    return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S607


@pytest.mark.usefixtures("repository")
def test_the_checked_out_commit():
    assert environment()["git"] == git("rev-parse", "HEAD")


def test_a_machine_without_git(repository, monkeypatch):
    monkeypatch.setenv("PATH", str(repository))
    assert "git" not in environment()


def test_what_is_not_there_is_absent(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    found = environment()
    assert {"git", "gpus", "cuda"}.isdisjoint(found)
    assert {"host", "platform", "python", "torch", "timm", "accelnas-training"} <= set(found)
    assert all(isinstance(value, str) and value for value in found.values())


def test_a_broken_machine_does_not_fail(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def broken():
        raise RuntimeError("driver too old")

    monkeypatch.setattr(torch.cuda, "device_count", broken)
    monkeypatch.setattr(provenance, "_PACKAGES", ("no-such-package",))
    assert {"git", "gpus", "no-such-package"}.isdisjoint(environment())
