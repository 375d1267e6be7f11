"""Measure many architectures in random order, references in between, noisy ones again."""

from __future__ import annotations

import math
import shutil
import tempfile
import time
import weakref
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas_training.collect.collector import collect
from accelnas_training.collect.job import Job, Outcome, Task
from accelnas_training.collect.work import NetworkWork, WorkDescription
from accelnas_training.measure.measuring import measure_subject
from accelnas_training.measure.protocol import Protocol
from accelnas_training.measure.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from accelnas import Space
    from accelnas_training.arrays import Archs
    from accelnas_training.collect.job import Limits
    from accelnas_training.collect.reader import StoreReader
    from accelnas_training.collect.store import Store
    from accelnas_training.collect.work import Runner
    from accelnas_training.networks import NetworkFamily


# when this process began to measure, seconds since 1970: with host and process, it tells sessions apart
_SESSION_AT = time.time()

_REFERENCE_SEED = 1_000_004  # no one else's: it is none of the references that show drift


def _measuring_work(family: NetworkFamily, protocols: Sequence[Protocol]) -> WorkDescription:
    """Describe measurements to workers; the schemes of jobs are the protocols' digests."""
    arguments = {"family": family.to_dict(), "protocols": [protocol.to_dict() for protocol in protocols]}
    return WorkDescription("accelnas_training.measure.collection:MeasuringWork", arguments)


def reference_architecture(space: Space) -> Archs:
    """Give the architecture that passes are paired with, always the same: uint8 (variables,)."""
    architecture: Archs = space.sample(1, _REFERENCE_SEED)[0]
    return architecture


class MeasuringWork(NetworkWork):
    """Jobs of one architecture that follow each other share its network and ONNX files."""

    def __init__(self, family: Mapping[str, Any], protocols: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(family)
        own = [Protocol.from_dict(each) for each in protocols]
        self._protocols = {protocol.digest: protocol for protocol in own}
        self._folder = Path(tempfile.mkdtemp(prefix="accelnas-measure-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._last: tuple[tuple[tuple[int, ...], int], Subject] | None = None
        self._beside: dict[int, Subject] = {}

    def __call__(self, task: Task) -> Outcome:
        """Measure the job's architecture."""
        protocol = self._protocols[task.job.scheme]
        measurement = measure_subject(self._subject(task.job.architecture, protocol.resolution), protocol)
        return Outcome({**measurement.values(), "session_at": _SESSION_AT}, self.environment)

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
            self._beside[resolution] = self._built(reference_architecture(self.family.space), resolution)
        return self._beside.get(resolution)

    def _built(self, architecture: Archs, resolution: int) -> Subject:
        shape = (self.family.options.in_channels, resolution, resolution)
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        return Subject(self.family.build(architecture), shape, folder)


_REFERENCES_SEED = 1_000_003  # no one else's, so that references are seldom among the sampled


@dataclass(frozen=True)
class MeasuringPlan:
    """How often what is measured."""

    references: int = 3  # networks that are measured on every occasion, the same in every store of a space
    every: int = 25  # architectures between two occasions
    repeats: int = 1  # how often each architecture is measured, in another random order each time
    again: int = 2  # how often, at most, one is measured again whose spread is above its protocol's limit
    seed: int = 0  # of the order


def references(space: Space, number: int) -> Archs:
    """Give the reference networks of a space, uint8 (number, variables)."""
    return space.sample(min(number, space.size), _REFERENCES_SEED, unique=True)


def measure_architectures(
    store: Store,
    family: NetworkFamily,
    archs: Archs,
    protocols: Sequence[Protocol],
    runner: Runner,
    plan: MeasuringPlan | None = None,
    *,
    limits: Limits | None = None,
    report: Callable[[Job], None] | None = None,
) -> None:
    """Measure architectures under each protocol, and keep the results; what the store has is not measured again.

    A job's seed counts how often the architecture was measured before. The references' seeds are negative: -1 on the
    first occasion, -2 on the second, ….

    Parameters
    ----------
    store
        Where results are kept.
    family
        Whose networks are measured.
    archs
        uint8 (n, variables), distinct.
    protocols
        How. The protocols of an architecture follow each other and share its network.
    runner
        Where: one worker, since a machine that does two things at once measures neither.
    plan
        How often what; the default is ``MeasuringPlan()``.
    limits
        When a job is given up.
    report
        Called with each job whose result is on disk.

    Raises
    ------
    StoreError
        As `collect` raises it.
    """
    plan = plan or MeasuringPlan()
    for protocol in protocols:
        store.add_scheme(protocol.digest, protocol.name, protocol.changed(here="").to_dict())
    schemes = [protocol.digest for protocol in protocols]
    known = references(family.space, plan.references)
    work = _measuring_work(family, protocols)

    def measured(jobs: list[Job]) -> None:
        if jobs:
            collect(store, jobs, work, runner, limits, recorded=report)

    def measure(jobs: list[Job]) -> None:
        """Measure the jobs that have not ended, references before, between and after; nothing if all have."""
        left, size = _left(store, jobs), plan.every * len(schemes)
        for start in range(0, len(left), size):
            measured(_occasion(store, known, schemes) + left[start : start + size])
        if left:
            measured(_occasion(store, known, schemes))

    jobs: list[Job] = []
    for repeat in range(plan.repeats):
        order = np.random.default_rng([plan.seed, repeat]).permutation(len(archs))
        jobs = [Job.of(arch, scheme, repeat) for arch in archs[order] for scheme in schemes]
        measure(jobs)
    limit = {protocol.digest: protocol.timing.spread for protocol in protocols}
    for seed in range(plan.repeats, plan.repeats + plan.again):
        jobs = [replace(job, seed=seed) for job in _noisy(store, jobs, limit)]
        measure(jobs)


def _occasion(store: StoreReader, known: Archs, schemes: Sequence[str]) -> list[Job]:
    """Give the references' jobs of the first occasion that has not ended."""
    for occasion in count(1):
        jobs = [Job.of(arch, scheme, -occasion) for arch in known for scheme in schemes]
        if not jobs or _left(store, jobs):
            return jobs
    raise AssertionError  # there is always one more


def _left(store: StoreReader, jobs: list[Job]) -> list[Job]:
    states = store.states(jobs)
    return [job for job, state in zip(jobs, states, strict=True) if state not in {"done", "quarantined"}]


def _noisy(store: StoreReader, jobs: list[Job], limit: dict[str, float]) -> list[Job]:
    """Give those jobs whose passes spread more than their protocol allows."""
    noisy = []
    for job, values in zip(jobs, store.values(jobs), strict=True):
        spread = math.nan if values is None else values.get("latency_std_ms", math.nan) / values["latency_ms"]
        if spread > limit[job.scheme]:
            noisy.append(job)
    return noisy
