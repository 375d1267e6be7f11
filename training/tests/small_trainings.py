"""A small network, a scheme that uses everything, and a training that kills itself: what tests of training share."""

import os
import signal
import sys

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from accelnas_training.images.memory import MemoryImages
from accelnas_training.schemes import Scheme
from accelnas_training.train import checkpoint, train


def small_images(train=160, validation=96):
    """Give the first of scikit-learn's digits."""
    pixels, labels = load_digits(return_X_y=True)
    pixels, ends = (pixels * 15).astype(np.uint8).reshape(-1, 1, 8, 8), train + validation
    return MemoryImages("small", (pixels[:train], labels[:train]), (pixels[train:ends], labels[train:ends]))


SCHEME = Scheme.from_dict(
    {
        "name": "small",
        "epochs": 4,
        "batch_size": 32,
        "accumulation": 2,
        "ema": 0.9,
        "dropout": 0.1,
        "clip": 1.0,
        "label_smoothing": 0.1,
        "channels_last": True,
        "resize": {"start": 8, "end": 12, "start_epoch": 1, "end_epoch": 3, "validation": 12, "multiple": 2},
        "optimizer": {"name": "momentum", "lr": 0.2, "weight_decay": 1e-4},
        "schedule": {"kind": "cosine", "warmup_epochs": 0.5},
        "augmentation": {"scale": [0.5, 1.0], "flip": 0.0},
    }
)

_FAMILY = """
builder = "networks.py:build"

[space]
name = "tiny"
[[space.blocks]]
name = "b"
variables = [
  { name = "width", symbol = "w", choices = [2, 4, 6, 8] },
  { name = "batch_norm", symbol = "n", choices = [true, false] },
  { name = "kernel", symbol = "k", choices = ["one", "three"] },
]
"""
_NETWORKS = """
from torch import nn

def build(architecture, options):
    width = architecture["width"]
    size = {"one": 1, "three": 3}[architecture["kernel"]]
    normalise = nn.BatchNorm2d(width) if architecture["batch_norm"] else nn.Identity()
    return nn.Sequential(
        nn.Conv2d(options.in_channels, width, size, 2), normalise, nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Linear(4 * width, options.num_classes),
    )
"""
_QUICK = """
name = "quick"
epochs = 1
batch_size = 64
[resize]
start = 8
end = 8
validation = 8
[optimizer]
name = "momentum"
lr = 0.1
[schedule]
kind = "cosine"
[augmentation]
scale = [0.8, 1.0]
flip = 0.0
"""


def write_lab(folder):
    """Write a family of networks that train in a tenth of a second, ``family.toml``, and ``quick.toml``, a scheme."""
    for name, text in {"family.toml": _FAMILY, "networks.py": _NETWORKS, "quick.toml": _QUICK}.items():
        (folder / name).write_text(text)


class SmallNetwork(nn.Module):
    """Two convolutions with dropout, as timm's networks have it."""

    def __init__(self, normalise=True, seed=0):
        super().__init__()
        self.drop_rate = 0.0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.first, self.second = nn.Conv2d(1, 8, 3, 2, 1), nn.Conv2d(8, 16, 3, 2, 1)
            self.normalise = nn.BatchNorm2d(8) if normalise else nn.Identity()
            self.classifier = nn.Linear(16, 10)

    def forward(self, x):
        x = torch.relu(self.normalise(self.first(x)))
        x = torch.relu(self.second(x)).mean((2, 3))
        return self.classifier(nn.functional.dropout(x, self.drop_rate, self.training))


class Interrupting:
    """Images whose loader raises at a step of an epoch."""

    def __init__(self, images, epoch, step, error=KeyboardInterrupt):
        self._images, self._when, self._error = images, (epoch, step), error

    def __getattr__(self, name):
        return getattr(self._images, name)

    def loader(self, part, plan):
        batches = list(self._images.loader(part, plan))
        epoch, step = self._when
        return _Raising(batches, self._error, step if plan.epoch == epoch and part == "train" else -1)


class _Raising:
    def __init__(self, batches, error, step):
        self._batches, self._error, self._step = batches, error, step

    def __len__(self):
        return len(self._batches)

    def __iter__(self):
        for number, batch in enumerate(self._batches):
            if number == self._step:
                raise self._error
            yield batch


def comparable(result):
    """Give what must not depend on time."""
    return result.top1, result.top5, result.loss, result.train_loss, result.train_top1, result.epochs


def _train_until_killed(folder):
    """Train in `folder`; die while the second epoch's checkpoint is half written."""
    save, calls = checkpoint.save_file, []

    def half(tensors, path, metadata):
        save(tensors, path, metadata)
        calls.append(path)
        if len(calls) == 2:
            os.truncate(path, path.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    checkpoint.save_file = half
    train(SmallNetwork(), small_images(), SCHEME, seed=3, folder=folder)


if __name__ == "__main__":
    torch.set_num_threads(1)
    _train_until_killed(sys.argv[1])
