"""What every model family does: fit, predict, and turn into trees or tables."""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib import import_module
from threading import Event
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from accelnas.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from accelnas import Space
    from accelnas.fitting.anova import Tables

    Floats = NDArray[np.float64]
    Choices = NDArray[np.uint8]
    Rows = NDArray[np.intp]

__all__ = ["Family", "Fit", "Models", "ParameterFamily", "Recipe", "Sample", "Stage"]

POLL = 0.05  # seconds between looks at whether to stop


@dataclass(frozen=True)
class Stage:
    """One run of boosting (or the only fit of a model that is not boosted)."""

    parameters: Mapping[str, Any]  # what the library itself takes, by its own names
    rounds: int  # largest number of trees (of the forest's trees)
    stop: int | None = None  # when the validation error has not fallen for so many rounds; None never stops
    # largest number of blocks, and of variables, that a path from root to leaf may test; None is no limit. Leaves of
    # at most three variables make the smallest tables
    max_blocks: int | None = None
    max_variables: int | None = None


@dataclass(frozen=True)
class Recipe:
    """How a model is fitted."""

    name: str  # for the record
    family: str  # key of `accelnas.fitting.families.FAMILIES`
    stages: tuple[Stage, ...] = ()  # of tree families, each continuing the one before
    parameters: Mapping[str, Any] = field(default_factory=dict)  # of the other families
    base: str | None = None  # "blocks": trees are fitted to what a sum over blocks leaves over; None: to everything
    one_hot: bool = False  # trees see a column a choice, not one a variable with the positions of its choices


@dataclass(frozen=True)
class Sample:
    """Rows to fit or to stop on."""

    choices: Choices  # uint8 (n, variables): choice indices
    targets: Floats  # float64 (n,): what the model predicts

    def take(self, rows: Rows) -> Sample:
        """Give some of the rows."""
        return Sample(self.choices[rows], self.targets[rows])


@dataclass(frozen=True)
class Models:
    """Fitted ensemble members."""

    predict: Callable[[Choices], Floats]  # from choices to every member's predictions, float64 (members, n)
    # count, size: number of members, and of trees, support vectors or table cells in all of them
    count: int
    size: int
    trees: Sequence[Any] = ()  # what Treelite imports: a library's model a member; none if there are no trees
    tables: Tables | None = None  # interaction tables of each member, to which its trees add
    # float64 (known metrics,): their standardised values add to the tables of all members
    weights: Floats | None = None


@dataclass(frozen=True)
class Fit:
    """An ensemble, and what it says of rows that it did not see."""

    models: Models  # the members
    # mean, spread: float64 (n,): prediction of each row of the data from the other folds alone, and its standard
    # deviation as far as the model states it (0 where it states none)
    mean: Floats
    spread: Floats


class StoppedError(Exception):
    """A member's fit was interrupted with its ensemble's."""


class Family(ABC):
    """A way of fitting models; one object a recipe.

    Parameters
    ----------
    recipe
        Settings of the fit.
    space
        The architectures' space.

    Raises
    ------
    ModelError
        If the recipe has a field that the family doesn't know.
    """

    name: ClassVar[str]
    library: ClassVar[str]
    """What fits a member, imported before any thread does: Ctrl-C ends imports of the main one alone."""
    compiles: ClassVar[bool] = True
    """Whether the models are trees or tables, so that benchmarks can hold them."""
    closed_form: ClassVar[bool] = False
    """Whether one fit to all rows says what each fold's rows are without it."""

    def __init__(self, recipe: Recipe, space: Space) -> None:
        self.recipe, self.space = recipe, space
        self._stopped = Event()

    def check(self) -> None:
        """End a fit that nobody waits for; families call it as often as their library lets them.

        Raises
        ------
        StoppedError
            If the ensemble was interrupted.
        """
        if self._stopped.is_set():
            raise StoppedError

    @abstractmethod
    def fit(self, train: Sample, val: Sample, seed: int) -> Any:
        """One member, fitted on `train` and stopped early on `val`; one thread, so that sums don't depend on it."""

    def helpers(self, threads: int) -> AbstractContextManager[Any]:  # noqa: ARG002 most need none
        """Hold what so many fits at the same time share, as long as an ensemble is fitted."""
        return nullcontext()

    @abstractmethod
    def gather(self, members: Sequence[Any]) -> Models:
        """Members made by `fit`, as one ensemble."""

    def fit_ensemble(
        self,
        data: Sample,
        folds: Sequence[Rows],
        members: int,
        seed: int,
        threads: int,
        tell: Callable[[int], None],
    ) -> Fit:
        """Fit all members; member i leaves out fold i mod folds and has seed `seed` + i.

        Folds are row numbers, together all of the data's; so many threads fit a member each, and `tell` is called
        with the number of members fitted so far.
        """
        everything = np.arange(len(data.targets))

        def one(number: int) -> Any:
            val = folds[number % len(folds)]
            train = np.setdiff1d(everything, val, assume_unique=True)
            return self.fit(data.take(train), data.take(val), seed + number)

        fitted = []
        import_module(self.library)
        with self.helpers(threads), ThreadPoolExecutor(threads) as pool:
            try:
                # a row is predicted by the members that left its fold out
                for future in [pool.submit(one, number) for number in range(max(members, len(folds)))]:
                    while not wait([future], timeout=POLL).done:
                        pass  # awake for Ctrl-C, which another thread may have got
                    fitted.append(future.result())
                    tell(min(len(fitted), members))
            except BaseException:  # the pool waits for its threads
                self._stopped.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        mean = np.empty(len(everything))
        for i, fold in enumerate(folds):
            mean[fold] = self.gather(fitted[i :: len(folds)]).predict(data.choices[fold]).mean(axis=0)
        return Fit(self.gather(fitted[:members]), mean, np.zeros(len(everything)))


class ParameterFamily(Family):
    """A family that takes parameters, and no stages."""

    defaults: ClassVar[Mapping[str, Any]]

    def __init__(self, recipe: Recipe, space: Space) -> None:
        super().__init__(recipe, space)
        if recipe.stages or recipe.base or recipe.one_hot:
            raise ModelError(
                f"recipe {recipe.name}: {self.name} has no stages, no base and no one_hot; give parameters"
            )
        for name in recipe.parameters:
            if name not in self.defaults:
                known = ", ".join(self.defaults)
                raise ModelError(f"recipe {recipe.name}: {self.name} has no parameter {name!r}; it has {known}")
        self.parameters = {**self.defaults, **recipe.parameters}
