"""One run of any algorithm of ours, for callers that evaluate architectures one by one, in any order."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from accelnas.adapters.shared import uniform_rows
from accelnas.search.protocol import begin

if TYPE_CHECKING:
    from accelnas.search.protocol import Task, UserAlgorithm, Values
    from accelnas.space import Rows

__all__ = ["Conversation"]


class Conversation:
    """Hands out the architectures of one batch after the other, and gathers their values.

    Parameters
    ----------
    algorithm : UserAlgorithm
        The algorithm.
    task : Task
        Its task.
    """

    def __init__(self, algorithm: UserAlgorithm, task: Task) -> None:
        self._space, self._signs = task.space, task.signs
        self._run = begin(algorithm, task)
        self._chance = np.random.default_rng(task.seed)
        self._worst = np.full(len(task.objectives), np.inf)  # scores are values times signs: more is better
        self._waiting: deque[int] = deque()  # rows of the batch that nobody has
        self._running: dict[int, int] = {}  # rows by the numbers of those who have them
        self._batch(np.empty((0, len(task.space.variables)), np.uint8))

    def take(self, number: int) -> Rows:
        """Give an architecture, (1, variables), to whom the number names; a uniform one where there is none to give."""
        self._fill()
        if not self._waiting:
            return uniform_rows(self._space, self._chance)
        self._running[number] = self._waiting.popleft()
        return self.held(number)

    def take_again(self, number: int, row: Rows) -> bool:
        """Give a number the architecture that it had in an earlier session; say whether the batch has it to give."""
        self._fill()
        same = next((i for i in self._waiting if (self._archs[i] == row).all()), None)
        if same is not None:
            self._waiting.remove(same)
            self._running[number] = same
        return same is not None

    def _fill(self) -> None:
        if not self._waiting and not self._running:
            self._batch(self._space.encode(self._run.ask()))

    def held(self, number: int) -> Rows:
        """Architecture that a number has: (1, variables), or no row if it was a uniform one."""
        rows = [self._running[number]] if number in self._running else []
        return self._archs[rows]

    def put_back(self, number: int) -> None:
        """Give the architecture of a number to the next one that takes any."""
        self._waiting.appendleft(self._running.pop(number))

    def end(self, number: int, values: Values | None, exceeded: float = 0.0) -> None:
        """Note the values of the architecture that a number has; tell them with the batch.

        None is a failure, and so are values of which one is not finite.
        """
        row = self._running.pop(number)
        if values is not None and np.isfinite(values).all():
            self._scores[row] = values * self._signs
            self._worst = np.minimum(self._worst, self._scores[row])
        self._exceeded[row] = exceeded
        if self._waiting or self._running:
            return
        worst = np.where(np.isfinite(self._worst), self._worst, -np.inf)
        bad = np.isnan(self._scores).any(axis=1) | (self._exceeded > 0)
        told = np.where(bad[:, None], worst - self._exceeded[:, None], self._scores) * self._signs
        self._run.tell(self._archs, told[:, 0] if len(self._signs) == 1 else told)

    def _batch(self, archs: Rows) -> None:
        self._space.check(archs)
        self._archs = archs
        self._scores: Values = np.full((len(archs), len(self._signs)), np.nan)
        self._exceeded: Values = np.zeros(len(archs))
        self._waiting.extend(range(len(archs)))
