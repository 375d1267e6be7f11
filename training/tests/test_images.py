import math
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from timm.data.random_erasing import RandomErasing
from timm.data.transforms import RandomResizedCropAndInterpolation

from accelnas_training.errors import ImagesError
from accelnas_training.images import Augmentation, LoaderPlan, open_images
from accelnas_training.images.memory import MemoryImages
from accelnas_training.images.streams import AUGMENTATION, batches, bits, seeded, uniforms
from accelnas_training.images.tensors import CROP_DRAWS, ERASE_DRAWS, random_crops, random_erasures, resized


@pytest.fixture(scope="module")
def digits():
    return open_images("digits")


PLAIN = Augmentation()


def plan(batch_size=64, resolution=16, augmentation=PLAIN, **others):
    return LoaderPlan(batch_size, resolution, augmentation, **{"seed": 0, "epoch": 0, **others})


def loaded(images, part, plan):
    both = list(images.loader(part, plan))
    return torch.cat([batch for batch, _ in both]), torch.cat([labels for _, labels in both])


@given(st.integers(8, 200), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2**40), st.integers(0, 500))
@settings(max_examples=30)
def test_processes_share_the_batches_of_one(size, batch, processes, seed, epoch):
    if size < batch * processes:
        return
    alone = batches(plan(batch * processes, seed=seed, epoch=epoch), size)
    shares = [batches(plan(batch, seed=seed, epoch=epoch, rank=r, processes=processes), size) for r in range(processes)]
    for together, *own in zip(alone, *shares, strict=True):
        assert together.tolist() == np.concatenate(own).tolist()
    assert len(set(np.concatenate(alone).tolist())) == len(alone) * batch * processes
    assert len(alone) == size // (batch * processes)


@given(st.integers(1, 100), st.integers(1, 7), st.integers(1, 4))
@settings(max_examples=30)
def test_validation_has_every_image_once(size, batch, processes):
    shares = [batches(plan(batch, augmentation=None, rank=r, processes=processes), size) for r in range(processes)]
    assert sorted(np.concatenate([rows for share in shares for rows in share]).tolist()) == list(range(size))


def test_orders_differ_between_seeds_and_epochs():
    orders = [batches(plan(10, seed=seed, epoch=epoch), 100) for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(np.concatenate(order).tolist()) for order in orders}) == 4
    first = np.stack([np.concatenate(batches(plan(10, epoch=epoch), 100)) for epoch in range(400)])
    assert abs(first.mean(axis=0) - 49.5).max() < 6  # every image comes at every place: 4 standard errors


def test_too_few_images():
    with pytest.raises(ImagesError, match="7 images to train on are less than one batch of 8"):
        batches(plan(4, processes=2), 7)


def test_uniforms_are_even_and_apart():
    draws = uniforms(AUGMENTATION, 3, 5, np.arange(20000), 4)
    assert draws.min() >= 0
    assert draws.max() < 1
    assert abs(draws.mean(axis=0) - 0.5).max() < 0.01
    assert abs(np.corrcoef(draws.T) - np.eye(4)).max() < 0.03
    assert len(np.unique(bits(AUGMENTATION, 3, 5, np.arange(20000), 4))) == 80000


def test_seeded_restores_the_callers_generators():
    def draw():
        return random.random(), np.random.rand(), torch.rand(1)  # noqa: NPY002, S311

    def restart():
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
        torch.manual_seed(1)

    restart()
    expected = draw()
    restart()
    drawn = []
    for _ in range(2):
        with seeded(np.array([5, 6, 7], np.uint64)):
            drawn.append(draw())
    assert drawn[0] == drawn[1]
    assert draw() == expected


@pytest.mark.parametrize(("height", "width"), [(40, 60), (100, 20)])
def test_crops_are_distributed_as_timms(height, width):
    count = 4000
    image = Image.new("L", (width, height))
    random.seed(0)
    theirs = np.array(
        [RandomResizedCropAndInterpolation.get_params(image, (0.08, 1), (0.75, 4 / 3)) for _ in range(count)]
    )
    draws = uniforms(AUGMENTATION, 0, 0, np.arange(count), CROP_DRAWS)
    ours = random_crops(draws, height, width, (0.08, 1), (0.75, 4 / 3))
    for boxes in (ours, theirs):
        assert (boxes[:, :2] >= 0).all()
        assert ((boxes[:, :2] + boxes[:, 2:]) <= (height, width)).all()
    for statistic in (
        lambda box: box[:, 2] * box[:, 3] / (height * width),
        lambda box: np.log(box[:, 3] / box[:, 2]),
        lambda box: box[:, 0],
        lambda box: box[:, 1],
    ):
        mine, other = statistic(ours), statistic(theirs)
        error = math.sqrt((mine.var() + other.var()) / count) + 1e-9
        assert abs(mine.mean() - other.mean()) < 4 * error
        assert mine.std() == pytest.approx(other.std(), rel=0.08)


