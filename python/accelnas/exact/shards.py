"""Shards: parts of a search that run anywhere, as files that merge."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from accelnas.errors import SearchError
from accelnas.exact.answer import certified, rest_on
from accelnas.exact.claims import checked_question
from accelnas.exact.derivations import with_derived
from accelnas.exact.engine import Finished, Run, prepare, run
from accelnas.exact.fields import Fields
from accelnas.exact.files import read_json, sha256_of, write_json
from accelnas.exact.options import RunOptions
from accelnas.exact.questions import LexicographicQuestion, on_metrics
from accelnas.exact.resolved import ResolvedQuestion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from accelnas.exact.options import Progress
    from accelnas.exact.questions import Question
    from accelnas.models.predictor import Predictor

__all__ = ["Part", "merge_shards", "run_shard"]

FORMAT = "accelnas part"
VERSION = 2  # 1 had no digest


@dataclass(frozen=True)
class Part:
    """What one shard of a search found.

    Attributes
    ----------
    question : mapping
        The whole question as plain data.
    key : str
        SHA-256 of all that the result depends on.
    part, parts : int
        Which shard of how many, 1 to `parts`.
    state : str
        What the core found, as JSON text.
    seconds : float
        Time of the search.
    threads : int
        Threads that searched.
    engine : str
        Name of the engine.
    """

    question: Mapping[str, Any]
    key: str
    part: int
    parts: int
    state: str
    seconds: float
    threads: int
    engine: str

    def __repr__(self) -> str:
        return f"<Part {self.part} of {self.parts} of {self.question['kind']}>"

    @property
    def sha256(self) -> str:
        """Digest of all fields."""
        return sha256_of(asdict(self))

    def to_json(self) -> dict[str, Any]:
        """Give the part as plain data."""
        return {"format": FORMAT, "version": VERSION, **asdict(self), "sha256": self.sha256}

    def save(self, path: str | PathLike[str]) -> None:
        """Write a JSON file, in place of an older one only when complete."""
        write_json(path, self.to_json())

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Part:
        """Read a file of `save`.

        Raises
        ------
        FileError
            If it can't be read.
        SearchError
            If it is no part of a search, of another version, or altered. What it found is checked when it is merged.
        """
        return cls.from_json(read_json(path), str(path))

    @classmethod
    def from_json(cls, content: object, where: str = "part") -> Part:
        """Read what `to_json` gives, from any source; see `load`."""
        fields = Fields.of_stranger(content, where)
        fields.text("format", (FORMAT,))
        version = fields.integer("version")
        if version != VERSION:
            raise SearchError(f"{where} has version {version}, this accelnas reads {VERSION}; run the shard again")
        parts = fields.integer("parts", least=1)
        part = cls(
            question=checked_question(fields.object("question"), where),
            key=fields.digest("key"),
            part=fields.integer("part", least=1, most=parts),
            parts=parts,
            state=fields.text("state"),
            seconds=fields.number("seconds", least=0),
            threads=fields.integer("threads", least=1),
            engine=fields.text("engine", ("threads", "ray")),
        )
        digest = fields.digest("sha256")
        fields.end()
        if digest != part.sha256:
            raise SearchError(
                f"{where} was altered: its sha256 is {digest}, its fields give {part.sha256}; run the shard again"
            )
        return part


def run_shard(
    bench: Predictor,
    question: Question,
    part: int,
    parts: int,
    *,
    options: RunOptions | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Part:
    """Run one shard of a search; shards may run at any time, on any machine.

    Parameters
    ----------
    bench : Benchmark
        The benchmark.
    question : Question
        Such as `accelnas.exact.BestQuestion`.
    part, parts : int
        Which shard of how many, 1 to `parts`.
    options : RunOptions, optional
        Engine, checkpoint and time limit.
    threads : int, optional
        Threads to use; one a core by default.
    progress : callable, optional
        Called with the number of architectures dealt with and their total.

    Returns
    -------
    Part
        To be saved, or merged by `merge_shards`.

    Examples
    --------
    >>> import accelnas
    >>> from accelnas.exact import CountQuestion
    >>> bench = accelnas.load()
    >>> question = CountQuestion("accuracy >= 55", within={f"block{b}_l": 1 for b in range(7)})
    >>> shards = [run_shard(bench, question, part, 3) for part in (1, 2, 3)]
    >>> found = merge_shards(bench, shards)
    >>> found.count == bench.count("accuracy >= 55", within={f"block{b}_l": 1 for b in range(7)}).count
    True
    """
    how = Run(options or RunOptions(), threads, progress, (part, parts))
    if how.options.engine == "scan":
        raise SearchError("engine is 'scan', which is not divided; choose threads or ray")
    if isinstance(question, LexicographicQuestion):
        raise SearchError("stages follow from each other and are not divided; ask for each one as a best question")
    bench, question = on_metrics(bench, question)
    asked = question.resolve(bench)
    found = run(bench, asked, prepare(bench, asked, threads), how)
    content = asked.to_json(bench.space)
    return Part(content, asked.key(bench), part, parts, found.state, found.seconds, found.threads, found.engine)


def merge_shards(bench: Predictor, parts: Sequence[Part | str | PathLike[str]]) -> Any:
    """Put all shards of a search together.

    Parameters
    ----------
    bench : Benchmark
        The benchmark that they were made with.
    parts : sequence of Part, str or path
        Shards, or files that `Part.save` wrote; each once.

    Returns
    -------
    BestResult, CountResult, ...
        What the whole search gives; the counts of pruned architectures may differ from it, because
        shards don't know of each other's finds. The seconds of all shards are added up.

    Raises
    ------
    SearchError
        If a shard is missing, given twice, damaged, or of another question, benchmark or version.
    """
    given = [Part.from_json(part.to_json()) if isinstance(part, Part) else Part.load(part) for part in parts]
    if not given:
        raise SearchError("no shards to merge; give all that were made")
    bench = with_derived(bench, [*given[0].question["objectives"], *given[0].question["constraints"]])
    question = ResolvedQuestion.from_json(bench, given[0].question)
    key = question.key(bench)
    if foreign := [part for part in given if (part.key, part.parts) != (key, given[0].parts)]:
        raise SearchError(f"{foreign[0]!r} is of another question, benchmark or version; merge shards of one search")
    numbers, total = [part.part for part in given], given[0].parts
    if repeated := sorted({n for n in numbers if numbers.count(n) > 1}):
        raise SearchError(f"shard {repeated[0]} of {total} is given twice; give each once")
    if missing := next((n for n in range(1, total + 1) if n not in numbers), None):
        raise SearchError(f"shard {missing} of {total} is missing, {len(given)} are given; run it first")
    rest_on(bench, question)
    search = prepare(bench, question, None)
    state = reduce(search.merge, [part.state for part in given])
    seconds, threads = sum(part.seconds for part in given), max(part.threads for part in given)
    if not search.result(state)["complete"]:
        raise SearchError("the shards lack jobs that they should have done; run them again")
    return certified(bench, question, search, Finished(state, seconds, threads, given[0].engine, total))
