"""Images by path: sources, indexed tar shards, a cache, and loaders whose every epoch can be made again."""

from accelnas_training.images.augmentation import Augmentation
from accelnas_training.images.base import Images, Loader
from accelnas_training.images.plan import LoaderPlan, Part
from accelnas_training.images.sources import open_images

__all__ = ["Augmentation", "Images", "Loader", "LoaderPlan", "Part", "open_images"]
