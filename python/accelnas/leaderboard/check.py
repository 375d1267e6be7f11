"""Checks records: all that they report is computed again, and their runs are made again where that is possible."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.arguments import check_whole
from accelnas.errors import AccelnasError, FileError, SearchError
from accelnas.leaderboard.algorithms import missing
from accelnas.leaderboard.record import Record, RunRecord
from accelnas.leaderboard.runs import losses_at, plain_losses, recorded, replayed, run, values_of
from accelnas.leaderboard.task import LeaderboardTask, load_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from os import PathLike

__all__ = ["Checked", "Entry", "Fault", "check_folder", "check_record"]


@dataclass(frozen=True)
class Fault:
    """What is wrong with a record.

    Attributes
    ----------
    file : str
        The record's file.
    reason : str
        Seed and step, what is recorded, and what was found instead.
    """

    file: str
    reason: str

    def __str__(self) -> str:
        return self.reason if self.reason.startswith(self.file) else f"{self.file}: {self.reason}"


@dataclass(frozen=True)
class Entry:
    """A record without faults.

    Attributes
    ----------
    file : str
        Its file.
    record : Record
        What it says.
    rerun : int
        Number of runs that were made again, and were the same.
    reason : str
        Why others were not.
    """

    file: str
    record: Record
    rerun: int
    reason: str


@dataclass(frozen=True)
class Checked:
    """What a check of a folder found."""

    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...]

    @property
    def passed(self) -> bool:
        """Whether there are records, and none has a fault."""
        return bool(self.entries) and not self.faults

    def __repr__(self) -> str:
        return f"<Checked: {len(self.entries)} records hold, {len(self.faults)} faults>"


def check_folder(
    folder: str | PathLike[str],
    *,
    reruns: int | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Checked:
    """Check all records of a folder, and of folders in it.

    Parameters
    ----------
    folder : path
        Where the records are: all files that end in ``.json``.
    reruns : int, optional
        Make so many runs of each record again, those of the lowest seeds; all by default.
    threads : int, optional
        Threads to use; one a core by default.
    progress : callable, optional
        Told how many records are done, of how many.

    Returns
    -------
    Checked
        Records that hold, and what is wrong with the others.

    Raises
    ------
    FileError
        If there is no such folder, or no record in it.
    """
    if reruns is not None:
        check_whole("reruns", reruns, 0)
    root = Path(folder)
    files = sorted(root.rglob("*.json"))
    if not files:
        raise FileError(f"{root} has no records, files that end in .json; name a folder of records")
    entries: list[Entry] = []
    faults: list[Fault] = []
    for done, path in enumerate(files):
        if progress is not None:
            progress(done, len(files))
        file = path.relative_to(root).as_posix()
        try:
            entry = _entry(path, file, entries, reruns, threads)
        except AccelnasError as error:
            faults.append(Fault(file, str(error).replace(str(path), file)))
            continue
        if isinstance(entry, Entry):
            entries.append(entry)
        else:
            faults += entry
    return Checked(tuple(entries), tuple(faults))


def _entry(path: Path, file: str, before: list[Entry], reruns: int | None, threads: int | None) -> Entry | list[Fault]:
    record = Record.load(path)
    for entry in before:
        same = entry.record.task == record.task and str(entry.record.entrant) == str(record.entrant)
        if same:
            raise SearchError(f"{file} is of {record.entrant} on {record.task}, as {entry.file} is; keep one of them")
    reasons, rerun, why = check_record(record, reruns=reruns, threads=threads)
    return [Fault(file, reason) for reason in reasons] or Entry(file, record, rerun, why)


def check_record(
    record: Record, *, reruns: int | None = None, threads: int | None = None
) -> tuple[list[str], int, str]:
    """Check one record.

    Parameters
    ----------
    record, reruns, threads
        As for `check_folder`.

    Returns
    -------
    faults : list of str
        What differs, at most one fault a run.
    rerun : int
        Number of runs that were made again.
    reason : str
        Why others were not; empty if all were.

    Raises
    ------
    SearchError
        If the installed benchmark is not that of the task.
    """
    task = load_task(record.task)
    task.setting()
    if record.entrant.kind == "native":
        run(task, record.entrant.algorithm, 0, 1, threads)  # refuses settings that are none, whatever is made again
    why = missing(record.entrant)
    number = 0 if why else min(len(record.runs), len(record.runs) if reruns is None else reruns)
    if not why and number < len(record.runs):
        why = f"{number} of {len(record.runs)} runs were asked for"
    faults, rerun = [], 0
    for own in record.runs:
        try:
            found = _recomputed(task, own, threads)
            if (fault := _difference(task, own, found, "computed again it is")) is None and own.seed < number:
                again = run(task, record.entrant.algorithm, own.seed, threads=threads)
                fault = _difference(task, own, recorded(task, again, whole=False), "made again it is")
                rerun += 1
        except AccelnasError as error:
            fault = str(error)
        if fault is not None:
            version = f" (made with accelnas {record.accelnas})" if "made again" in fault else ""
            faults.append(f"seed {own.seed}: {fault}{version}")
    return faults, rerun, why or ""


def _recomputed(task: LeaderboardTask, own: RunRecord, threads: int | None) -> RunRecord:
    """Compute again all that follows from the architectures of a run.

    Raises
    ------
    SearchError, SpaceError
        If an architecture is none of the space, does not meet the constraints, or was not the best so far.
    """
    setting = task.setting()
    rows = setting.bench.space.at(np.array(own.architectures, np.uint64))
    if own.at is None:
        return recorded(task, replayed(task, rows, own.seed, threads), whole=True)
    if len(rows) and not task.noise:
        again = replayed(task, rows, own.seed, threads)
        improved = np.zeros(len(rows), bool)
        improved[again.improvements[~np.isnan(again.improved_scores[:, 0])]] = True
        if not improved.all():
            step = int(improved.argmin())
            raise SearchError(
                f"{_place(own, step)}: architecture {own.architectures[step]} is listed, but does not meet the "
                "constraints or is no better than those before"
            )
    losses = plain_losses(losses_at(task, setting, own.at, rows, task.budgets))
    return replace(own, values=values_of(task, setting, rows), losses=losses)


def _difference(task: LeaderboardTask, own: RunRecord, found: RunRecord, what: str) -> str | None:
    """Name the first difference of two records of a run."""
    for step, (recorded_one, found_one) in enumerate(itertools.zip_longest(_steps(own), _steps(found))):
        if recorded_one != found_one:
            return f"{_place(own, step)}: {_told(task, recorded_one)} is recorded, {what} {_told(task, found_one)}"
    for budget, recorded_loss, found_loss in zip(task.budgets, own.losses, found.losses, strict=True):
        if recorded_loss != found_loss:
            return f"{task.loss} after {budget} evaluations is recorded as {recorded_loss}, {what} {found_loss}"
    if own.sha256 != found.sha256:
        return f"sha256 of the trajectory is recorded as {own.sha256}, {what} {found.sha256}"
    return None


def _steps(own: RunRecord) -> Iterator[tuple[Any, ...]]:
    at = range(1, len(own.architectures) + 1) if own.at is None else own.at
    return zip(at, own.architectures, own.values, strict=True)


def _place(own: RunRecord, step: int) -> str:
    if own.at is None:
        return f"evaluation {step + 1}"
    after = f" (evaluation {own.at[step]})" if step < len(own.at) else ""
    return f"improvement {step + 1}{after}"


def _told(task: LeaderboardTask, step: tuple[Any, ...] | None) -> str:
    if step is None:
        return "nothing"
    at, architecture, values = step
    named = ", ".join(f"{name} {value!r}" for name, value in zip(task.objectives, values, strict=True))
    return f"architecture {architecture} with {named} at evaluation {at}"
