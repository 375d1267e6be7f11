import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from accelnas_training.errors import ImagesError
from accelnas_training.images import LoaderPlan, open_images
from accelnas_training.images.shards import index_shard, read_index
from accelnas_training.images.webdataset import expand_braces
from image_files import labelled, read_by_webdataset, write_shard


@pytest.fixture
def shards(tmp_path, monkeypatch):
    monkeypatch.setenv("ACCELNAS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "set"
    folder.mkdir()
    for number in range(3):
        write_shard(folder / f"train-{number:02d}.tar", labelled(10 * number, 4))
    write_shard(folder / "val-00.tar", labelled(100, 5))
    return folder


def sources(folder):
    return (
        f"webdataset:{folder}/{{part}}-*.tar",
        f"webdataset:{folder}/train-{{00..02}}.tar;{folder}/val-00.tar",
        f"webdataset:{folder}/train-{{00,01,02}}.tar;{folder}/val-*.tar",
    )


def loaded(images, part, **others):
    plan = LoaderPlan(2, 16, None, seed=0, epoch=0, **others)
    both = list(images.loader(part, plan))
    return torch.cat([batch for batch, _ in both]), torch.cat([labels for _, labels in both])


def test_shards_are_read_at_random(shards):
    first = open_images(sources(shards)[0])
    assert (first.classes, first.size("train"), first.size("validation")) == (3, 12, 5)
    for source in sources(shards):
        images = open_images(source)
        assert images.digest == first.digest
        for part, paths in (("train", sorted(shards.glob("train*.tar"))), ("validation", [shards / "val-00.tar"])):
            index = 0
            for path in paths:
                with tarfile.open(path) as archive:
                    members = archive.getmembers()
                    for member, label in zip(members[::2], members[1::2], strict=True):
                        with Image.open(archive.extractfile(member)) as expected:
                            image, own = images.image(part, index)
                            assert image.tobytes() == expected.tobytes()
                        assert own == int(archive.extractfile(label).read())
                        assert member.name in images._parts[part].where(index)
                        index += 1
    batch, labels = loaded(first, "train", workers=2)
    assert torch.equal(batch, loaded(first, "train")[0])
    assert labels.tolist() == [n % 3 for n in (0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23)]


def test_samples_equal_those_of_the_webdataset_library(shards):
    theirs = read_by_webdataset(sorted(shards.glob("train*.tar")))
    images = open_images(sources(shards)[0])
    assert len(theirs) == images.size("train")
    for index, sample in enumerate(theirs):
        image, label = images.image("train", index)
        assert image.tobytes() == sample["png"].tobytes()
        assert label == sample["cls"]


def test_the_index_is_kept_until_a_shard_changes(shards, monkeypatch):
    source = sources(shards)[0]
    open_images(source)
    assert len(list(shards.glob(".*.index"))) == 2
    with monkeypatch.context() as patched:
        patched.setattr("accelnas_training.images.webdataset.index_shard", None)  # not needed any more
        assert open_images(source).size("train") == 12
    write_shard(shards / "train-01.tar", labelled(50, 6))
    assert open_images(source).size("train") == 14
    index = next(shards.glob(".*.index"))
    index.write_bytes(index.read_bytes()[:-9])
    assert open_images(source).size("train") == 14


def test_the_index_of_a_read_only_folder(shards, monkeypatch):
    from accelnas_training.images import webdataset

    written = []

    def refused(path, *others):
        if path.parent == shards:
            raise PermissionError(path)
        written.append(path)
        write(path, *others)

    write = webdataset.write_index
    monkeypatch.setattr(webdataset, "write_index", refused)
    assert open_images(sources(shards)[0]).size("train") == 12
    assert len(written) == 2
    monkeypatch.setattr(webdataset, "index_shard", None)
    assert open_images(sources(shards)[0]).size("train") == 12


def test_names_and_order_of_files(tmp_path):
    files = dict(labelled(0, 2))
    (image0, label0, image1, _) = files.values()
    path = tmp_path / "a.tar"
    names = [
        ("__meta.txt", b""),
        ("d/x.cls", label0),
        ("d/x.seg.PNG", image0),
        ("d/x.json", b"{}"),
        ("noextension", b""),
    ]
    long = "d/" + "y" * 150
    write_shard(path, [*names, (f"{long}.jpg", image1), (f"{long}.cls", b" 7\n")])
    index = index_shard(path)
    assert index.labels.tolist() == [0, 7]
    content = path.read_bytes()
    for row, image in enumerate((image0, image1)):
        assert content[index.offsets[row] : index.offsets[row] + index.sizes[row]] == image


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([("x.cls", b"1")], "sample 'x' of .*a.tar has the files cls; it needs one image and one .cls"),
        ([("x.png", b""), ("x.jpg", b""), ("x.cls", b"1")], "has the files png, jpg, cls"),
        ([("x.png", b"")], "has the files png"),
        ([("x.png", b""), ("x.cls", b"-1")], "has class b'-1'; expected a number from 0"),
        ([("x.png", b""), ("x.cls", b"")], "has class b''"),
    ],
)
def test_samples_that_lack_something(tmp_path, files, message):
    write_shard(tmp_path / "a.tar", files)
    with pytest.raises(ImagesError, match=message):
        index_shard(tmp_path / "a.tar")


