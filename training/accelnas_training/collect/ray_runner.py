"""Workers on a Ray cluster, of one machine or many; they may die, and join later."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import RayError

from accelnas import _core
from accelnas_training.collect.job import Delivery, Task
from accelnas_training.collect.work import Runner, WorkDescription, attempt, worker_name
from accelnas_training.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnas_training.collect.work import Work


_STARTS = 3  # times in a row that no worker becomes ready before the runner gives up
_LONGEST_PAUSE = 60.0  # seconds before another worker takes a place where workers don't become ready


class _Actor:
    """A process of the cluster that makes the work once, and then does task after task."""

    def __init__(self, description: WorkDescription) -> None:
        self._description = description
        self._work: Work | None = None

    def make(self) -> tuple[str, str]:
        """Make the work; give the worker's name, and what went wrong, in words."""
        try:
            self._work = self._description.make()
        except Exception as error:
            return worker_name(), f"{type(error).__name__}: {error}"
        return worker_name(), ""

    def do(self, task: Task) -> Delivery:
        if self._work is None:
            raise TrainingError("the worker was given a task before its work was made; call make first")
        return attempt(self._work, task)


@dataclass(eq=False)
class _Worker:
    """The driver's side of an actor."""

    actor: Any
    name: str = ""
    task: Task | None = None
    began: float = field(default_factory=time.monotonic)


