"""Images by path: sources, indexed tar shards, a cache, and loaders whose every epoch can be made again."""

from accelnas_training.images.base import Augmentation, Images, LoaderPlan, Part
from accelnas_training.images.sources import open_images

__all__ = ["Augmentation", "Images", "LoaderPlan", "Part", "open_images"]
