"""Records of the leaderboard: what the runs of one algorithm found on one task, as one JSON file."""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas._core import __version__
from accelnas.arguments import shown
from accelnas.errors import SearchError
from accelnas.exact.fields import Fields
from accelnas.exact.files import read_json, sha256_of
from accelnas.files import write_text
from accelnas.leaderboard.algorithms import ADAPTED, Entrant
from accelnas.leaderboard.task import LeaderboardTask, load_task
from accelnas.search.algorithms import ALGORITHMS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from accelnas.search.history import History

__all__ = ["Record", "RunRecord", "digest"]

FORMAT, VERSION = "accelnas leaderboard record", 1
_LONGEST = 80  # characters of a name
_MOST = 20  # settings or libraries
_ORDINARY = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-+.,:()/")


@dataclass(frozen=True)
class RunRecord:
    """One run.

    Attributes
    ----------
    seed : int
        Of the run.
    at : tuple of int or None
        After how many evaluations each listed architecture was found; None where all evaluated ones are listed.
    architectures : tuple of int
        Indices (`Space.index`), in the order of evaluations: of what met the constraints and was the best so far, or
        not dominated so far, or recommended; or of everything.
    values : tuple of tuple of float
        Their objectives, by predictions without noise: the shortest decimals that give the same float32.
    losses : tuple of (float or None)
        At each of the task's budgets: regret, or 1 less normalised hypervolume; None where nothing was feasible.
    sha256 : str
        Digest of everything that was evaluated, and of what the algorithm was told.
    """

    seed: int
    at: tuple[int, ...] | None
    architectures: tuple[int, ...]
    values: tuple[tuple[float, ...], ...]
    losses: tuple[float | None, ...]
    sha256: str


@dataclass(frozen=True)
class Record:
    """All runs of an algorithm on a task.

    Attributes
    ----------
    task, task_sha256 : str
        Name with version, and digest of the task.
    entrant : Entrant
        The algorithm.
    accelnas : str
        Version that made the record.
    runs : tuple of RunRecord
        One a seed, 0, 1, 2 and so on.
    """

    task: str
    task_sha256: str
    entrant: Entrant
    accelnas: str
    runs: tuple[RunRecord, ...]

    def __repr__(self) -> str:
        return f"<Record: {len(self.runs)} runs of {self.entrant} on {self.task}>"

    @classmethod
    def of(cls, task: LeaderboardTask, entrant: Entrant, runs: Sequence[RunRecord]) -> Record:
        """Put runs together."""
        return cls(str(task), task.sha256, entrant, __version__, tuple(runs))

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        plain = {"format": FORMAT, "version": VERSION, **asdict(self)}
        plain["algorithm"] = plain.pop("entrant")
        plain["runs"] = plain.pop("runs")  # the longest comes last
        return {**plain, "sha256": sha256_of(plain)}

    def save(self, path: str | PathLike[str]) -> None:
        """Write it, a line a run.

        Raises
        ------
        FileError
            If the file can't be written.
        """
        plain = self.to_json()
        runs = ",\n".join(json.dumps(run, separators=(",", ":")) for run in plain["runs"])
        head = ",\n".join(f"{json.dumps(name)}: {json.dumps(v)}" for name, v in plain.items() if name != "runs")
        write_text(path, f'{{\n{head},\n"runs": [\n{runs}\n]\n}}\n')

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Record:
        """Read a record and check the type and range of every field, and its digest.

        Raises
        ------
        FileError
            If the file can't be read.
        SearchError
            If it is no record, of another version, altered, or of a task that is not here.
        """
        return cls.from_json(read_json(path), str(path))

    @classmethod
    def from_json(cls, content: object, where: str = "record") -> Record:
        """Read what `to_json` gives, from any source; see `load`."""
        fields = Fields.of_stranger(content, where)
        fields.text("format", (FORMAT,))
        fields.integer("version", least=VERSION, most=VERSION)
        task = load_task(fields.text("task"))
        task_sha256 = fields.digest("task_sha256")
        if task_sha256 != task.sha256:
            raise SearchError(
                f"{where} is about a {task} with sha256 {task_sha256}, the one here has {task.sha256}; make it again"
            )
        entrant = _entrant(fields.object("algorithm"))
        version = fields.text("accelnas")
        runs = [
            _run(own, task, seed, entrant.kind == "foreign")
            for seed, own in enumerate(fields.objects("runs", task.runs))
        ]
        record = cls(str(task), task_sha256, entrant, version, tuple(runs))
        recorded, found = fields.digest("sha256"), record.to_json()["sha256"]
        fields.end()
        if recorded != found:
            raise SearchError(f"{where} was altered: its sha256 is {recorded}, its fields give {found}")
        return record


