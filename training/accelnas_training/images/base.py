"""Images, encoded in files or not, how they are altered, and what one process loads of them in one epoch."""

from __future__ import annotations

import io
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from PIL import Image, UnidentifiedImageError

from accelnas_training.checked import Checked, Range
from accelnas_training.errors import ImagesError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


INTERPOLATIONS = ("bilinear", "bicubic", "random")


@dataclass(frozen=True)
class Augmentation(Checked):
    """How training images are altered; a scheme's ``[augmentation]`` table.

    Attributes
    ----------
    scale : tuple of float
        Smallest and largest share of an image's area that a random crop covers.
    ratio : tuple of float
        Smallest and largest width / height of a crop, drawn evenly on a logarithmic scale.
    flip : float
        Probability of a mirror image.
    policy : str
        Automatic augmentation in timm's words, such as ``rand-m9-mstd0.5``; empty: none.
    color_jitter : float
        Largest relative change of brightness, contrast and saturation.
    erase : float
        Probability that a rectangle of 2 to 33 % of the area is filled with noise.
    interpolation : str
        How crops are resized: ``bilinear``, ``bicubic``, or ``random``, one of the two for each image.

    Raises
    ------
    ImagesError
        If a value is out of its range.

    Examples
    --------
    >>> from accelnas_training.images import Augmentation
    >>> Augmentation(flip=0, policy="rand-m9-mstd0.5").policy
    'rand-m9-mstd0.5'
    >>> Augmentation(scale=(0.5, 1.5))
    Traceback (most recent call last):
    accelnas_training.errors.ImagesError: augmentation.scale is (0.5, 1.5); choose 0 < smallest <= largest <= 1
    """

    error = ImagesError
    where = "augmentation"
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: Annotated[float, Range(least=0, most=1)] = 0.5
    policy: str = ""
    color_jitter: Annotated[float, Range(least=0, most=1)] = 0.0
    erase: Annotated[float, Range(least=0, most=1)] = 0.0
    interpolation: Annotated[str, Range(choices=INTERPOLATIONS)] = "bilinear"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise ImagesError(f"augmentation.scale is {self.scale}; choose 0 < smallest <= largest <= 1")
        if not 0 < self.ratio[0] <= self.ratio[1] < math.inf:
            raise ImagesError(f"augmentation.ratio is {self.ratio}; choose 0 < smallest <= largest")
        if self.color_jitter and self.policy and "3a" not in self.policy:  # timm would leave the jitter out
            raise ImagesError(
                f"augmentation.policy is {self.policy!r} and color_jitter {self.color_jitter}; "
                "only policy '3a' changes colours beside it: choose one of the two"
            )


Part = Literal["train", "validation"]


@dataclass(frozen=True)
class LoaderPlan(Checked):
    """What one process loads in one epoch.

    The order and the augmentation of every image depend on `seed`, `epoch` and the image's number alone: not on
    workers, processes, restarts, or what was loaded before.

    Attributes
    ----------
    batch_size : int
        Images a batch, of this process.
    resolution : int
        Width and height of the images that are given, pixels.
    augmentation : Augmentation or None
        How images are altered; they are shuffled, and the last batch is dropped if it is not full. None is for
        validation: images in their order, the shorter side resized to ``resolution / crop_share``, the centre cut
        out, the last batch as small as it is.
    seed, epoch : int
        Name the random streams; at least 0.
    rank, processes : int
        This process among those that train together. In training, the processes' batches of one step are together
        the batch of one process with a batch as large. In validation, each image goes to exactly one process, so
        that one process may have a batch more than another.
    workers : int
        Processes that read and decode; 0: this one. Sets in memory need none.
    device : str
        Where the batches are put: ``cpu``, ``cuda:1``, ``mps``.
    channels_last : bool
        Memory layout of the batches.
    crop_share : float
        Share of the shorter side that validation's centre crop covers. Sets in memory are not cropped.

    Raises
    ------
    ImagesError
        If a value is out of its range.

    Examples
    --------
    >>> from accelnas_training.images import Augmentation, LoaderPlan
    >>> LoaderPlan(batch_size=64, resolution=32, augmentation=Augmentation(), seed=0, epoch=3).processes
    1
    """

    error = ImagesError
    batch_size: Annotated[int, Range(least=1)]
    resolution: Annotated[int, Range(least=1)]
    augmentation: Augmentation | None
    seed: Annotated[int, Range(least=0)]
    epoch: Annotated[int, Range(least=0)]
    rank: int = 0
    processes: int = 1
    workers: Annotated[int, Range(least=0)] = 0
    device: str = "cpu"
    channels_last: bool = False
    crop_share: Annotated[float, Range(more_than=0, most=1)] = 0.875

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.rank < self.processes:
            raise ImagesError(f"rank is {self.rank} of {self.processes} processes; choose 0 to {self.processes - 1}")


class Batches(Protocol):
    """The batches of one epoch: float32 (b, channels, r, r), normalised, and int64 (b,), the classes."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]: ...


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
    def image(self, part: Part, index: int) -> tuple[Image.Image, int]:
        """Give one image as it is stored, and its class.

        Raises
        ------
        ImagesError
            If it can't be read; the message names it.
        """

    @abstractmethod
    def loader(self, part: Part, plan: LoaderPlan) -> Batches:
        """Give the batches of one epoch.

        Raises
        ------
        ImagesError
            If the part has less than one batch to train on, or the augmentation can't be done to these images.
            While loading: if an image can't be read; the message names it.
        """


EXTENSIONS = frozenset({"bmp", "jpeg", "jpg", "pgm", "png", "ppm", "tif", "tiff", "webp"})


class Samples(Protocol):
    """Encoded images of one part, which every process can read by number.

    Attributes
    ----------
    labels : NDArray
        int64 (n,), from 0.
    """

    labels: NDArray[np.int64]

    def read(self, index: int) -> bytes:
        """Give one encoded image."""

    def where(self, index: int) -> str:
        """Say where an image lies, for messages."""


def decoded(samples: Samples, index: int, channels: int) -> Image.Image:
    """Read and decode one image, to red, green and blue or to grey; raises ImagesError, which says where it lies."""
    try:
        with Image.open(io.BytesIO(samples.read(index))) as image:
            return image.convert("RGB" if channels == 3 else "L")
    except Exception as error:  # decoders raise whatever a damaged file leads them to
        reason = "no image" if isinstance(error, UnidentifiedImageError) else str(error)
        raise ImagesError(f"{samples.where(index)} can't be read: {reason}; replace or remove it") from error
