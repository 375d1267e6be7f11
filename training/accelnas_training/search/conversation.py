"""What an algorithm asked and was told: a function of the order in which evaluations begin and end."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from accelnas import SearchError

if TYPE_CHECKING:
    from accelnas import Space
    from accelnas.search import AskTell
    from accelnas_training.arrays import Archs, Floats


class Conversation:
    """One run of an algorithm, whose evaluations take long and end in any order.

    Parameters
    ----------
    run
        The algorithm. One that is ``asynchronous`` is asked whenever a worker is idle, and told of each evaluation as
        it ends; another one is told of a batch as a whole, in the order in which it was asked.
    space
        What it has to ask for.
    budget
        Evaluations, of whatever was asked before.
    together
        Evaluations at a time of an asynchronous run. Batches begin as a whole.
    """

    def __init__(self, run: AskTell, space: Space, budget: int, together: int) -> None:
        self._run, self._space, self._budget, self._together = run, space, budget, together
        self._asynchronous = bool(getattr(run, "asynchronous", False))
        self._queue: deque[Archs] = deque()
        self._batch: dict[int, tuple[Archs, Floats | None]] = {}  # under way, or to be told with the others
        self.begun = 0
        """Evaluations that began; also the number of the next one."""
        self.ended = 0
        """Evaluations that ended."""

    @property
    def may_begin(self) -> bool:
        """Whether another evaluation can begin now."""
        if self.begun >= self._budget:
            return False
        if self._asynchronous:
            return self.begun - self.ended < self._together
        return bool(self._queue) or self.begun == self.ended

    def begin(self) -> Archs:
        """Give the next architecture, choice indices, uint8 (variables,); raises SearchError if it is none."""
        if not self._queue:
            self._queue.extend(self._asked())
        row = self._queue.popleft()
        self._batch[self.begun] = row, None
        self.begun += 1
        return row

    def end(self, number: int, values: Floats) -> None:
        """Take the values of an evaluation, as the algorithm is told them, float64 (columns,)."""
        self._batch[number] = self._batch[number][0], values
        self.ended += 1
        if self._asynchronous:
            self._tell([number])
        elif self.begun == self.ended and (not self._queue or self.begun >= self._budget):
            self._tell(sorted(self._batch))

    def _tell(self, numbers: list[int]) -> None:
        rows, values = zip(*(self._batch.pop(number) for number in numbers), strict=True)
        told = np.array(values, np.float64)
        self._run.tell(np.array(rows, np.uint8), told[:, 0] if told.shape[1] == 1 else told)

    def _asked(self) -> Archs:
        rows = np.asarray(self._run.ask())
        variables = len(self._space.variables)
        if rows.ndim != 2 or rows.shape[1] != variables or rows.dtype != np.uint8 or not len(rows):
            raise SearchError(
                f"the algorithm asked for an array of shape {rows.shape} and dtype {rows.dtype} after {self.ended} "
                f"evaluations; give uint8 (n, {variables}) with n of at least 1"
            )
        self._space.check(rows)
        return rows