def test_erasures_are_distributed_as_timms():
    count, resolution = 3000, 32
    random.seed(0)
    eraser = RandomErasing(probability=1, mode="const", device="cpu")
    theirs = (eraser(torch.ones(count, 1, resolution, resolution)) == 0).float().mean((1, 2, 3)).numpy()
    boxes = random_erasures(uniforms(AUGMENTATION, 0, 0, np.arange(count), ERASE_DRAWS), resolution)
    ours = boxes[:, 2] * boxes[:, 3] / resolution**2
    assert abs(ours.mean() - theirs.mean()) < 4 * math.sqrt((ours.var() + theirs.var()) / count)
    assert (boxes[:, :2] + boxes[:, 2:] <= resolution).all()


@pytest.mark.parametrize("cubic", [False, True])
@pytest.mark.parametrize(("box", "resolution"), [((0, 0, 32, 48), 64), ((3, 5, 20, 31), 8), ((30, 1, 1, 2), 5)])
def test_resizing_equals_pillows(cubic, box, resolution):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (3, 32, 48), dtype=np.uint8)
    top, left, height, width = box
    image = Image.fromarray(np.moveaxis(pixels, 0, 2)).crop((left, top, left + width, top + height))
    how = Image.Resampling.BICUBIC if cubic else Image.Resampling.BILINEAR
    expected = np.moveaxis(np.asarray(image.resize((resolution, resolution), how), np.float32), 2, 0)
    for mirrored in (False, True):
        flags = torch.tensor([mirrored]), torch.tensor([cubic])
        ours = resized(torch.from_numpy(pixels)[None], torch.tensor([box]), *flags, resolution)[0].numpy()
        wanted = expected[:, :, ::-1] if mirrored else expected
        assert abs(ours - wanted).max() < 1.1  # Pillow rounds twice


def test_memory_batches_depend_on_seed_epoch_and_image_alone(digits):
    one, labels = loaded(digits, "train", plan())
    again, _ = loaded(open_images("digits"), "train", plan())
    assert torch.equal(one, again)
    assert not torch.equal(one, loaded(digits, "train", plan(epoch=1))[0])
    assert not torch.equal(one, loaded(digits, "train", plan(seed=1))[0])
    halves = [loaded(digits, "train", plan(32, rank=rank, processes=2)) for rank in range(2)]
    together = torch.cat([half[0].view(-1, 32, 1, 16, 16) for half in halves], dim=1).view_as(one)
    assert torch.equal(together, one)
    assert one.shape == (22 * 64, 1, 16, 16)
    assert one.dtype == torch.float32
    assert labels.dtype == torch.int64


def test_memory_validation_is_the_whole_image_normalised(digits):
    batch, labels = loaded(digits, "validation", plan(100, 8, None))
    pixels = batch * digits.std[0] + digits.mean[0]
    for row in (0, 77, 300):
        image, label = digits.image("validation", row)
        assert label == labels[row]
        np.testing.assert_allclose(pixels[row, 0], np.asarray(image) / 255, atol=1e-6)
    train = np.stack([np.asarray(digits.image("train", row)[0]) for row in range(digits.size("train"))]) / 255
    assert digits.mean[0] == pytest.approx(train.mean())
    assert digits.std[0] == pytest.approx(train.std())


def test_digits_parts(digits):
    small = open_images("digits:0.4")
    assert small.digest != digits.digest
    assert digits.digest == open_images("digits:0.8").digest
    assert digits.size("train") + digits.size("validation") == 1797
    pixels = [{np.asarray(s.image("train", i)[0]).tobytes() for i in range(s.size("train"))} for s in (small, digits)]
    assert pixels[0] <= pixels[1]
    labels = loaded(small, "train", plan(1, 4))[1]
    counts = np.bincount(labels.numpy(), minlength=10)
    assert counts.max() - counts.min() <= 5
    for wrong in ("digits:1", "digits:0", "digits:half", "digits:0.0001"):
        with pytest.raises(ImagesError, match=wrong):
            open_images(wrong)


