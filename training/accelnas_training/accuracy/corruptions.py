"""Top-1 of corrupted images, after ImageNet-C (Hendrycks and Dietterich 2019)."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch.nn import functional
from torchvision.transforms.v2.functional import gaussian_blur

from accelnas_training.accuracy.batches import share_right, validation
from accelnas_training.errors import ImagesError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Generator, Tensor, nn

    from accelnas_training.images import Images
    from accelnas_training.schemes import Scheme

SEVERITY = 3
"""Of 1 to 5, unless told otherwise."""

_SIDE = 224  # pixels a side for which ImageNet-C's blur is


@dataclass(frozen=True)
class Corruption:
    """One way to corrupt images, and what it is told at severities 1 to 5: ImageNet-C's own numbers.

    `alter` takes pixels, float32 (n, channels, r, r) of 0 to 1, the number, and what draws at random.
    """

    alter: Callable[[Tensor, float, Generator], Tensor]
    strengths: tuple[float, float, float, float, float]


def _gaussian_noise(pixels: Tensor, sigma: float, generator: Generator) -> Tensor:
    return pixels + sigma * torch.randn(pixels.shape, generator=generator)


def _shot_noise(pixels: Tensor, photons: float, generator: Generator) -> Tensor:
    return torch.poisson(pixels * photons, generator) / photons


def _impulse_noise(pixels: Tensor, share: float, generator: Generator) -> Tensor:
    draws = torch.rand(pixels.shape, generator=generator)
    return torch.where(draws < share, (draws < share / 2).float(), pixels)


def _gaussian_blur(pixels: Tensor, sigma: float, _: Generator) -> Tensor:
    own = sigma * pixels.shape[-1] / _SIDE
    radius = min(max(1, round(4 * own)), pixels.shape[-1] - 1)
    blurred: Tensor = gaussian_blur(pixels, [2 * radius + 1] * 2, [own, own])
    return blurred


def _brightness(pixels: Tensor, more: float, _: Generator) -> Tensor:
    value = pixels.amax(1, keepdim=True)  # V of HSV; hue and saturation stay
    factor = (value + more).clamp(max=1) / value.clamp(min=1e-6)
    return torch.where(value > 0, pixels * factor, torch.full_like(pixels, more))


def _contrast(pixels: Tensor, factor: float, _: Generator) -> Tensor:
    means = pixels.mean((2, 3), keepdim=True)
    return (pixels - means) * factor + means


def _pixelate(pixels: Tensor, share: float, _: Generator) -> Tensor:
    size = pixels.shape[-1]
    small = functional.interpolate(pixels, max(1, int(size * share)), mode="area")
    return functional.interpolate(small, size, mode="nearest-exact")


def _jpeg(pixels: Tensor, quality: float, _: Generator) -> Tensor:
    made = []
    for image in _bytes(pixels).permute(0, 2, 3, 1).numpy():
        file = io.BytesIO()
        Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image).save(file, "JPEG", quality=int(quality))
        made.append(np.asarray(Image.open(file)).reshape(image.shape))
    return torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2).float() / 255


CORRUPTIONS = {
    "gaussian_noise": Corruption(_gaussian_noise, (0.08, 0.12, 0.18, 0.26, 0.38)),
    "shot_noise": Corruption(_shot_noise, (60, 25, 12, 5, 3)),
    "impulse_noise": Corruption(_impulse_noise, (0.03, 0.06, 0.09, 0.17, 0.27)),
    "gaussian_blur": Corruption(_gaussian_blur, (1, 2, 3, 4, 6)),
    "brightness": Corruption(_brightness, (0.1, 0.2, 0.3, 0.4, 0.5)),
    "contrast": Corruption(_contrast, (0.4, 0.3, 0.2, 0.1, 0.05)),
    "pixelate": Corruption(_pixelate, (0.6, 0.5, 0.4, 0.3, 0.25)),
    "jpeg_compression": Corruption(_jpeg, (25, 18, 15, 10, 7)),
}
"""Eight of ImageNet-C's 19, of all its kinds: noise, blur, weather, digital."""


def corrupted(pixels: Tensor, name: str, severity: int = SEVERITY, seed: int = 0) -> Tensor:
    """Corrupt images.

    Parameters
    ----------
    pixels
        Float32 (n, channels, r, r) of 0 to 1, on the CPU.
    name
        One of `CORRUPTIONS`.
    severity
        1 to 5.
    seed
        Of what is drawn at random.

    Returns
    -------
    Tensor
        As `pixels`, rounded to whole 255ths as images are.

    Raises
    ------
    ImagesError
        If there is no such corruption or severity.

    Examples
    --------
    >>> corrupted(torch.full((1, 1, 2, 2), 0.2), "brightness", 1).mul(255).unique()
    tensor([76.])
    """
    if name not in CORRUPTIONS:
        raise ImagesError(f"{name!r} is no corruption; choose one of {', '.join(CORRUPTIONS)}")
    if severity not in range(1, 6):
        raise ImagesError(f"severity is {severity}; choose 1 to 5")
    own = CORRUPTIONS[name]
    generator = torch.Generator().manual_seed(zlib.crc32(f"{name} {severity} {seed}".encode()))
    return _bytes(own.alter(pixels, own.strengths[severity - 1], generator)).float() / 255


def corrupted_accuracy(
    network: nn.Module, images: Images, scheme: Scheme, *, severity: int = SEVERITY
) -> dict[str, float]:
    """Validate a trained network on corrupted images.

    The validation images are resized and cut as the scheme says, then corrupted, as ImageNet-C's are. What is drawn
    depends on the corruption, the severity and the image's batch alone, so every network sees the same images. They
    are not ImageNet-C: eight of its corruptions computed anew, blur in proportion to the image's side.

    Parameters
    ----------
    network
        Takes float32 (b, channels, r, r), gives (b, classes), on any device; left as it was.
    images, scheme
        What it was trained on, and how.
    severity
        1 to 5.

    Returns
    -------
    dict of str to float
        Top-1 by corruption, %.

    Raises
    ------
    ImagesError
        If there is no such severity, or an image can't be read.

    Examples
    --------
    >>> from accelnas_training import load_scheme, open_images
    >>> scheme = load_scheme("p_star").changed(**{"resize.validation": 8})
    >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    >>> list(corrupted_accuracy(network, open_images("digits"), scheme))[:2]
    ['gaussian_noise', 'shot_noise']
    """
    like = next(network.parameters(), torch.empty(0))
    mean, std = (torch.tensor(values)[:, None, None] for values in (images.mean, images.std))

    def batches(name: str) -> Iterator[tuple[Tensor, Tensor]]:
        for number, (inputs, targets) in enumerate(validation(images, scheme)):
            pixels = (inputs * std + mean).clamp(0, 1)
            altered = (corrupted(pixels, name, severity, number) - mean) / std
            yield altered.to(like.device), targets.to(like.device)

    training = network.training
    network.eval()
    try:
        return {name: share_right(network, batches(name)) for name in CORRUPTIONS}
    finally:
        network.train(training)


def _bytes(pixels: Tensor) -> Tensor:
    return (pixels * 255).round().clamp(0, 255).to(torch.uint8)