class RayRunner(Runner):
    """Gives tasks to persistent workers, one each at a time, and replaces those that die or take too long.

    Workers begin as the cluster has room for them, so that nodes may join later; imports are paid once a worker, of
    which each occupies so many cores and GPUs, or parts of one. Ray sets which GPUs a worker sees. The address of a
    running cluster is ``auto`` or ``host:port``; None starts one on this machine, which ends with this process. Raises
    TrainingError if a number is out of range, or the machine can never hold one worker.
    """

    def __init__(
        self,
        workers: int,
        *,
        cpus_each: float = 1.0,
        gpus_each: float = 0.0,
        address: str | None = None,
    ) -> None:
        if workers < 1:
            raise TrainingError(f"workers is {workers}; choose 1 or more")
        self._wanted = workers
        self._each = {"CPU": cpus_each, "GPU": gpus_each}
        for name, amount in self._each.items():
            if not 0 <= amount < math.inf:
                raise TrainingError(f"a worker occupies {amount} {name}; choose 0 or more")
        self._address = address
        self._connected = False
        self._description: WorkDescription | None = None
        self._timeout: float | None = None
        self._idle: list[_Worker] = []
        self._busy: dict[Any, _Worker] = {}  # by the reference of what it is doing: becoming ready, or a task
        self._vacant: list[float] = []  # when each place without a worker gets one
        self._failed_starts = 0
        self._trouble = ""

    def start(self, work: WorkDescription, timeout: float | None) -> None:
        """Make workers that do `work`; those that do it already stay.

        Raises TrainingError if there is no cluster at the address, or this machine can never hold one worker.
        """
        self._timeout = timeout
        self._connect()
        if work != self._description:
            self._dismiss()
            self._description = work
            self._vacant = [time.monotonic()] * self._wanted
        self._fill()

    @property
    def free(self) -> int:
        """Number of workers that are ready and not busy."""
        return len(self._idle)

    @property
    def workers(self) -> int:
        """Number of workers that are ready or busy."""
        return len(self._idle) + sum(bool(worker.name) for worker in self._busy.values())

    @property
    def waits_for(self) -> str:
        """What keeps workers from being there, in words; empty if nothing does."""
        missing = self._wanted - self.workers
        if missing == 0:
            return ""
        each = ", ".join(f"{amount:g} {name}" for name, amount in self._each.items() if amount)
        return f"{missing} of {self._wanted} workers not ready: {self._trouble or f'each needs {each}'}"

    def submit(self, task: Task) -> None:
        """Begin a task; only while `free` is above 0."""
        worker = self._idle.pop()
        worker.task, worker.began = task, time.monotonic()
        self._busy[worker.actor.do.remote(task)] = worker

    def wait(self, seconds: float) -> Sequence[Delivery]:
        """Give what has ended; if nothing has, wait up to `seconds` for something to end or a worker to be ready.

        Raises TrainingError if the work can't be made, or workers die before they are ready, while there is no other.
        """
        self._fill()
        references = list(self._busy)
        now = time.monotonic()
        until = min([now + seconds, *self._vacant, *(self._deadline(worker) for worker in self._busy.values())])
        if not references:
            time.sleep(max(0.0, until - now) if self._vacant else 0.0)
            return []
        ray.wait(references, num_returns=1, timeout=max(0.0, until - now))
        ended, _ = ray.wait(references, num_returns=len(references), timeout=0)
        deliveries = [self._ended(reference) for reference in ended]
        deliveries += [self._expired(reference) for reference in list(self._busy)]
        self._fill()
        return [delivery for delivery in deliveries if delivery is not None]

    def close(self) -> None:
        """End the workers and what they are doing, and the cluster if `start` made it."""
        self._dismiss()
        self._description = None
        if self._connected:
            ray.shutdown()
            self._connected = False

    def _connect(self) -> None:
        if not ray.is_initialized():
            try:
                ray.init(
                    address=self._address or "local",
                    num_cpus=_core.processors() if self._address is None else None,
                    include_dashboard=False if self._address is None else None,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise TrainingError(f"no cluster at {self._address or 'this machine'}: {error}") from error
            self._connected = True
        if self._address is None:  # elsewhere, nodes may join
            there = ray.cluster_resources()  # type: ignore[no-untyped-call]
            for name, amount in self._each.items():
                if amount > there.get(name, 0):
                    raise TrainingError(
                        f"a worker needs {amount:g} {name} and this machine has {there.get(name, 0):g}; ask for less,"
                        " or give the address of a cluster"
                    )

    def _fill(self) -> None:
        """Put workers into vacant places whose time has come."""
        now = time.monotonic()
        due = sum(when <= now for when in self._vacant)
        self._vacant = [when for when in self._vacant if when > now]
        new: Any = ray.remote(_Actor).options(num_cpus=self._each["CPU"], num_gpus=self._each["GPU"])
        for _ in range(due):
            actor = new.remote(self._description)
            self._busy[actor.make.remote()] = _Worker(actor)

    def _ended(self, reference: Any) -> Delivery | None:
        """Take note of a task or a start that has ended."""
        worker = self._busy.pop(reference)
        try:
            answer = ray.get(reference)
        except RayError as error:
            answer = ("", f"{type(error).__name__}: {error}")
        task, worker.task = worker.task, None
        if isinstance(answer, Delivery):
            self._idle.append(worker)
            return answer
        name, trouble = answer
        if task is not None:
            self._replace(worker, time.monotonic())
            return Delivery(task, "worker lost", time.monotonic() - worker.began, worker.name, message=trouble)
        if trouble:
            self._start_failed(worker, name, trouble)
            return None
        worker.name = name
        self._idle.append(worker)
        self._failed_starts, self._trouble = 0, ""
        return None

    def _start_failed(self, worker: _Worker, name: str, trouble: str) -> None:
        """Leave the place vacant for a while, or give up if nobody works and the same is to be expected again."""
        self._failed_starts += 1
        self._trouble = f"worker {name}: {trouble}" if name else trouble
        if self.workers == 0 and (name or self._failed_starts >= _STARTS):  # with a name it lives, but can't work
            raise TrainingError(f"no worker becomes ready: {self._trouble}")
        self._replace(worker, time.monotonic() + min(2.0**self._failed_starts, _LONGEST_PAUSE))

    def _deadline(self, worker: _Worker) -> float:
        return math.inf if worker.task is None or self._timeout is None else worker.began + self._timeout

    def _expired(self, reference: Any) -> Delivery | None:
        """End a worker that takes too long."""
        worker = self._busy[reference]
        seconds = time.monotonic() - worker.began
        if worker.task is None or self._timeout is None or seconds < self._timeout:
            return None
        del self._busy[reference]
        self._replace(worker, time.monotonic())
        message = f"took longer than {self._timeout:g} s"
        return Delivery(worker.task, "timed out", seconds, worker.name, message=message)

    def _replace(self, worker: _Worker, when: float) -> None:
        ray.kill(worker.actor)
        self._vacant.append(when)

    def _dismiss(self) -> None:
        for worker in (*self._idle, *self._busy.values()):
            ray.kill(worker.actor)
        self._idle, self._busy, self._vacant = [], {}, []
        self._failed_starts, self._trouble = 0, ""
