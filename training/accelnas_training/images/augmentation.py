"""How training images are altered."""

from __future__ import annotations

import math
from dataclasses import dataclass

from accelnas_training.errors import ImagesError

__all__ = ["INTERPOLATIONS", "Augmentation"]

INTERPOLATIONS = ("bilinear", "bicubic", "random")


@dataclass(frozen=True)
class Augmentation:
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

    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    policy: str = ""
    color_jitter: float = 0.0
    erase: float = 0.0
    interpolation: str = "bilinear"

    def __post_init__(self) -> None:
        if not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise ImagesError(f"augmentation.scale is {self.scale}; choose 0 < smallest <= largest <= 1")
        if not 0 < self.ratio[0] <= self.ratio[1] < math.inf:
            raise ImagesError(f"augmentation.ratio is {self.ratio}; choose 0 < smallest <= largest")
        for name in ("flip", "erase"):
            if not 0 <= getattr(self, name) <= 1:
                raise ImagesError(f"augmentation.{name} is {getattr(self, name)}; choose a probability from 0 to 1")
        if not 0 <= self.color_jitter <= 1:
            raise ImagesError(f"augmentation.color_jitter is {self.color_jitter}; choose a share from 0 to 1")
        if self.color_jitter and self.policy and "3a" not in self.policy:  # timm would leave the jitter out
            raise ImagesError(
                f"augmentation.policy is {self.policy!r} and color_jitter {self.color_jitter}; "
                "only policy '3a' changes colours beside it: choose one of the two"
            )
        if self.interpolation not in INTERPOLATIONS:
            known = ", ".join(INTERPOLATIONS)
            raise ImagesError(f"augmentation.interpolation is {self.interpolation!r}; choose one of {known}")
