"""What every set of images gives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image
    from torch import Tensor

    from accelnas_training.images.plan import LoaderPlan, Part

__all__ = ["Images", "Loader"]


class Loader(Protocol):
    """The batches of one epoch."""

    def __len__(self) -> int:
        """Give the number of batches."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Give each batch: float32 (b, channels, r, r), normalised, and int64 (b,), the classes."""


class Images(ABC):
    """Labelled images in two parts, ``train`` and ``validation``.

    Attributes
    ----------
    name : str
        The source, as `open_images` was given it.
    classes : int
        Number of classes; labels are 0 to classes - 1.
    channels : int
        1 (grey) or 3 (red, green, blue).
    digest : str
        Names the content, for provenance: a SHA-256, 64 hex digits; the source's class says of what.
    mean, std : tuple of float
        Mean and standard deviation of each channel by which images are normalised, in 0 to 1.
    """

    name: str
    classes: int
    channels: int
    digest: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @abstractmethod
    def size(self, part: Part) -> int:
        """Give the number of images of a part."""

    @abstractmethod
    def image(self, part: Part, index: int) -> tuple[Image, int]:
        """Give one image as it is stored, and its class.

        Raises
        ------
        ImagesError
            If it can't be read; the message names it.
        """

    @abstractmethod
    def loader(self, part: Part, plan: LoaderPlan) -> Loader:
        """Give the batches of one epoch.

        Raises
        ------
        ImagesError
            If the part has less than one batch to train on, or the augmentation can't be done to these images.
            While loading: if an image can't be read; the message names it.
        """
