"""The training loop beside a bare one: same network, batches and optimizer, epochs in turn.

On a processor, with synthetic images in memory; then the share of time that the loop waits for digits:

    python training/bench/loop.py --output training/bench/results/loop.md

On a GPU, images/s under p* (its precision and memory layout), with synthetic images; or with the loop's own loader of
a folder, beside a bare loop on timm's loader with the same settings:

    python training/bench/loop.py --device cuda --scheme p_star --batch 512
    python training/bench/loop.py --device cuda --scheme p_star --batch 512 --images /data/imagenet --workers 16
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from timm.data import create_dataset, create_loader
from torch import nn

import accelnas
from accelnas_training.images import LoaderPlan, open_images
from accelnas_training.networks import NetworkFamily
from accelnas_training.provenance import environment
from accelnas_training.schemes import Scheme, load_scheme
from accelnas_training.train import train
from accelnas_training.train.epoch import train_epoch
from accelnas_training.train.learner import Learner, make_optimizer
from accelnas_training.train.places import Place, check_device

if TYPE_CHECKING:
    from collections.abc import Callable

B0 = "e1_k3_l1_se1-e6_k3_l2_se1-e6_k5_l2_se1-e6_k3_l3_se1-e6_k5_l3_se1-e6_k5_l4_se1-e6_k3_l1_se1"
Epoch = tuple[float, float]  # seconds, and those of the processor


def bare(network: nn.Module, batches: Any, scheme: Scheme, place: Place) -> Callable[[], None]:
    """Give an epoch of PyTorch alone."""
    device, half = place.device, scheme.precision == "float16"
    network.to(device).train()
    if scheme.channels_last:
        network.to(memory_format=torch.channels_last)
    optimizer = make_optimizer(network, scheme)
    criterion = nn.CrossEntropyLoss(label_smoothing=scheme.label_smoothing)
    scaler = torch.amp.GradScaler(device.type, enabled=half)

    def epoch() -> None:
        for images, labels in batches:
            with torch.autocast(device.type, torch.float16, enabled=half):
                loss = criterion(network(images), labels)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
        place.wait()

    return epoch


def loop(network: nn.Module, batches: Any, scheme: Scheme, place: Place) -> Callable[[], None]:
    """Give an epoch of the training loop."""
    learner = Learner(network, scheme, place, len(batches))
    return lambda: void(train_epoch(learner, batches, 0))


def void(_result: object) -> None:
    """Take a result that only its time was wanted of."""


def timed(epoch: Callable[[], None]) -> Epoch:
    """Give an epoch's seconds."""
    began, processor = time.perf_counter(), time.process_time()
    epoch()
    return time.perf_counter() - began, time.process_time() - processor


def synthetic(scheme: Scheme, steps: int, place: Place) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Give the same few batches again and again, on the device before they are asked for."""
    layout = torch.channels_last if scheme.channels_last else torch.contiguous_format
    shape = (scheme.batch_size, 3, scheme.resolution(0), scheme.resolution(0))
    kept = [
        (torch.randn(shape).to(place.device, memory_format=layout), torch.randint(10, shape[:1]).to(place.device))
        for _ in range(4)
    ]
    return [kept[step % 4] for step in range(steps)]


def loaders(folder: str, scheme: Scheme, workers: int, place: Place) -> tuple[Any, Any]:
    """Give timm's loader with the scheme's settings, and our own."""
    asked, resolution = scheme.augmentation, scheme.resolution(0)
    timms = create_loader(
        create_dataset("", folder, split="train", is_training=True),
        input_size=(3, resolution, resolution),
        batch_size=scheme.batch_size,
        is_training=True,
        scale=asked.scale,
        ratio=asked.ratio,
        hflip=asked.flip,
        color_jitter=None,
        interpolation=asked.interpolation,
        num_workers=workers,
        device=place.device,
    )
    plan = LoaderPlan(
        scheme.batch_size, resolution, asked, 0, 0,
        workers=workers, device=str(place.device), channels_last=scheme.channels_last,
    )  # fmt: skip
    return timms, open_images(f"folder:{folder}").loader("train", plan)


def compare(scheme: Scheme, options: argparse.Namespace, place: Place) -> tuple[list[Epoch], list[Epoch], int]:
    """Time epochs of both in turn, each first every other time; give them, and an epoch's images."""
    family = NetworkFamily(accelnas.mnasnet_space())
    classes = 10 if options.images is None else open_images(f"folder:{options.images}").classes
    family = family.with_options(num_classes=classes, width=options.width)
    batches = synthetic(scheme, options.steps, place)
    pair = (batches, batches) if options.images is None else loaders(options.images, scheme, options.workers, place)
    epochs = []
    for make, own in zip((bare, loop), pair, strict=True):
        torch.manual_seed(0)
        epochs.append(make(family.build(family.space.parse(B0)[0]), own, scheme, place))
        epochs[-1]()  # warms up
    times: tuple[list[Epoch], list[Epoch]] = ([], [])
    for number in range(options.pairs):
        for which in (0, 1) if number % 2 else (1, 0):
            times[which].append(timed(epochs[which]))
    return *times, len(pair[1]) * scheme.batch_size


