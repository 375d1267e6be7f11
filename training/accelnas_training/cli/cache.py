"""``accelnas-training cache``: images resized once, for fast loading."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from accelnas.cli.shared import console, progress
from accelnas_training.images import open_images
from accelnas_training.images.cache_writer import write_cache

EPILOG = """Examples:

  accelnas-training cache folder:/data/imagenet /data/imagenet-256 --size 256 --quality 90 --processes 16

  accelnas-training cache digits digits-cache
"""

app = typer.Typer()


@app.command(epilog=EPILOG)
def cache(
    source: Annotated[
        str,
        typer.Argument(
            help="Images: folder:PATH, webdataset:PATTERN, torchvision:NAME:PATH, digits.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write.", show_default=False)],
    size: Annotated[int, typer.Option("--size", min=1, help="Pixels to which the shorter side is shrunk.")] = 256,
    quality: Annotated[int, typer.Option("--quality", min=1, max=100, help="Quality of JPEG.")] = 90,
    processes: Annotated[int, typer.Option("--processes", "-p", min=1, help="Processes that resize and write.")] = 1,
) -> None:
    """Write images resized to tar shards, which are fast to load and which the webdataset library reads.

    After an interruption, the same command goes on with the missing shards. Give cache:FOLDER to other commands.
    """
    images = open_images(source)
    total = images.size("train") + images.size("validation")
    with progress("writing", total, "images") as report:
        manifest = write_cache(images, out, size=size, quality=quality, processes=processes, report=report)
    screen = console()
    for name, part in manifest.parts.items():
        megabytes = sum(shard.size for shard in part.shards) / 1e6
        screen.print(f"{name}: {part.images:,} images, {len(part.shards):,} shards, {megabytes:,.1f} MB")
    screen.print(f"cache:{out} has digest {manifest.digest}", soft_wrap=True)
