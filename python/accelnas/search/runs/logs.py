"""What many runs noted: one row an improvement, run after run."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas._core import MAX_SIZE
from accelnas.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars
    from numpy.typing import NDArray

    from accelnas.space import Rows, Space

__all__ = ["Logs"]


@dataclass(frozen=True)
class Logs:
    """Improvements of many runs.

    Attributes
    ----------
    lengths : int64 array (runs,)
        Number of improvements of each run.
    evaluations : int64 array (n,)
        After how many evaluations of its run each was found.
    rows : uint8 array (n, variables)
        Architectures.
    scores : float64 array (n, m)
        Scores as the core has them: more is better.
    times : float64 array (n,)
        Simulated cost so far; empty without a clock.
    time : float64 array (runs,)
        Simulated cost of each run as a whole.
    done : int64 array (runs,)
        Evaluations of each run as a whole: its budget, or fewer where its time ended.
    epochs : int64 array (n,)
        Epochs of each improvement; empty without fidelities.
    """

    lengths: NDArray[np.int64]
    evaluations: NDArray[np.int64]
    rows: Rows
    scores: NDArray[np.float64]
    times: NDArray[np.float64]
    time: NDArray[np.float64]
    done: NDArray[np.int64]
    epochs: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    @classmethod
    def of(cls, found: Mapping[str, NDArray[Any]]) -> Logs:
        """Take what the core gives."""
        lengths, evaluations = found["lengths"].astype(np.int64), found["evaluations"].astype(np.int64)
        return cls(
            lengths,
            evaluations,
            found["rows"],
            found["scores"],
            found["times"],
            found["time"],
            found["done"].astype(np.int64),
            found["epochs"].astype(np.int64),
        )

    @classmethod
    def joined(cls, parts: Sequence[Logs]) -> Logs:
        """Put the logs of different runs one after the other."""
        return cls(*(np.concatenate([getattr(part, entry.name) for part in parts]) for entry in fields(cls)))

    @property
    def starts(self) -> NDArray[np.int64]:
        """First improvement of every run, and the end of the last: int64 (runs + 1,)."""
        return np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)

    @property
    def run(self) -> NDArray[np.int64]:
        """Run of each improvement, from 0."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    def at(self, evaluations: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give the latest improvement of every run after so many evaluations, (runs, k); -1 before the first."""
        width = int(max(self.evaluations.max(initial=0), evaluations.max(initial=0))) + 1
        keys = self.run * width + self.evaluations
        asked = np.arange(len(self.lengths))[:, None] * width + evaluations[None, :]
        found = np.searchsorted(keys, asked, side="right") - 1
        return np.where(found >= self.starts[:-1, None], found, -1)

    def at_times(self, times: NDArray[np.float64]) -> NDArray[np.int64]:
        """Give the latest improvement of every run up to some simulated costs, (runs, k); -1 before the first."""
        starts = self.starts
        found = [np.searchsorted(self.times[a:b], times, side="right") + a - 1 for a, b in itertools.pairwise(starts)]
        latest = np.stack(found) if found else np.empty((0, len(times)), np.int64)
        return np.where(latest >= starts[:-1, None], latest, -1)

    def to_polars(self, space: Space, labels: Sequence[str], first_run: int = 0) -> polars.DataFrame:
        """Give one row an improvement, and architectures as 64-bit indices where the space has them."""
        import polars as pl

        run = self.run
        columns: dict[str, Any] = {"run": run + first_run, "evaluation": self.evaluations}
        if space.size <= MAX_SIZE:
            columns["index"] = space.index(self.rows)
        else:
            columns["architecture"] = space.format(self.rows)
        columns |= {f"score {label}": self.scores[:, i] for i, label in enumerate(labels)}
        if len(self.epochs):
            columns["epochs"] = self.epochs
        if len(self.times):
            columns |= {"time": self.times, "time of the run": self.time[run]}
        return pl.DataFrame(columns)

    @property
    def ends(self) -> str:
        """When each run ended, also one that noted nothing: JSON."""
        return json.dumps({"evaluations": self.done.tolist(), "time": self.time.tolist()})

    @classmethod
    def from_polars(cls, space: Space, labels: Sequence[str], frame: polars.DataFrame, runs: range, ends: str) -> Logs:
        """Read what `to_polars` and `ends` give.

        Raises
        ------
        FileError
            If columns are missing, or rows are not of these runs.
        """
        wanted = {"run", "evaluation", *(f"score {label}" for label in labels)}
        if not wanted <= set(frame.columns) or not {"index", "architecture"} & set(frame.columns):
            raise FileError(f"the columns are {', '.join(frame.columns)}, expected {', '.join(sorted(wanted))}")
        run = frame.get_column("run").to_numpy().astype(np.int64) - runs.start
        if len(run) and (run.min() < 0 or run.max() >= len(runs) or (np.diff(run) < 0).any()):
            raise FileError(f"the rows are not of the runs {runs.start} to {runs.stop - 1}, in order")
        has_index = "index" in frame.columns
        rows = (
            space.at(frame.get_column("index").to_numpy())
            if has_index
            else space.parse(frame.get_column("architecture").to_list())
        )
        has_clock = "time" in frame.columns
        ended = json.loads(ends)
        time, done = np.array(ended["time"], np.float64), np.array(ended["evaluations"], np.int64)
        if time.shape != (len(runs),) or done.shape != (len(runs),):
            raise FileError(f"it says when {len(time)} and {len(done)} runs ended, {len(runs)} are expected")
        return cls(
            np.bincount(run, minlength=len(runs)).astype(np.int64),
            frame.get_column("evaluation").to_numpy().astype(np.int64),
            rows,
            np.stack([frame.get_column(f"score {label}").to_numpy() for label in labels], axis=1),
            frame.get_column("time").to_numpy() if has_clock else np.empty(0),
            time,
            done,
            frame.get_column("epochs").to_numpy().astype(np.int64)
            if "epochs" in frame.columns
            else np.empty(0, np.int64),
        )