def waiting(scheme: Scheme, options: argparse.Namespace) -> float:
    """Give the share of a training's time on digits that it waits for images."""
    family = NetworkFamily(accelnas.mnasnet_space()).with_options(num_classes=10, in_channels=1, width=options.width)
    network = family.build(family.space.parse(B0)[0])
    result = train(network, open_images("digits"), scheme.changed(epochs=3), validate_every=3)
    return result.data_seconds / result.seconds


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--scheme", default="p_star")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--resolution", type=int, help="of the scheme, or 32 on a processor")
    parser.add_argument("--width", type=float, help="of EfficientNet-B0, here with ReLU: 1, or 0.25 on a processor")
    parser.add_argument("--steps", type=int, default=10, help="of an epoch of synthetic images")
    parser.add_argument("--pairs", type=int, default=21)
    parser.add_argument("--images", help="an image folder in place of synthetic images")
    parser.add_argument("--workers", type=int, default=8, help="of the loaders of a folder")
    parser.add_argument("--half", action="store_true", help="the scheme's precision and layout on a processor, too")
    parser.add_argument("--output", type=Path, help="Markdown file to write")
    options = parser.parse_args()
    place = Place(check_device(options.device))
    scheme = load_scheme(options.scheme).changed(batch_size=options.batch)
    if place.device.type == "cpu":
        torch.set_num_threads(1)
        pixels = options.resolution or 32
        sizes = dict.fromkeys(("resize.start", "resize.end", "resize.validation"), pixels)
        scheme = scheme.changed(**sizes, **{"optimizer.lr": 0.01})
        if not options.half:
            scheme = scheme.changed(precision="float32", channels_last=False)
    options.width = options.width or (0.25 if place.device.type == "cpu" else 1.0)
    torch.backends.cudnn.benchmark = True
    by_bare, by_loop, images = compare(scheme, options, place)
    lines = [f"# The training loop beside a bare one\n\n`python {shlex.join(sys.argv)}`\n"]
    machine = environment()
    versions = ", ".join(f"{name} {machine[name]}" for name in ("python", "torch", "timm"))
    lines.append(f"{machine.get('gpus', machine['cpu'])}; {versions}; load average {os.getloadavg()[0]:.1f}\n")
    lines.append(
        f"EfficientNet-B0 (ReLU, width {options.width:g}), batches of {scheme.batch_size} images of "
        f"{scheme.resolution(0)} pixels, {scheme.precision}, {options.pairs} pairs of epochs in turn, medians.\n"
    )
    lines += ["| | bare loop | this loop | ratio (quartiles) |", "|---|---|---|---|"]
    for what, index in (("elapsed", 0), ("processor", 1)):
        ours, theirs = ([epoch[index] for epoch in epochs] for epochs in (by_loop, by_bare))
        low, middle, high = statistics.quantiles([a / b for a, b in zip(ours, theirs, strict=True)], n=4)
        rates = [f"{images / statistics.median(each):.1f} images/s" for each in (theirs, ours)]
        lines.append(f"| {what} | {rates[0]} | {rates[1]} | {middle:.4f} ({low:.4f} – {high:.4f}) |")
    if options.images is None and place.device.type == "cpu" and not options.half:
        lines.append(f"\nOf a training on digits, {100 * waiting(scheme, options):.2f} % of the time waits for images.")
    text = "\n".join(lines) + "\n"
    print(text)
    if options.output is not None:
        options.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
