"""Search by training: go on from the journal, train through the store, tell as evaluations end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelnas import SearchError, _core
from accelnas.search import Optimizer, Task
from accelnas.search.algorithms import ALGORITHMS
from accelnas.search.protocol import begin
from accelnas_training.collect.collector import collect
from accelnas_training.collect.job import Job
from accelnas_training.search.conversation import Conversation
from accelnas_training.search.found import Found
from accelnas_training.search.journal import Evaluation, Journal
from accelnas_training.search.metrics import TRAINED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelnas import Space
    from accelnas.search import AskTell
    from accelnas_training.arrays import Floats
    from accelnas_training.collect.collector import Progress
    from accelnas_training.collect.job import Limits
    from accelnas_training.collect.store import Store
    from accelnas_training.collect.work import Runner, WorkDescription
    from accelnas_training.search.metrics import Metrics
    from accelnas_training.search.question import Question


@dataclass(frozen=True)
class Trainer:
    """Who trains, and where results are kept."""

    store: Store
    work: WorkDescription
    runner: Runner
    together: int = 1  # evaluations at a time
    limits: Limits | None = None
    report: Callable[[Progress], None] | None = None  # as of `collect`
    recorded: Callable[[Job], None] | None = None

    def train(self, jobs: list[Job], ended: Callable[[Job], list[Job]] | None = None) -> None:
        """Do jobs, and those that `ended` gives then; nothing is started where there are none."""
        if jobs:
            to = (self.store, jobs, self.work, self.runner, self.limits)
            collect(*to, report=self.report, recorded=self.recorded, ended=ended)


def search(question: Question, metrics: Metrics, trainer: Trainer) -> Found:
    """Make one run of an algorithm, or go on with the one that the store has for the question.

    Parameters
    ----------
    question
        What is sought, by which algorithm.
    metrics
        What is known without training.
    trainer
        Trains what the algorithm asks for, unless the store has it.

    Returns
    -------
    Found
        With one worker at a time the same, however often it was interrupted. With several it depends on the order in
        which trainings end, which the store keeps: what was told stays.

    Raises
    ------
    SearchError
        If the algorithm can't do what is asked, asks for what is no architecture, or asks otherwise than before.
    StoreError
        If there is no room on the disk.
    TrainingError
        If the work can't be made, or workers die before they are ready.
    """
    for epochs in question.epochs or (question.scheme.epochs,):
        scheme = question.scheme.until(epochs)
        trainer.store.add_scheme(scheme.digest, scheme.name, scheme.to_dict())
    run = _Run(question, metrics, trainer)
    run.replay()
    trainer.train(run.resume(), run.ended)
    return Found(question, trainer.store.space, metrics.known, run.evaluations)


class _Run:
    """A run that is under way."""

    def __init__(self, question: Question, metrics: Metrics, trainer: Trainer) -> None:
        self._question, self._metrics, self._store = question, metrics, trainer.store
        space = trainer.store.space
        run, self._told = _started(question, space)
        self._conversation = Conversation(run, space, question.budget, trainer.together, question.epochs)
        self._journal = Journal(trainer.store, question.to_json())
        self.evaluations: list[Evaluation] = []
        self._under_way: dict[int, Evaluation] = {}

    def replay(self) -> None:
        """Ask again what was asked, and tell what was told, in the same order."""
        recorded = self._journal.read()
        ended = sorted((one for one in recorded if one.ended is not None), key=lambda one: one.ended or 0)
        for one in (*ended, None):
            while len(self.evaluations) < len(recorded):
                following = recorded[len(self.evaluations)]
                if following.begun != self._conversation.ended:
                    break
                asked = self._begun(following.number, following.begun)
                if (asked.architecture, asked.epochs) != (following.architecture, following.epochs):
                    raise SearchError(
                        f"evaluation {following.number + 1} was {self._text(following)}, and the algorithm now asks "
                        f"for {self._text(asked)}: it has changed since; bring its release back, or search with "
                        "another --seed or --store"
                    )
                self.evaluations.append(following)
            if one is not None:
                self._conversation.end(one.number, self._told(one.metrics or {}))
        self._under_way = {one.number: one for one in recorded if one.ended is None}

    def resume(self) -> list[Job]:
        """Give the jobs of what was under way, and of what may begin."""
        return [job for one in list(self._under_way.values()) for job in self._needed(one)] + self._go_on()

    def ended(self, job: Job) -> list[Job]:
        """Note that a job is done or given up; give those that may begin then."""
        for one in list(self._under_way.values()):
            if job in self._jobs(one):
                self._needed(one)
        return self._go_on()

    def _go_on(self) -> list[Job]:
        jobs = []
        while self._conversation.may_begin:
            number, begun = self._conversation.begun, self._conversation.ended
            one = self._begun(number, begun)
            self._journal.begin(one)
            self.evaluations.append(one)
            self._under_way[number] = one
            jobs += self._needed(one)
        return jobs

    def _begun(self, number: int, begun: int) -> Evaluation:
        wanted = self._conversation.begin()
        return Evaluation(number, tuple(wanted.row.tolist()), begun, epochs=wanted.epochs)

    def _needed(self, one: Evaluation) -> list[Job]:
        """Give the jobs that an evaluation waits for; where there are none, it ends."""
        sought = self._question.sought
        beforehand = self._metrics.of(np.array(one.architecture, np.uint8), sought.columns)
        limits = [limit for limit in sought.constraints if limit.metric in beforehand]
        if sought.penalty is None and any(not x.lower <= beforehand[x.metric] <= x.upper for x in limits):
            self._end(one, "left out", beforehand)
            return []
        jobs = self._jobs(one)
        left = [job for job, state in zip(jobs, self._store.states(jobs), strict=True) if state in (None, "pending")]
        if not left:
            trained = _means(self._store.values(jobs))
            self._end(one, "trained" if trained else "failed", trained | beforehand)
        return left

    def _end(self, one: Evaluation, outcome: str, metrics: dict[str, float]) -> None:
        one.ended, one.outcome, one.metrics = self._conversation.ended, outcome, metrics
        self._journal.end(one)
        del self._under_way[one.number]
        self._conversation.end(one.number, self._told(metrics))

    def _jobs(self, one: Evaluation) -> list[Job]:
        scheme = self._question.scheme
        digest = (scheme if one.epochs is None else scheme.until(one.epochs)).digest
        return [Job(one.architecture, digest, seed) for seed in self._question.seeds]

    def _text(self, one: Evaluation) -> str:
        text = self._store.space.format(np.array([one.architecture], np.uint8))[0]
        return text if one.epochs is None else f"{text} after {one.epochs} epochs"


def _started(question: Question, space: Space) -> tuple[AskTell, Callable[[Mapping[str, float]], Floats]]:
    """Begin a run; also give what makes of metrics the values that it is told."""
    sought = question.sought
    rungs = list(question.epochs)
    problem = _core.Problem.of(space._core, len(sought.columns), sought.to_core(), epochs=rungs or None)

    def columns(metrics: Mapping[str, float]) -> Floats:
        # only what training gives can be missing
        return np.array([metrics.get(name, 0.0) for name in sought.columns], np.float64)

    def scores(metrics: Mapping[str, float]) -> Floats:
        found: Floats = problem.score(columns(metrics)[None])[0] * sought.signs
        return found

    algorithm = question.algorithm
    is_native = isinstance(algorithm, tuple(ALGORITHMS.values()))
    if is_native:
        # it looks at constraints by itself, as in `Benchmark.search`
        native = Optimizer.over(space, problem, sought, algorithm, question.budget, question.seed, None, rungs)
        return native, columns
    seed = _core.run_seed(question.seed, 0)
    task = Task(space, sought.directions, question.budget, seed, epochs=question.epochs)
    return begin(algorithm, task), scores


def _means(values: list[dict[str, float] | None]) -> dict[str, float]:
    """Give means over seeds; nothing if one has none of what training gives."""
    if any(one is None or any(name not in one for name in TRAINED) for one in values):
        return {}
    found = [one for one in values if one is not None]
    return {name: float(np.mean([one[name] for one in found])) for name in found[0] if all(name in x for x in found)}
