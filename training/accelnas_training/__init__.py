"""accelnas-training: make an architecture benchmark of one's own space, data and device. Needs PyTorch.

Examples
--------
>>> import accelnas, accelnas_training as at
>>> space = accelnas.mnasnet_space()
>>> network = at.build_network(space.decode(space.sample(1, seed=0))[0], num_classes=10)
>>> at.load_scheme("p_star").epochs
16
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from accelnas_training.errors import (
    ControllerError,
    ImagesError,
    NetworkError,
    ProxyError,
    SchemeError,
    StoreError,
    TrainingError,
    TrainingFailure,
)

if TYPE_CHECKING:
    from accelnas_training.accuracy import corrupted_accuracy, int8_accuracy
    from accelnas_training.collect.reader import StoreReader
    from accelnas_training.collect.store import Store
    from accelnas_training.images import Images, open_images
    from accelnas_training.lstm_reinforce.algorithm import LstmReinforce
    from accelnas_training.lstm_reinforce.parameters import LstmSettings
    from accelnas_training.networks import NetworkFamily, NetworkOptions, build_network, load_family
    from accelnas_training.schemes import Scheme, load_scheme
    from accelnas_training.tables import TableLayer
    from accelnas_training.train import TrainingResult, train_architecture

# where each public name is: importing PyTorch takes seconds, so a module is imported when it is first used
_HOMES = {
    "accuracy": ("corrupted_accuracy", "int8_accuracy"),
    "collect.reader": ("StoreReader",),
    "collect.store": ("Store",),
    "images": ("Images", "open_images"),
    "lstm_reinforce.algorithm": ("LstmReinforce",),
    "lstm_reinforce.parameters": ("LstmSettings",),
    "networks": ("NetworkFamily", "NetworkOptions", "build_network", "load_family"),
    "schemes": ("Scheme", "load_scheme"),
    "tables": ("TableLayer",),
    "train": ("TrainingResult", "train_architecture"),
}

__all__ = [
    "ControllerError",
    "Images",
    "ImagesError",
    "LstmReinforce",
    "LstmSettings",
    "NetworkError",
    "NetworkFamily",
    "NetworkOptions",
    "ProxyError",
    "Scheme",
    "SchemeError",
    "Store",
    "StoreError",
    "StoreReader",
    "TableLayer",
    "TrainingError",
    "TrainingFailure",
    "TrainingResult",
    "__version__",
    "build_network",
    "corrupted_accuracy",
    "int8_accuracy",
    "load_family",
    "load_scheme",
    "open_images",
    "train_architecture",
]

try:
    __version__ = version("accelnas-training")
except PackageNotFoundError:  # used from the source tree
    __version__ = "0+source"


def __getattr__(name: str) -> Any:
    """Import a public name's module when it is first used."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"accelnas_training.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