def digest(history: History) -> str:
    """Digest of all that a run evaluated, and of what it was told: tells runs apart that improved alike."""
    setting = history.setting
    whole = hashlib.sha256(setting.bench.space.index(history.architectures).astype("<u8").tobytes())
    for name in setting.sought.columns:
        whole.update(np.ascontiguousarray(history.values[name]).astype("<f8").tobytes())
    return whole.hexdigest()


def _entrant(fields: Fields) -> Entrant:
    kind = fields.text("kind", ("native", "adapter", "foreign"))
    name = fields.text("name", {"native": tuple(ALGORITHMS), "adapter": tuple(ADAPTED)}.get(kind, ()))
    found = Entrant(name, kind, dict(fields.mapping("settings")), dict(fields.mapping("libraries")))
    fields.end()
    check_described(found)
    wanted = {ADAPTED[name].library} if kind == "adapter" else set() if kind == "native" else set(found.libraries)
    if set(found.libraries) != wanted:
        raise fields.wrong("libraries", found.libraries, f"versions of {', '.join(wanted) or 'none'}")
    if kind != "foreign":
        _ = found.algorithm  # refuses settings that it has not
    return found


def check_described(entrant: Entrant) -> None:
    """Refuse names and settings that are long or odd, and a foreign algorithm with the name of another one.

    Raises
    ------
    SearchError
        If there are such.
    """
    name, allowed = entrant.name, f"1 to {_LONGEST} letters, digits, spaces and _-+.,:()/, a letter or digit first"
    if not _is_ordinary(name):
        raise SearchError(f"name is {shown(name)}; choose {allowed}")
    if entrant.kind == "foreign" and name.partition(" (")[0] in {*ALGORITHMS, *ADAPTED}:
        raise SearchError(f"name is {name!r}, which is the name of an algorithm of accelnas; choose another")
    for what, values in (("settings", entrant.settings), ("libraries", entrant.libraries)):
        if len(values) > _MOST:
            raise SearchError(f"there are {len(values)} {what} of {name}; give {_MOST} at most")
        for key, value in values.items():
            is_plain = value is None or isinstance(value, (bool, int, float))
            if not _is_ordinary(key) or not (_is_ordinary(value) or (is_plain and what == "settings")):
                raise SearchError(f"{what} of {name} have {shown(key)} = {shown(value)}; give numbers, or {allowed}")


def _is_ordinary(text: object) -> bool:
    # what begins with a sign is a formula to spreadsheets
    return isinstance(text, str) and 0 < len(text) <= _LONGEST and set(text) <= _ORDINARY and text[0].isalnum()


def _run(fields: Fields, task: LeaderboardTask, seed: int, whole: bool) -> RunRecord:
    at: tuple[int, ...] | None = None
    fields.integer("seed", least=seed, most=seed)
    if whole:
        fields.nothing("at")
        count = task.budget
    else:
        at = tuple(fields.integers("at", None, least=1, most=task.budget))
        count = len(at)
        # a recommendation may follow another one at once
        if any(later < earlier + (not task.noise) for earlier, later in itertools.pairwise(at)):
            raise fields.wrong("at", list(at), "ascending numbers of evaluations")
    architectures = fields.integers("architectures", count)
    m = len(task.objectives)
    values = fields.rows("values", count, m)
    losses = fields.optional_numbers("losses", len(task.budgets))
    found = RunRecord(seed, at, tuple(architectures), tuple(map(tuple, values)), tuple(losses), fields.digest("sha256"))
    fields.end()
    return found
