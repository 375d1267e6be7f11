import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from accelnas_training.cli import app
from accelnas_training.errors import ImagesError
from accelnas_training.images import Augmentation, LoaderPlan, open_images
from accelnas_training.images.cache import Manifest
from accelnas_training.images.cache_writer import write_cache
from image_files import read_by_webdataset, write_folder

SIZE = 72


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("folder")
    write_folder(path, per_class=12, size=(120, 90))
    return open_images(f"folder:{path}")


@pytest.fixture
def cached(source, tmp_path):
    folder = tmp_path / "cached"
    write_cache(source, folder, size=SIZE, shard_images=5)
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def loaded(images, part, augmentation=None):
    plan = LoaderPlan(4, 32, augmentation, seed=0, epoch=0)
    both = list(images.loader(part, plan))
    return torch.cat([batch for batch, _ in both]), torch.cat([labels for _, labels in both])


def test_a_cache_gives_the_images_resized(source, cached):
    images = open_images(f"cache:{cached}")
    assert (images.classes, images.channels, images.mean) == (source.classes, source.channels, source.mean)
    for part in ("train", "validation"):
        assert images.size(part) == source.size(part)
        for index in range(images.size(part)):
            ours, label = images.image(part, index)
            theirs, own = source.image(part, index)
            assert (ours.size, label) == ((96, SIZE), own)
            difference = np.asarray(theirs.resize((96, SIZE)), float) - np.asarray(ours, float)
            assert np.sqrt((difference**2).mean()) < 6
    few, labels = loaded(images, "validation")
    many, own = loaded(source, "validation")
    assert torch.equal(labels, own)
    assert np.corrcoef(few.flatten(), many.flatten())[0, 1] > 0.99


def test_the_manifest_tells_the_truth(source, cached):
    manifest = Manifest.read(cached / "manifest.json")
    assert manifest.source_digest == source.digest
    assert [shard.images for shard in manifest.parts["train"].shards] == [5, 5, 5, 5, 4]
    assert sum(shard.images for shard in manifest.parts["validation"].shards) == 12
    for part in manifest.parts.values():
        for shard in part.shards:
            content = (cached / shard.name).read_bytes()
            assert (len(content), hashlib.sha256(content).hexdigest()) == (shard.size, shard.sha256)
    assert open_images(f"cache:{cached}").digest == manifest.digest
    names = {"manifest.json", "train-index.safetensors", "validation-index.safetensors"}
    assert {path.name for path in cached.iterdir() if path.suffix != ".tar"} == names
    assert replace(manifest, quality=1).digest != manifest.digest


def test_the_webdataset_library_reads_it(cached):
    theirs = read_by_webdataset(sorted(cached.glob("train-*.tar")))
    images = open_images(f"cache:{cached}")
    assert len(theirs) == images.size("train")
    for index, sample in enumerate(theirs):
        image, label = images.image("train", index)
        assert sample["jpg"].tobytes() == image.tobytes()
        assert sample["cls"] == label
    assert open_images(f"webdataset:{cached}/{{part}}-*.tar").size("train") == 24


def test_small_and_grey_images_lose_nothing(tmp_path):
    digits = open_images("digits:0.1")
    write_cache(digits, tmp_path, shard_images=1000)
    images = open_images(f"cache:{tmp_path}")
    assert (images.channels, images.mean, images.std) == (1, digits.mean, digits.std)
    for index in range(0, 170, 7):
        assert np.array_equal(images.image("train", index)[0], digits.image("train", index)[0])
    assert loaded(images, "train", Augmentation())[0].shape == (176, 1, 32, 32)
    with pytest.raises(ImagesError, match="grey images can't have"):
        images.loader("train", LoaderPlan(4, 32, Augmentation(policy="rand-m9"), seed=0, epoch=0))


def test_writing_goes_on_after_an_interruption(source, cached, tmp_path):
    expected = contents(cached)
    folder = tmp_path / "interrupted"
    count = 0

    def interrupt(_done):
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_cache(source, folder, size=SIZE, shard_images=5, report=interrupt)
    assert len(list(folder.glob("*.tar"))) == 3
    with pytest.raises(ImagesError, match=r"manifest\.json does not exist; write the cache, or let it be finished"):
        open_images(f"cache:{folder}")
    with pytest.raises(ImagesError, match="the cache there has shorter_side 72, not 64; choose another folder"):
        write_cache(source, folder, size=64, shard_images=5)
    write_cache(source, folder, size=SIZE, shard_images=5)
    assert contents(folder) == expected
    times = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    write_cache(source, folder, size=SIZE, shard_images=5)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == times


