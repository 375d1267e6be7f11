"""A lookup table made by measuring every block of a network in each of its states."""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from accelnas.errors import DataError
from accelnas.files import read_text, write_text
from accelnas_training.checked import Checked
from accelnas_training.errors import NetworkError
from accelnas_training.measure import measuring
from accelnas_training.measure.collection import reference_architecture
from accelnas_training.measure.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelnas_training.arrays import Archs, Floats
    from accelnas_training.measure import Measurement, Protocol
    from accelnas_training.networks.family import NetworkFamily


@dataclass(frozen=True)
class Profile(Checked):
    """Measured parts of networks, milliseconds of a pass of one batch."""

    error = DataError
    protocol: str  # digest of how they were measured
    batch: int  # images in a pass
    fixed: float  # stem and head
    blocks: tuple[tuple[float, ...], ...]  # of each block, every state
    seconds: float  # time of measuring

    @property
    def measurements(self) -> int:
        """Number of modules measured: stem, head, and all states of all blocks."""
        return 2 + sum(len(block) for block in self.blocks)

    def times(self, states: Archs, link: str) -> Floats:
        """Add parts up, float64 (n,), of block states (n, blocks).

        Link ``"identity"``: milliseconds of a pass, as a latency. ``"reciprocal"``: seconds an image, one divided by a
        throughput.
        """
        passes = self.fixed + np.sum([np.array(own)[states[:, b]] for b, own in enumerate(self.blocks)], axis=0)
        return np.asarray(passes if link == "identity" else passes / (1000 * self.batch))

    def write(self, path: Path) -> None:
        """Write as JSON."""
        write_text(path, json.dumps(self.to_dict()) + "\n")


def read_profile(path: str | Path) -> Profile:
    """Read what `Profile.write` wrote; raises DataError if it is something else."""
    try:
        found = Profile.from_dict(json.loads(read_text(path)))
    except (AttributeError, RecursionError, TypeError, ValueError) as error:
        raise DataError(f"{path} is no profile of blocks: {error}; make one with profile-blocks") from None
    if not found.blocks:
        raise DataError(f"{path} holds no blocks; make one with profile-blocks")
    return found


def profile_blocks(
    family: NetworkFamily, protocol: Protocol, progress: Callable[[float], None] | None = None
) -> Profile:
    """Measure stem, head, and every block in each state, apart; `progress` is told the share that is done.

    Where the protocol pairs passes, each time is divided by the pace of the reference network beside it. The networks
    have an attribute ``blocks``, in the order of the space's, as timm's EfficientNets have it, else this raises
    NetworkError; MeasurementError as `accelnas_training.measure.measure_module`.
    """
    started = time.monotonic()
    sizes = [block.size for block in family.space.blocks]
    tell = progress or (lambda *_: None)
    total = 2 + sum(sizes)
    image = (family.options.in_channels, protocol.resolution, protocol.resolution)
    found: list[Measurement] = []
    with tempfile.TemporaryDirectory(prefix="accelnas-profile-") as folder:
        beside = Subject(family.build(reference_architecture(family.space)), image, Path(folder))

        def measure(module: nn.Module, shape: tuple[int, ...]) -> None:
            with tempfile.TemporaryDirectory(prefix="accelnas-profile-") as own:
                found.append(measuring.measure_subject(Subject(module, shape, Path(own), beside), protocol))
            tell(len(found) / total)

        ends = _parts(_network(family, 0, 0), protocol.resolution, family.options.in_channels)
        measure(*ends[0])
        measure(*ends[-1])
        for b, size in enumerate(sizes):
            for state in range(size):
                parts = _parts(_network(family, b, state), protocol.resolution, family.options.in_channels)
                measure(*parts[1 + b])
    times, pace = (np.array([getattr(each, name) for each in found]) for name in ("latency_ms", "reference_ms"))
    if not np.isnan(pace).any():
        times = times / (pace / np.median(pace))
    blocks = tuple(tuple(own.tolist()) for own in np.split(times[2:], np.cumsum(sizes)[:-1]))
    return Profile(protocol.digest, protocol.batch, float(times[:2].sum()), blocks, time.monotonic() - started)


def _network(family: NetworkFamily, block: int, state: int) -> nn.Module:
    """Build the network with one block in a state, the others in state 0."""
    states = np.zeros((1, len(family.space.blocks)), np.uint16)
    states[0, block] = state
    return family.build(family.space._core.from_block_states(states)[0])


def _parts(network: Any, resolution: int, in_channels: int) -> list[tuple[nn.Module, tuple[int, ...]]]:
    """Give stem, blocks and head, each with the shape of its input."""
    try:
        stem = nn.Sequential(network.conv_stem, network.bn1)
        head = nn.Sequential(network.conv_head, network.bn2, network.global_pool, network.classifier)
        modules = [stem, *network.blocks, head]
    except (AttributeError, TypeError) as error:
        raise NetworkError(f"the blocks of a {type(network).__name__} can't be told apart: {error}") from None
    parts: list[tuple[nn.Module, tuple[int, ...]]] = []
    values = torch.zeros(1, in_channels, resolution, resolution)
    with torch.no_grad():
        for module in modules:
            parts.append((module.eval(), tuple(values.shape[1:])))
            values = module(values)
    return parts
