"""Corrupted images: against formulas computed otherwise, and as `collect` keeps them."""

import io

import numpy as np
import pytest
import torch
from matplotlib.colors import hsv_to_rgb, rgb_to_hsv
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import nn

from accelnas_training import corrupted_accuracy
from accelnas_training.accuracy.batches import share_right, validation
from accelnas_training.accuracy.corruptions import CORRUPTIONS, corrupted
from accelnas_training.collect.job import Job, Task
from accelnas_training.collect.training_work import training_work
from accelnas_training.errors import ImagesError
from accelnas_training.images import open_images
from accelnas_training.networks import load_family
from accelnas_training.schemes import load_scheme
from accelnas_training.train.run import trained_network
from image_files import write_folder
from small_trainings import write_lab


@pytest.fixture(scope="module")
def pixels():
    generator = np.random.default_rng(0)
    smooth = gaussian_filter(generator.random((6, 3, 32, 32)), (0, 0, 3, 3))
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    return torch.from_numpy(np.rint(smooth * 255) / 255).float()


def brighter(image, more):
    hsv = rgb_to_hsv(image / 255)
    hsv[..., 2] = np.clip(hsv[..., 2] + more, 0, 1)
    return hsv_to_rgb(hsv) * 255


def compressed(image, quality):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def boxes(image, share):
    small = Image.fromarray(image).resize((int(32 * share),) * 2, Image.BOX)
    return np.asarray(small.resize((32, 32), Image.BOX))


def test_what_is_not_drawn_is_as_other_libraries_have_it(pixels):
    found = {name: corrupted(pixels, name, 5).mul(255).round().permute(0, 2, 3, 1).numpy() for name in CORRUPTIONS}
    images = pixels.mul(255).round().byte().permute(0, 2, 3, 1).numpy()
    for place, image in enumerate(images):
        assert np.abs(found["jpeg_compression"][place] - compressed(image, 7)).max() == 0
        assert np.abs(found["pixelate"][place] - boxes(image, 0.25)).max() <= 1
        assert np.abs(found["brightness"][place] - brighter(image, 0.5)).max() <= 0.51
        blurred = gaussian_filter(image.astype(float), (6 * 32 / 224,) * 2 + (0,), mode="mirror")
        assert np.abs(found["gaussian_blur"][place] - blurred).max() <= 1.01
        middle = image.mean((0, 1))
        assert np.abs(found["contrast"][place] - ((image - middle) * 0.05 + middle)).max() <= 0.51


def test_noise_is_of_its_strength_and_of_its_seed():
    grey = torch.full((40, 1, 32, 32), 0.5)
    noise = corrupted(grey, "gaussian_noise", 2) - 0.5
    assert float(noise.std()) == pytest.approx(0.12, rel=0.02)
    shot = corrupted(grey, "shot_noise", 1) - 0.5
    assert float(shot.std()) == pytest.approx((0.5 / 60) ** 0.5, rel=0.02)
    impulse = corrupted(grey, "impulse_noise", 5)
    for value in (0.0, 1.0):
        assert float((impulse == value).float().mean()) == pytest.approx(0.135, rel=0.05)
    again, other = corrupted(grey, "gaussian_noise", 2), corrupted(grey, "gaussian_noise", 2, seed=1)
    assert float((again - noise - 0.5).abs().max()) < 1e-6
    assert not bool((other == again).all())


def test_more_severe_is_further_away(pixels):
    for name in CORRUPTIONS:
        away = [float((corrupted(pixels, name, severity) - pixels).square().mean()) for severity in (1, 3, 5)]
        assert away == sorted(away), name
        assert away[-1] > 1e-5
    with pytest.raises(ImagesError, match="severity is 6; choose 1 to 5"):
        corrupted(pixels, "contrast", 6)
    with pytest.raises(ImagesError, match="'fog' is no corruption; choose one of gaussian_noise, "):
        corrupted(pixels, "fog")


def test_collected_as_the_mean_over_corruptions(tmp_path):
    write_lab(tmp_path)
    family, images = load_family(tmp_path / "family.toml"), open_images("digits:0.7")
    scheme = load_scheme(tmp_path / "quick.toml").changed(epochs=2)
    job = Job((3, 0, 1), scheme.digest, 1)
    work = training_work(family, images, tmp_path / "work", resolution=8, also=["corrupted"]).make()
    found = work(Task(job, scheme.to_dict(), 1)).values
    network, _ = trained_network(family, np.array(job.architecture, np.uint8), images, scheme, seed=1)
    each = corrupted_accuracy(network, images, scheme)
    assert list(each) == list(CORRUPTIONS)
    assert found["accuracy_corrupted"] == pytest.approx(np.mean(list(each.values())))
    assert 10 < found["accuracy_corrupted"] < found["accuracy"]
    mean, std = images.mean[0], images.std[0]
    network.eval()
    altered = [
        ((corrupted((inputs * std + mean).clamp(0, 1), "contrast", 4, number) - mean) / std, targets)
        for number, (inputs, targets) in enumerate(validation(images, scheme))
    ]
    assert corrupted_accuracy(network, images, scheme, severity=4)["contrast"] == share_right(network, altered)


def test_files_in_colour_are_corrupted_too(tmp_path):
    write_folder(tmp_path)
    images = open_images(f"folder:{tmp_path}")
    scheme = load_scheme("p_star").changed(batch_size=4, **{"resize.validation": 16})
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 2))
    assert set(corrupted_accuracy(network, images, scheme, severity=1)) == set(CORRUPTIONS)
    assert network.training