def test_erasing_fills_some_images_with_noise(digits):
    flat = Augmentation(scale=(1, 1), ratio=(1, 1), flip=0)
    whole, _ = loaded(digits, "train", plan(augmentation=flat))
    erased, _ = loaded(digits, "train", plan(augmentation=Augmentation((1, 1), (1, 1), 0, erase=0.25)))
    changed = (whole != erased).flatten(1).any(1)
    assert abs(changed.float().mean() - 0.25) < 0.04
    noise = erased[whole != erased]
    assert abs(noise.mean()) < 0.05
    assert abs(noise.std() - 1) < 0.05


def test_random_interpolation_takes_both(digits):
    def pixels(how):
        return loaded(digits, "train", plan(augmentation=Augmentation(interpolation=how)))[0].flatten(1)

    bilinear, bicubic, mixed = (pixels(how) for how in ("bilinear", "bicubic", "random"))
    linear = (mixed == bilinear).all(1)
    assert ((mixed == bicubic).all(1) | linear).all()
    assert abs(linear.float().mean() - 0.5) < 0.06


def test_channels_last():
    pixels = np.zeros((4, 3, 5, 5), np.uint8)
    pixels[0] = 9
    images = MemoryImages("toy", (pixels, np.arange(4)), (pixels, np.arange(4)))
    batch, _ = next(iter(images.loader("train", plan(4, 8, channels_last=True))))
    assert batch.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("augmentation", [Augmentation(policy="rand-m9"), Augmentation(color_jitter=0.3)])
def test_memory_has_no_policies(digits, augmentation):
    with pytest.raises(ImagesError, match="digits in memory can't have"):
        digits.loader("train", plan(augmentation=augmentation))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"scale": (0.5, 1.5)}, "scale is"),
        ({"ratio": (2, 1)}, "ratio is"),
        ({"flip": 2}, "flip is 2"),
        ({"erase": -1}, "erase is -1"),
        ({"color_jitter": 3}, "color_jitter is 3"),
        ({"interpolation": "box"}, "'box'; expected one of bilinear"),
        ({"policy": "rand-m9", "color_jitter": 0.4}, "choose one of the two"),
    ],
)
def test_augmentation_errors(changed, message):
    with pytest.raises(ImagesError, match=message):
        Augmentation(**changed)


@pytest.mark.parametrize(
    "changed", [{"batch_size": 0}, {"resolution": 0}, {"seed": -1}, {"rank": 2, "processes": 2}, {"crop_share": 0}]
)
def test_plan_errors(changed):
    with pytest.raises(ImagesError, match=next(iter(changed))):
        LoaderPlan(**{"batch_size": 1, "resolution": 8, "augmentation": None, "seed": 0, "epoch": 0, **changed})


@pytest.mark.parametrize("source", ["", "digit", "folder:", "webdataset", "torchvision:", "cache:", "/data"])
def test_unknown_source(source):
    with pytest.raises(ImagesError, match="no source of images; use one of digits, folder:PATH"):
        open_images(source)


def test_torchvision_sets(tmp_path):
    with pytest.raises(ImagesError, match="choose one of FashionMNIST"):
        open_images("torchvision:CIFAR:x")
    with pytest.raises(ImagesError, match="name the folder"):
        open_images("torchvision:KMNIST")
    with pytest.raises(ImagesError, match=r"does not exist; to download it: .*KMNIST\(.*download=True"):
        open_images(f"torchvision:KMNIST:{tmp_path}/none")
    with pytest.raises(ImagesError, match=r"dataset not found.*; to download it"):
        open_images(f"torchvision:FashionMNIST:{tmp_path}")


def test_torchvision_fashion_mnist(tmp_path):
    folder = tmp_path / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, count in (("train", 12), ("t10k", 5)):
        pixels = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = np.arange(count, dtype=np.uint8) % 3
        header = bytes((0, 0, 8, 3)) + np.array((count, 28, 28), ">i4").tobytes()
        (folder / f"{part}-images-idx3-ubyte").write_bytes(header + pixels.tobytes())
        header = bytes((0, 0, 8, 1)) + np.array((count,), ">i4").tobytes()
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(header + labels.tobytes())
    images = open_images(f"torchvision:FashionMNIST:{tmp_path}")
    assert (images.classes, images.channels, images.size("train"), images.size("validation")) == (3, 1, 12, 5)
    assert (np.asarray(images.image("validation", 4)[0]) == pixels[4]).all()


def test_pixels_are_moved_to_a_device_once():
    pixels = np.zeros((4, 1, 5, 5), np.uint8)
    images = MemoryImages("toy", (pixels, np.arange(4)), (pixels, np.arange(4)))
    first = images.loader("train", plan(4, 8, device="meta"))._labels
    assert first.device.type == "meta"
    assert images.loader("train", plan(4, 8, device="meta"))._labels is first