def test_damaged_shards(shards):
    path = shards / "train-01.tar"
    content = path.read_bytes()
    index = index_shard(path)
    boundary = int(index.offsets[2]) - 512
    for size in (boundary, boundary + 100, boundary + 600, int(index.offsets[3]) + 3):
        path.write_bytes(content[:size])
        with pytest.raises(ImagesError, match=r"train-01\.tar is .*fetch it again"):
            open_images(sources(shards)[0])
    path.write_bytes(content[: boundary + 20] + b"\xff" + content[boundary + 21 :])  # a header in the middle
    with pytest.raises(ImagesError, match=r"train-01\.tar is damaged or cut off at byte"):
        open_images(sources(shards)[0])
    path.write_bytes(b"text")
    with pytest.raises(ImagesError, match=r"train-01\.tar is no whole tar file"):
        open_images(sources(shards)[0])


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_image_is_named(shards, workers):
    write_shard(shards / "val-00.tar", [("good/a.png", b"no picture"), ("good/a.cls", b"1")])
    images = open_images(sources(shards)[0])
    with pytest.raises(
        ImagesError, match=r"^'good/a\.png' of .*val-00\.tar can't be read: no image; replace or remove"
    ):
        loaded(images, "validation", workers=workers)


def test_pattern_errors(shards):
    for pattern, message in (
        (f"{shards}/train-*.tar", "does not tell train from validation"),
        ("a;b;c", "does not tell train from validation"),
        (f"{shards}/none-{{part}}-*.tar", "no shards of train match"),
        (f"{shards}/train-{{00..03}}.tar;{shards}/val-00.tar", r"train-03\.tar does not exist"),
        (f"{shards}/train-00.tar;{shards}/test.tar", r"test\.tar does not exist"),
    ):
        with pytest.raises(ImagesError, match=message):
            open_images(f"webdataset:{pattern}")
    write_shard(shards / "val-00.tar", [("a.png", b""), ("a.cls", b"3")])
    with pytest.raises(ImagesError, match="class 3 of validation is none of the 3 of train, 0 to 2"):
        open_images(sources(shards)[0])
    write_shard(shards / "val-00.tar", [])
    with pytest.raises(ImagesError, match=r"val-00\.tar .*no samples"):
        open_images(sources(shards)[0])


def test_braces():
    assert expand_braces("a{1,2}{x,y}.tar") == ["a1x.tar", "a1y.tar", "a2x.tar", "a2y.tar"]
    assert expand_braces("a{9..11}.tar") == ["a9.tar", "a10.tar", "a11.tar"]
    assert expand_braces("plain{part}.tar") == ["plain{part}.tar"]


def test_index_files_that_are_none(tmp_path):
    path = tmp_path / "x.index"
    with pytest.raises(ImagesError, match="no whole index"):
        read_index(path, "")
    path.write_bytes(b"\xff" * 100)
    with pytest.raises(ImagesError, match="no whole index"):
        read_index(path, "")
    from safetensors.numpy import save_file

    save_file({"labels": np.zeros(3)}, path, {"shards": ""})
    with pytest.raises(ImagesError, match="not an index"):
        read_index(path, "")
    with pytest.raises(ImagesError, match="of other shards"):
        read_index(path, "others")
