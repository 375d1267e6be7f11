"""CIFAR's binary files, written here as their documentation lays them out."""

from pathlib import Path

import numpy as np
import pytest

from accelnas_training import ImagesError, open_images


@pytest.mark.parametrize(("version", "labels"), [(10, 1), (100, 2)])
def test_records(tmp_path: Path, version, labels):
    rng = np.random.default_rng(0)
    names = (
        [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
        if version == 10
        else ["train.bin", "test.bin"]
    )
    written = {}
    for name in names:
        records = rng.integers(0, 256, (4, labels + 3072), dtype=np.uint8)
        records[:, 0] %= 10 if version == 10 else 20  # of CIFAR-100: the coarse label comes first
        records[:, labels - 1] = rng.permutation(version)[:4]
        records[0, labels - 1] = version - 1
        records.tofile(tmp_path / name)
        written[name] = records
    images = open_images(f"cifar:{tmp_path}")
    train = len(names) - 1
    assert (images.classes, images.channels) == (version, 3)
    assert (images.size("train"), images.size("validation")) == (4 * train, 4)
    last = written[names[train - 1]][3]
    pixels, label = images.image("train", 4 * train - 1)
    assert label == last[labels - 1]
    # red, green and blue planes follow each other
    assert (np.asarray(pixels) == np.moveaxis(last[labels:].reshape(3, 32, 32), 0, 2)).all()


def test_damage(tmp_path: Path):
    with pytest.raises(ImagesError, match=r"no data_batch_1\.bin or train\.bin"):
        open_images(f"cifar:{tmp_path}")
    (tmp_path / "train.bin").write_bytes(bytes(3074))
    with pytest.raises(ImagesError, match=r"test\.bin: No such file"):
        open_images(f"cifar:{tmp_path}")
    (tmp_path / "test.bin").write_bytes(bytes(3073))
    with pytest.raises(ImagesError, match="3073 bytes, no multiple of 3074"):
        open_images(f"cifar:{tmp_path}")
    (tmp_path / "test.bin").write_bytes(b"\0\xff" + bytes(3072))
    with pytest.raises(ImagesError, match="a label is 255 of 100 classes"):
        open_images(f"cifar:{tmp_path}")
    with pytest.raises(ImagesError, match="use cifar:PATH"):
        open_images("torchvision:CIFAR10:x")
