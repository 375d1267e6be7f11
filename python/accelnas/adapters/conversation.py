"""One run of any algorithm of ours, for callers that evaluate architectures one by one, in any order."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from accelnas.adapters.shared import uniform_rows

if TYPE_CHECKING:
    from collections.abc import Generator

    from accelnas.search.protocol import AskTell, ManyRuns, Scores, Task, UserAlgorithm
    from accelnas.space import Rows

__all__ = ["Conversation", "begin"]


def begin(algorithm: UserAlgorithm, task: Task) -> AskTell:
    """Begin a run, whichever form the algorithm has. What it asks after its end has no rows.

    Examples
    --------
    >>> import accelnas
    >>> from accelnas.search.protocol import Task
    >>> def twice(task):
    ...     for seed in range(2):
    ...         yield task.space.sample(3, seed)
    >>> run = begin(twice, Task(accelnas.mnasnet_space(), ("accuracy",), 10, 0))
    >>> for _ in range(3):
    ...     archs = run.ask()
    ...     run.tell(archs, np.zeros(len(archs)))
    ...     len(archs)
    3
    3
    0
    """
    many = getattr(algorithm, "many", None)
    if many is not None:
        return _OneOfMany(many([task]))
    made: Any = cast("Any", algorithm)(task)
    return cast("AskTell", made) if hasattr(made, "ask") else _Generated(made, len(task.space.variables))


class _OneOfMany:
    """The only run of an algorithm for many."""

    def __init__(self, runs: ManyRuns) -> None:
        self._runs = runs

    def ask(self) -> Rows:
        archs: Rows = self._runs.ask()[0]
        return archs

    def tell(self, archs: Rows, scores: Scores) -> None:
        self._runs.tell(archs[None], scores[None])


class _Generated:
    """A generator of architectures, which is sent their scores."""

    def __init__(self, generator: Generator[Rows, Scores, Any], variables: int) -> None:
        self._generator = generator
        self._end = np.empty((0, variables), np.uint8)
        self._next = next(generator, self._end)

    def ask(self) -> Rows:
        return self._next

    def tell(self, archs: Rows, scores: Scores) -> None:  # noqa: ARG002 (it is what was asked)
        try:
            self._next = self._generator.send(scores)
        except StopIteration:
            self._next = self._end


class Conversation:
    """Hands out the architectures of one batch after the other, and gathers their scores.

    Parameters
    ----------
    algorithm : UserAlgorithm
        The algorithm.
    task : Task
        Its task.
    """

    def __init__(self, algorithm: UserAlgorithm, task: Task) -> None:
        self._space, self._scored = task.space, len(task.objectives)
        self._run = begin(algorithm, task)
        self._chance = np.random.default_rng(task.seed)
        self._worst = np.full(self._scored, np.inf)
        self._waiting: deque[int] = deque()  # rows of the batch that nobody has
        self._running: dict[int, int] = {}  # rows by the numbers of those who have them
        self._batch(np.empty((0, len(task.space.variables)), np.uint8))

    def take(self, number: int) -> Rows:
        """Give an architecture, (1, variables), to whom the number names; a uniform one where there is none to give."""
        if not self._waiting and not self._running:
            self._batch(self._space.encode(self._run.ask()))
        if not self._waiting:
            return uniform_rows(self._space, self._chance)
        self._running[number] = self._waiting.popleft()
        return self.held(number)

    def held(self, number: int) -> Rows:
        """Architecture that a number has: (1, variables), or no row if it was a uniform one."""
        rows = [self._running[number]] if number in self._running else []
        return self._archs[rows]

    def put_back(self, number: int) -> None:
        """Give the architecture of a number to the next one that takes any."""
        self._waiting.appendleft(self._running.pop(number))

    def end(self, number: int, scores: Scores | None, exceeded: float = 0.0) -> None:
        """Note the scores of the architecture that a number has, None if it failed; tell them with the batch."""
        row = self._running.pop(number)
        if scores is not None:
            self._scores[row] = scores
            self._worst = np.minimum(self._worst, scores)
        self._exceeded[row] = exceeded
        if self._waiting or self._running:
            return
        worst = np.where(np.isfinite(self._worst), self._worst, -np.inf)
        bad = np.isnan(self._scores).any(axis=1) | (self._exceeded > 0)
        told = np.where(bad[:, None], worst - self._exceeded[:, None], self._scores)
        self._run.tell(self._archs, told[:, 0] if self._scored == 1 else told)

    def _batch(self, archs: Rows) -> None:
        self._space.check(archs)
        self._archs = archs
        self._scores: Scores = np.full((len(archs), self._scored), np.nan)
        self._exceeded: Scores = np.zeros(len(archs))
        self._waiting.extend(range(len(archs)))
