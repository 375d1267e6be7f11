"""Write images resized to tar shards: once, in several processes, to go on with after an interruption."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import signal
import tarfile
import threading
import zlib
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import PIL
from PIL import Image

from accelnas.files import replacing
from accelnas_training.errors import ImagesError
from accelnas_training.images.cache import MANIFEST, CachedPart, Manifest, Shard, index_name
from accelnas_training.images.shards import ShardIndex, index_shard, write_index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from accelnas_training.images.base import Images, Part

    _Written = tuple[Shard, ShardIndex]  # a shard that is there


_UNFINISHED = "unfinished.json"
_SMALL = 64  # pixels of the shorter side, up to which PNG takes little


@dataclass(frozen=True)
class _Task:
    """One shard to write."""

    part: Part
    path: Path
    rows: range
    size: int
    quality: int


def write_cache(
    images: Images,
    folder: Path,
    *,
    size: int = 256,
    quality: int = 90,
    processes: int = 1,
    shard_images: int = 2000,
    report: Callable[[int], None] = lambda _done: None,
) -> Manifest:
    """Write images to a folder, those with a shorter side above `size` pixels shrunk to it.

    Shards are ordinary WebDataset tar files (``NUMBER.jpg`` and ``NUMBER.cls``), in the source's order. Grey images,
    and those with a shorter side of up to 64 pixels, are PNG, which loses nothing; others JPEG. Each shard appears
    whole; called again after an interruption, with the same arguments, it writes those that are missing, and the
    result has the same bytes. A finished cache is left as it is.

    Parameters
    ----------
    images
        What to write.
    folder
        Where to; made if needed.
    size
        Pixels of the shorter side.
    quality
        Of JPEG, 1 to 100.
    processes
        Processes that resize and write; 1: this one.
    shard_images
        Images a shard.
    report
        Told the number of images written so far.

    Raises
    ------
    ImagesError
        If the folder holds another cache, or one made otherwise; if an image can't be read; if a process dies.
    OSError
        If the disk is full.
    """
    for name, value, most in (
        ("size", size, 1 << 16),
        ("quality", quality, 100),
        ("shard_images", shard_images, 10**6),
    ):
        if not 1 <= value <= most:
            raise ImagesError(f"{name} is {value}; choose 1 to {most}")
    folder.mkdir(parents=True, exist_ok=True)
    plan = Manifest(
        source=images.name,
        source_digest=images.digest,
        shorter_side=size,
        quality=quality,
        shard_images=shard_images,
        encoder=f"Pillow {PIL.__version__}",
        classes=images.classes,
        channels=images.channels,
        mean=images.mean,
        std=images.std,
    )
    for path in (folder / MANIFEST, folder / _UNFINISHED):
        if path.exists():
            there = Manifest.read(path)
            _same(path, replace(there, parts={}), plan)
            if path.name == MANIFEST:
                return there
    plan.write(folder / _UNFINISHED)
    parts: tuple[Part, ...] = ("train", "validation")
    tasks = [task for part in parts for task in _tasks(images, part, folder, plan)]
    done = 0
    written: dict[Part, list[_Written]] = {part: [] for part in parts}
    with _mapped(images, tasks, processes) as results:
        for task, result in zip(tasks, results, strict=True):
            written[task.part].append(result)
            done += len(task.rows)
            report(done)
    manifest = replace(plan, parts={part: _finish(folder, part, shards) for part, shards in written.items()})
    manifest.write(folder / MANIFEST)
    (folder / _UNFINISHED).unlink()
    for left in folder.glob(".*.part"):  # by writers that were killed
        left.unlink(missing_ok=True)
    return manifest


def _same(path: Path, there: Manifest, plan: Manifest) -> None:
    for name in plan.__dataclass_fields__:
        if name != "source" and getattr(there, name) != getattr(plan, name):
            raise ImagesError(
                f"{path}: the cache there has {name} {getattr(there, name)!r}, not {getattr(plan, name)!r}; "
                "choose another folder, or delete it"
            )


def _tasks(images: Images, part: Part, folder: Path, plan: Manifest) -> Iterator[_Task]:
    count = images.size(part)
    for number, start in enumerate(range(0, count, plan.shard_images)):
        rows = range(start, min(start + plan.shard_images, count))
        yield _Task(part, folder / f"{part}-{number:06d}.tar", rows, plan.shorter_side, plan.quality)


def _finish(folder: Path, part: Part, written: list[_Written]) -> CachedPart:
    """Write a part's index."""
    index = ShardIndex.joined([own for _, own in written])
    path = folder / index_name(part)
    write_index(path, index, part)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return CachedPart(len(index.labels), sha256, tuple(shard for shard, _ in written))


def _write_shard(images: Images, task: _Task) -> _Written:
    """Write one shard, if it is not there, and describe it."""
    if not task.path.exists():
        with replacing(task.path) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as archive:
            for row in task.rows:
                image, label = images.image(task.part, row)
                extension, data = _encoded(image, task.size, task.quality)
                for name, content in ((f"{row:08d}.{extension}", data), (f"{row:08d}.cls", str(label).encode())):
                    header = tarfile.TarInfo(name)  # no time, no user: the same bytes whoever writes
                    header.size = len(content)
                    archive.addfile(header, io.BytesIO(content))
    index = index_shard(task.path)
    if len(index.labels) != len(task.rows):
        raise ImagesError(f"{task.path} has {len(index.labels)} images, not {len(task.rows)}; delete it and try again")
    content = task.path.read_bytes()
    places = zip(index.offsets.tolist(), index.sizes.tolist(), strict=True)
    checksums = np.array([zlib.crc32(content[offset : offset + size]) for offset, size in places], np.uint32)
    shard = Shard(task.path.name, len(task.rows), len(content), hashlib.sha256(content).hexdigest())
    return shard, replace(index, checksums=checksums)


def _encoded(image: Image.Image, size: int, quality: int) -> tuple[str, bytes]:
    shorter = min(image.size)
    if shorter > size:
        width, height = (max(1, round(side * size / shorter)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    if image.mode == "L" or min(image.size) <= _SMALL:
        image.save(file, "PNG")
        return "png", file.getvalue()
    image.save(file, "JPEG", quality=quality)
    return "jpg", file.getvalue()


@contextmanager
def _mapped(images: Images, tasks: list[_Task], processes: int) -> Iterator[Iterable[_Written]]:
    """Give the results in the order of the tasks, as they come."""
    if processes == 1:
        yield (_write_shard(images, task) for task in tasks)
        return
    context = multiprocessing.get_context("spawn")  # forked threads may hold locks
    pool = ProcessPoolExecutor(min(processes, len(tasks)), context, _start_worker, (images,))
    try:
        yield pool.map(_work, tasks)
    except BrokenProcessPool:
        raise ImagesError("a process that wrote the cache died; try again: finished shards are kept") from None
    finally:
        pool.shutdown(cancel_futures=True)


_worker_images: Images


def _start_worker(images: Images) -> None:
    global _worker_images
    _worker_images = images
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it at once, and quietly
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    """End this process when its parent is killed: nobody else would."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(task: _Task) -> _Written:
    return _write_shard(_worker_images, task)
