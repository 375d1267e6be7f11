"""What one process loads in one epoch, and in which order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from accelnas_training.errors import ImagesError

if TYPE_CHECKING:
    from accelnas_training.images.augmentation import Augmentation

__all__ = ["LoaderPlan", "Part"]

Part = Literal["train", "validation"]


@dataclass(frozen=True)
class LoaderPlan:
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

    batch_size: int
    resolution: int
    augmentation: Augmentation | None
    seed: int
    epoch: int
    rank: int = 0
    processes: int = 1
    workers: int = 0
    device: str = "cpu"
    channels_last: bool = False
    crop_share: float = 0.875

    def __post_init__(self) -> None:
        for name, least in (("batch_size", 1), ("resolution", 1), ("seed", 0), ("epoch", 0), ("workers", 0)):
            if getattr(self, name) < least:
                raise ImagesError(f"{name} is {getattr(self, name)}; choose at least {least}")
        if not 0 <= self.rank < self.processes:
            raise ImagesError(f"rank is {self.rank} of {self.processes} processes; choose 0 to {self.processes - 1}")
        if not 0 < self.crop_share <= 1:
            raise ImagesError(f"crop_share is {self.crop_share}; choose a share above 0 and up to 1")