SCRIPT = """
import sys
from pathlib import Path
from accelnas_training.images import open_images
from accelnas_training.images.cache_writer import write_cache
if __name__ == "__main__":
    write_cache(open_images(sys.argv[1]), Path(sys.argv[2]), size=72, shard_images=1, processes=int(sys.argv[3]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_writing_goes_on_after_kill_9(tmp_path, processes):
    write_folder(tmp_path / "source", per_class=16, size=(400, 300))
    script = tmp_path / "write.py"
    script.write_text(SCRIPT)
    folder = tmp_path / "killed"
    name = f"folder:{tmp_path / 'source'}"
    with subprocess.Popen([sys.executable, script, name, folder, str(processes)], start_new_session=True) as writer:
        while len(list(folder.glob("*.tar"))) < 2:
            assert writer.poll() is None
            time.sleep(0.002)
        writer.kill()
    assert not (folder / "manifest.json").exists()
    deadline = time.monotonic() + 600
    while _alive(writer.pid):  # its workers leave too
        assert time.monotonic() < deadline
        time.sleep(0.05)
    source = open_images(name)
    resumed = write_cache(source, folder, size=SIZE, shard_images=1)
    assert resumed == write_cache(source, tmp_path / "whole", size=SIZE, shard_images=1)
    assert contents(folder) == contents(tmp_path / "whole")


def _alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_damage_is_found(cached):
    shard = cached / "train-000002.tar"
    content = shard.read_bytes()
    images = open_images(f"cache:{cached}")
    offset = int(images._parts["train"]._index.offsets[11])
    shard.write_bytes(content[: offset + 300] + bytes((content[offset + 300] ^ 1,)) + content[offset + 301 :])
    images = open_images(f"cache:{cached}")
    message = r"'00000011\.jpg' of .*train-000002\.tar can't be read: its bytes have changed"
    with pytest.raises(ImagesError, match=message):
        loaded(images, "train", Augmentation())
    shard.write_bytes(content[:-512])
    with pytest.raises(ImagesError, match=rf"train-000002\.tar has {len(content) - 512} bytes, not {len(content)}"):
        open_images(f"cache:{cached}")
    shard.unlink()
    with pytest.raises(ImagesError, match=r"train-000002\.tar is missing"):
        open_images(f"cache:{cached}")
    shard.write_bytes(content)
    index = cached / "train-index.safetensors"
    index.write_bytes(index.read_bytes()[:-1] + b"\1")
    with pytest.raises(ImagesError, match=r"train-index\.safetensors is missing or damaged"):
        open_images(f"cache:{cached}")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda content: content.update(format="accelnas image cache 9"),
            "cache 9', expected 'accelnas image cache 1'",
        ),
        (lambda content: content.pop("classes"), "manifest.json is damaged"),
        (lambda content: content.update(mean=[0.5]), "manifest.json is damaged: 3 channels"),
        (lambda content: content["parts"].pop("train"), "has the parts validation"),
        (lambda content: content["parts"]["train"]["shards"][0].update(name="../x.tar"), "'../x.tar' lies outside"),
        (lambda content: content["parts"]["train"].update(images=3), "has 24 images, not 3"),
    ],
)
def test_manifests_that_are_wrong(cached, change, message):
    path = cached / "manifest.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(ImagesError, match=message):
        open_images(f"cache:{cached}")
    path.write_text("{")
    with pytest.raises(ImagesError, match="is damaged"):
        open_images(f"cache:{cached}")


def test_broken_sources_and_settings(tmp_path, source):
    write_folder(tmp_path / "source", per_class=2, size=(120, 90))
    (tmp_path / "source" / "val" / "bee" / "0005.png").write_bytes(b"")
    broken = open_images(f"folder:{tmp_path / 'source'}")
    for processes in (1, 2):
        with pytest.raises(ImagesError, match=r"0005\.png can't be read: no image"):
            write_cache(broken, tmp_path / "out", shard_images=2, processes=processes)
    assert not list((tmp_path / "out").glob("validation-000001.tar"))
    for name in ("size", "quality", "shard_images"):
        with pytest.raises(ImagesError, match=f"{name} is 0; choose 1 to"):
            write_cache(source, tmp_path / "out", **{name: 0})


def test_command(tmp_path):
    out = tmp_path / "digits"
    result = CliRunner().invoke(app, ["cache", "digits", str(out), "--size", "8"])
    assert result.exit_code == 0, result.output
    digest = open_images(f"cache:{out}").digest
    assert result.stdout.startswith("train: 1,438 images, 1 shards, ")
    assert f"cache:{out} has digest {digest}" in result.stdout
    result = CliRunner().invoke(app, ["cache", "digits", str(out), "--size", "4"])
    assert result.exit_code == 1
    assert "the cache there has shorter_side 8, not 4" in result.stderr


@pytest.mark.slow
def test_a_killed_process_of_several(tmp_path, source, monkeypatch):
    from accelnas_training.images import cache_writer

    monkeypatch.setattr(cache_writer, "_work", _die)
    with pytest.raises(ImagesError, match="a process that wrote the cache died; try again"):
        write_cache(source, tmp_path / "out", shard_images=5, processes=2)


def _die(_task):
    os.kill(os.getpid(), signal.SIGKILL)
