import pytest
import torch

from accelnas_training import provenance
from accelnas_training.provenance import environment

SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository whose branch has one commit, seen from a folder inside."""
    inner = tmp_path / "repository" / "inner"
    (tmp_path / "repository" / ".git" / "refs" / "heads").mkdir(parents=True)
    inner.mkdir()
    monkeypatch.chdir(inner)
    git = tmp_path / "repository" / ".git"
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "refs" / "heads" / "main").write_text(f"{SHA}\n")
    return git


@pytest.mark.usefixtures("repository")
def test_the_checked_out_commit():
    assert environment()["git"] == SHA


def test_a_detached_head(repository):
    (repository / "HEAD").write_text(f"{SHA[::-1]}\n")
    assert environment()["git"] == SHA[::-1]


def test_packed_references(repository):
    (repository / "refs" / "heads" / "main").unlink()
    (repository / "packed-refs").write_text(f"# pack-refs with: peeled\n{SHA} refs/heads/main\n^{SHA[::-1]}\n")
    assert environment()["git"] == SHA


def test_a_further_work_tree(repository, tmp_path, monkeypatch):
    own = repository / "worktrees" / "other"
    own.mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/main\n")
    (own / "commondir").write_text("../..\n")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / ".git").write_text(f"gitdir: {own}\n")
    monkeypatch.chdir(tree)
    assert environment()["git"] == SHA


def test_what_is_not_there_is_absent(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    found = environment()
    assert {"git", "gpus", "cuda"}.isdisjoint(found)
    assert {"host", "platform", "python", "torch", "timm", "accelnas-training"} <= set(found)
    assert all(isinstance(value, str) and value for value in found.values())


def test_a_broken_machine_does_not_fail(repository, monkeypatch):
    (repository / "HEAD").write_text("ref: refs/heads/none\n")

    def broken():
        raise RuntimeError("driver too old")

    monkeypatch.setattr(torch.cuda, "device_count", broken)
    monkeypatch.setattr(provenance, "_PACKAGES", ("no-such-package",))
    assert {"git", "gpus", "no-such-package"}.isdisjoint(environment())
