"""Small image files, which several tests read."""

import gc
import io
import tarfile
import warnings

import numpy as np
import pytest
from PIL import Image


def picture(number, size=(40, 30)):
    """Give a smooth picture that no other number has."""
    y, x = np.mgrid[: size[1], : size[0]]
    waves = [np.sin(x / (3 + number % 5 + c) + number) + np.cos(y / (4 + c) + number * c) for c in range(3)]
    return Image.fromarray((np.stack(waves, axis=2) * 60 + 128).astype(np.uint8))


def encoded(image, extension):
    file = io.BytesIO()
    image.save(file, {"jpg": "JPEG"}.get(extension, extension.upper()))
    return file.getvalue()


def write_folder(root, per_class=6, classes=("ant", "bee"), validation="val", size=(40, 30)):
    """Write train and validation folders with a few pictures a class."""
    number = 0
    for part, count in (("train", per_class), (validation, per_class // 2)):
        for name in classes:
            folder = root / part / name
            folder.mkdir(parents=True)
            for _ in range(count):
                extension = ("jpg", "png")[number % 2]
                (folder / f"{number:04d}.{extension}").write_bytes(encoded(picture(number, size), extension))
                number += 1


def write_shard(path, samples):
    """Write a tar file of (name, content)."""
    with tarfile.open(path, "w") as archive:
        for name, content in samples:
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))


def labelled(first, count, classes=3):
    """Give the files of some samples."""
    for number in range(first, first + count):
        yield f"n/{number:05d}.png", encoded(picture(number), "png")
        yield f"n/{number:05d}.cls", str(number % classes).encode()


def read_by_webdataset(paths):
    """Give the samples as the webdataset library reads them, if it is there; it leaves files open."""
    webdataset = pytest.importorskip("webdataset")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        samples = list(webdataset.WebDataset([str(path) for path in paths], shardshuffle=False).decode("pil"))
        gc.collect()
    return samples
