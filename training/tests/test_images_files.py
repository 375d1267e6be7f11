import copy

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data import create_transform
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

import image_files
from accelnas_training.errors import ImagesError
from accelnas_training.images import Augmentation, LoaderPlan, open_images

STRONG = Augmentation(policy="rand-m9-mstd0.5", erase=0.25, interpolation="random")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("folder")
    image_files.write_folder(path, per_class=6)
    return path


def plan(batch_size=4, augmentation=STRONG, **others):
    return LoaderPlan(batch_size, 16, augmentation, **{"seed": 0, "epoch": 0, **others})


def loaded(images, plan, part="train"):
    both = list(images.loader(part, plan))
    return torch.cat([batch for batch, _ in both]), torch.cat([labels for _, labels in both])


def test_batches_depend_on_seed_epoch_and_image_alone(folder):
    images = open_images(f"folder:{folder}")
    one, labels = loaded(images, plan())
    assert one.shape == (12, 3, 16, 16)
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    for workers in (1, 2):
        batch, own = loaded(images, plan(workers=workers))
        assert torch.equal(batch, one)
        assert torch.equal(own, labels)
    assert torch.equal(torch.random.get_rng_state(), before)
    second, _ = loaded(images, plan(epoch=1))
    assert torch.equal(loaded(images, plan(epoch=1, workers=2))[0], second)  # the workers that live on
    assert torch.equal(loaded(open_images(f"folder:{folder}"), plan(epoch=1))[0], second)  # a restart
    assert not torch.equal(second, one)
    assert not torch.equal(loaded(images, plan(seed=1))[0], one)
    halves = [loaded(images, plan(2, rank=rank, processes=2))[0].view(3, 2, 3, 16, 16) for rank in range(2)]
    assert torch.equal(torch.cat(halves, dim=1).view_as(one), one)


def test_iterations_that_end_early_or_run_together(folder):
    images = open_images(f"folder:{folder}")
    expected = loaded(images, plan())[0]
    loader = images.loader("train", plan(workers=1))
    for batch, _ in loader:
        assert torch.equal(batch, expected[:4])
        break
    assert torch.equal(loaded(images, plan(workers=1))[0], expected)
    both = [torch.cat((first, second)) for (first, _), (second, _) in zip(loader, loader, strict=True)]
    assert all(torch.equal(pair[:4], pair[4:]) for pair in both)
    assert len(loader) == 3


def test_validation_equals_timms(folder):
    images = open_images(f"folder:{folder}")
    for resolution, share in ((16, 0.875), (30, 1.0)):
        own = LoaderPlan(4, resolution, None, seed=0, epoch=0, crop_share=share)
        batch, labels = loaded(images, own, "validation")
        transform = create_transform(resolution, is_training=False, crop_pct=share, normalize=False)
        pixels = torch.stack([transform(images.image("validation", row)[0]) for row in range(6)])
        mean, std = (torch.tensor(c)[:, None, None] for c in (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD))
        assert torch.equal(((batch * std + mean) * 255).round().to(torch.uint8), pixels)
        normalised = create_transform(resolution, is_training=False, crop_pct=share)
        wanted = torch.stack([normalised(images.image("validation", row)[0]) for row in range(6)])
        torch.testing.assert_close(batch, wanted, atol=1e-6, rtol=1e-5)
        assert labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_folder_is_sorted_and_named(folder, tmp_path):
    images = open_images(f"folder:{folder}")
    assert (images.classes, images.channels, images.size("train"), images.size("validation")) == (2, 3, 12, 6)
    image, label = images.image("train", 7)
    assert label == 1
    with Image.open(folder / "train" / "bee" / "0007.png") as expected:
        assert image.tobytes() == expected.convert("RGB").tobytes()
    image_files.write_folder(tmp_path, per_class=6, validation="validation")
    other = open_images(f"folder:{tmp_path}")
    assert other.digest == images.digest
    (tmp_path / "train" / "ant" / "notes.txt").write_text("no image")
    (tmp_path / "train" / "ant" / "more").mkdir()
    assert open_images(f"folder:{tmp_path}").digest == images.digest
    (tmp_path / "train" / "ant" / "0000.jpg").rename(tmp_path / "train" / "ant" / "more" / "0000.JPEG")
    moved = open_images(f"folder:{tmp_path}")
    assert moved.digest != images.digest
    assert moved.size("train") == 12


def test_copied_images_load_the_same(folder):
    images = open_images(f"folder:{folder}")
    expected = loaded(images, plan(workers=1))[0]
    assert torch.equal(loaded(copy.deepcopy(images), plan())[0], expected)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_image_is_named(tmp_path, workers):
    image_files.write_folder(tmp_path, per_class=2)
    images = open_images(f"folder:{tmp_path}")
    whole = tmp_path / "val" / "ant" / "0004.jpg"
    content = whole.read_bytes()
    for damaged, reason in ((content[: len(content) // 2], "truncated"), (b"text", "no image"), (b"", "no image")):
        whole.write_bytes(damaged)
        with pytest.raises(ImagesError, match=rf"0004\.jpg can't be read: .*(?i:{reason}).*; replace or remove it"):
            loaded(images, plan(augmentation=None, workers=workers), "validation")
    whole.unlink()
    with pytest.raises(ImagesError, match=r"0004\.jpg can't be read: .*No such file"):
        images.image("validation", 0)


def test_images_of_other_modes(tmp_path):
    for part in ("train", "val"):
        (tmp_path / part / "a").mkdir(parents=True)
        for mode, extension in (("L", "png"), ("RGBA", "png"), ("P", "png"), ("CMYK", "jpg"), ("1", "png")):
            path = tmp_path / part / "a" / f"{mode}.{extension}"
            path.write_bytes(image_files.encoded(image_files.picture(1).convert(mode), extension))
    images = open_images(f"folder:{tmp_path}")
    assert loaded(images, plan(5))[0].shape == (5, 3, 16, 16)


def test_folder_errors(tmp_path):
    with pytest.raises(ImagesError, match=r"train does not exist; put images into"):
        open_images(f"folder:{tmp_path}")
    (tmp_path / "train" / "a").mkdir(parents=True)
    with pytest.raises(ImagesError, match=r"val does not exist"):
        open_images(f"folder:{tmp_path}")
    (tmp_path / "val" / "b").mkdir(parents=True)
    with pytest.raises(ImagesError, match=r"val/b is a class that .*train has not"):
        open_images(f"folder:{tmp_path}")
    (tmp_path / "val" / "b").rmdir()
    with pytest.raises(ImagesError, match="train holds no images"):
        open_images(f"folder:{tmp_path}")


def test_unknown_policy(folder):
    images = open_images(f"folder:{folder}")
    with pytest.raises(ImagesError, match="policy is 'nonsense', not one of timm's"):
        images.loader("train", plan(augmentation=Augmentation(policy="nonsense")))


def test_color_jitter_changes_colours(folder):
    images = open_images(f"folder:{folder}")
    flat = {"scale": (1, 1), "flip": 0}
    plain = loaded(images, plan(augmentation=Augmentation(**flat)))[0]
    jittered = loaded(images, plan(augmentation=Augmentation(**flat, color_jitter=0.4)))[0]
    assert (plain != jittered).flatten(1).any(1).all()
    assert np.corrcoef(plain.flatten(), jittered.flatten())[0, 1] > 0.7
