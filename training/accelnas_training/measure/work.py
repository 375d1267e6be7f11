"""The work of collecting measurements: build a network of a family, and measure it."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.caching import cached_property
from accelnas_training.collect.job import Outcome, Task
from accelnas_training.collect.work import WorkDescription
from accelnas_training.measure.measuring import measure_subject
from accelnas_training.measure.protocol import Protocol
from accelnas_training.measure.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from accelnas import Space
    from accelnas_training.networks import NetworkFamily

__all__ = ["measuring_work", "reference_architecture"]

_REFERENCE_SEED = 1_000_004  # no one else's: it is none of the references that show drift


def measuring_work(family: NetworkFamily, protocols: Sequence[Protocol]) -> WorkDescription:
    """Describe measurements to workers.

    Parameters
    ----------
    family
        Whose networks are measured.
    protocols
        The schemes of jobs are their digests.

    Returns
    -------
    WorkDescription
        Its outcomes have the figures of `Measurement`, and the machine as environment.
    """
    arguments = {"family": family.to_dict(), "protocols": [protocol.to_dict() for protocol in protocols]}
    return WorkDescription("accelnas_training.measure.work:_Measuring", arguments)


def reference_architecture(space: Space) -> NDArray[np.uint8]:
    """Give the architecture that passes are paired with, always the same: uint8 (variables,)."""
    architecture: NDArray[np.uint8] = space.sample(1, _REFERENCE_SEED)[0]
    return architecture


class _Measuring:
    """Jobs of one architecture that follow each other share its network and ONNX files."""

    def __init__(self, family: Mapping[str, Any], protocols: Sequence[Mapping[str, Any]]) -> None:
        from accelnas_training.networks import NetworkFamily

        self._family = NetworkFamily.from_dict(family)
        own = [Protocol.from_dict(each) for each in protocols]
        self._protocols = {protocol.digest: protocol for protocol in own}
        self._folder = Path(tempfile.mkdtemp(prefix="accelnas-measure-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._last: tuple[tuple[tuple[int, ...], int], Subject] | None = None
        self._beside: dict[int, Subject] = {}

    def __call__(self, task: Task) -> Outcome:
        protocol = self._protocols[task.job.scheme]
        measurement = measure_subject(self._subject(task.job.architecture, protocol.resolution), protocol)
        return Outcome(measurement.values(), self._environment)

    def _subject(self, architecture: tuple[int, ...], resolution: int) -> Subject:
        key = (architecture, resolution)
        if self._last is None or self._last[0] != key:
            if self._last is not None:
                shutil.rmtree(self._last[1].folder, ignore_errors=True)
            self._last = None  # frees the network before the next one is built
            subject = self._built(np.array(architecture, np.uint8), resolution)
            subject.reference = self._reference(resolution)
            self._last = (key, subject)
        return self._last[1]

    def _reference(self, resolution: int) -> Subject | None:
        """Give the network that passes are paired with; None if none are."""
        if resolution not in self._beside and any(protocol.paired for protocol in self._protocols.values()):
            self._beside[resolution] = self._built(reference_architecture(self._family.space), resolution)
        return self._beside.get(resolution)

    def _built(self, architecture: NDArray[np.uint8], resolution: int) -> Subject:
        shape = (self._family.options.in_channels, resolution, resolution)
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        return Subject(self._family.build(architecture), shape, folder)

    @cached_property
    def _environment(self) -> dict[str, str]:
        from accelnas_training.provenance import environment

        return environment()
