"""What an algorithm asked and was told: a function of the order in which evaluations begin and end."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from accelnas import SearchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnas import Space
    from accelnas.search import AskTell, AskTellEpochs
    from accelnas_training.arrays import Archs, Floats


class Wanted(NamedTuple):
    """What an algorithm wants to know: an architecture, uint8 (variables,), and after how many epochs; None: all."""

    row: Archs
    epochs: int | None


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
    epochs
        Those after which an algorithm may ask for values.
    """

    def __init__(
        self, run: AskTell | AskTellEpochs, space: Space, budget: int, together: int, epochs: Sequence[int] = ()
    ) -> None:
        self._run: Any = run
        self._space, self._budget, self._together, self._epochs = space, budget, together, epochs
        self._asynchronous = bool(getattr(run, "asynchronous", False))
        self._queue: deque[Wanted] = deque()
        self._batch: dict[int, tuple[Wanted, Floats | None]] = {}  # under way, or to be told with the others
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

    def begin(self) -> Wanted:
        """Give what is wanted next; raises SearchError if it is no architecture, or not of these epochs."""
        if not self._queue:
            self._queue.extend(self._asked())
        wanted = self._queue.popleft()
        self._batch[self.begun] = wanted, None
        self.begun += 1
        return wanted

    def end(self, number: int, values: Floats) -> None:
        """Take the values of an evaluation, as the algorithm is told them, float64 (columns,)."""
        self._batch[number] = self._batch[number][0], values
        self.ended += 1
        if self._asynchronous:
            self._tell([number])
        elif self.begun == self.ended and (not self._queue or self.begun >= self._budget):
            self._tell(sorted(self._batch))

    def _tell(self, numbers: list[int]) -> None:
        wanted, values = zip(*(self._batch.pop(number) for number in numbers), strict=True)
        told = np.array(values, np.float64)
        rows, epochs = np.array([one.row for one in wanted], np.uint8), [one.epochs for one in wanted]
        rungs = [] if None in epochs else [np.array(epochs, np.int64)]
        self._run.tell(rows, told[:, 0] if told.shape[1] == 1 else told, *rungs)

    def _asked(self) -> list[Wanted]:
        asked = self._run.ask()
        if not isinstance(asked, tuple):
            return [Wanted(row, None) for row in self._checked(asked)]
        rows, epochs = self._checked(asked[0]), np.asarray(asked[1]).tolist()
        if len(epochs) != len(rows) or not set(epochs) <= set(self._epochs):
            raise SearchError(
                f"the algorithm asked for {len(rows)} architectures after {epochs} epochs; give each one's, of "
                f"{', '.join(map(str, self._epochs)) or 'none, as there are no fidelities'}"
            )
        return [Wanted(row, own) for row, own in zip(rows, epochs, strict=True)]

    def _checked(self, asked: Any) -> Archs:
        rows = np.asarray(asked)
        variables = len(self._space.variables)
        if rows.ndim != 2 or rows.shape[1] != variables or rows.dtype != np.uint8 or not len(rows):
            raise SearchError(
                f"the algorithm asked for an array of shape {rows.shape} and dtype {rows.dtype} after {self.ended} "
                f"evaluations; give uint8 (n, {variables}) with n of at least 1"
            )
        self._space.check(rows)
        return rows
