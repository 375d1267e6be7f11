"""Tasks of the leaderboard: what is sought on which benchmark, in how many evaluations, and what the best is."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from accelnas._core import __version__
from accelnas.benchmark import benchmarks, load
from accelnas.errors import SearchError
from accelnas.exact.artifacts import described
from accelnas.exact.engine import Run
from accelnas.exact.fields import Fields
from accelnas.exact.files import sha256_of
from accelnas.exact.hypervolume import hypervolume
from accelnas.exact.questions import BestQuestion, FrontQuestion
from accelnas.exact.solve import solve
from accelnas.files import parse_toml, read_text
from accelnas.search.objective import parse_sought
from accelnas.search.problem import Setting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelnas import Certificate
    from accelnas.exact.questions import Question

__all__ = ["FOLDER", "LeaderboardTask", "Proof", "load_task", "prove", "read_task", "tasks"]

FOLDER = Path(__file__).parents[1] / "data" / "leaderboard"
FORMAT = 1
MOST_EVALUATIONS = 1_000_000
_CLAIMED = ("question", "space", "size", "metrics", "result", "bound", "complete")  # of a certificate


@dataclass(frozen=True)
class Proof:
    """What is known of a task's best, and of what.

    Attributes
    ----------
    benchmark_sha256 : str
        Digest of all that values depend on: the space, and the files, expressions and noise of the metrics.
    best : float
        The optimum in the metric's unit; of several objectives the hypervolume of the exact front.
    certificate_sha256 : str
        Digest of what the exact engine's certificate claims: question, space, metrics and result. Unlike that of the
        whole certificate, which also has times and machines, it is the same whenever the task is proven anew.
    accelnas : str
        Version that proved it.
    """

    benchmark_sha256: str
    best: float
    certificate_sha256: str
    accelnas: str


@dataclass(frozen=True)
class LeaderboardTask:
    """A task whose numbers never change: other numbers are another version.

    Attributes
    ----------
    name : str
        Benchmark and what is sought, such as ``"accel-nasbench/accuracy"``.
    version : int
        From 1.
    description : str
        In a sentence.
    benchmark : str
        A name of `accelnas.benchmarks`.
    objectives : mapping of str to {"maximise", "minimise"}
        One metric, or several.
    constraints : tuple of str
        What architectures have to meet.
    noise : bool
        Whether evaluations are simulated measurements.
    budgets : tuple of int
        Numbers of evaluations at which algorithms are compared, ascending; the last is the length of a run.
    runs : int
        Number of runs: their seeds are 0, 1, 2 and so on.
    reference : mapping of str to float
        From where hypervolumes are measured; empty for one objective.
    proof : Proof or None
        What the best is; None only before `prove`.
    """

    name: str
    version: int
    description: str
    benchmark: str
    objectives: Mapping[str, str]
    constraints: tuple[str, ...]
    noise: bool
    budgets: tuple[int, ...]
    runs: int
    reference: Mapping[str, float]
    proof: Proof | None

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def budget(self) -> int:
        """Evaluations of a run."""
        return self.budgets[-1]

    @property
    def loss(self) -> str:
        """What algorithms are ranked by, less of which is better."""
        return "1 - hypervolume" if len(self.objectives) > 1 else "regret"

    @property
    def sha256(self) -> str:
        """Digest of all that results depend on."""
        plain = asdict(replace(self, objectives=dict(self.objectives), reference=dict(self.reference)))
        plain["objectives"], plain["reference"] = list(self.objectives.items()), list(self.reference.items())
        del plain["description"]
        return sha256_of(plain)

    @property
    def best(self) -> float:
        """The proven optimum, or hypervolume of the exact front.

        Raises
        ------
        SearchError
            If it is not proven yet.
        """
        if self.proof is None:
            raise SearchError(f"task {self} has no proof; run: python scripts/leaderboard.py prove, from a clone")
        return self.proof.best

    def setting(self) -> Setting:
        """Give what is sought where, on the installed benchmark.

        Raises
        ------
        SearchError
            If that benchmark is not the one of the task.
        """
        setting = _setting(self.benchmark, tuple(self.objectives.items()), self.constraints, self.noise)
        found = _benchmark_sha256(setting)
        if self.proof is not None and found != self.proof.benchmark_sha256:
            raise SearchError(
                f"task {self} is about a {self.benchmark} with sha256 {self.proof.benchmark_sha256}, the installed one "
                f"has {found}; install accelnas {self.proof.accelnas}, or take another version of the task"
            )
        return setting

    def to_toml(self) -> str:
        """Write the task's file."""
        parts = {"objectives": self.objectives, "reference": self.reference}
        head = {name: value for name, value in asdict(self).items() if name not in (*parts, "proof")}
        lines = [*_lines({"format_version": FORMAT, **head})]
        for name, part in parts.items():
            lines += ["", f"[{name}]", *_lines(part)]
        if self.proof is not None:
            lines += ["", "[proof]", *_lines(asdict(self.proof))]
        return "\n".join(lines) + "\n"


def _lines(values: Mapping[str, Any]) -> list[str]:
    return [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]


@cache
def _setting(
    benchmark: str, objectives: tuple[tuple[str, str], ...], constraints: tuple[str, ...], noise: bool
) -> Setting:
    bench, sought = parse_sought(load(benchmark), list(objectives), list(constraints))
    return Setting.of(bench, sought, None, noise, None)


def _benchmark_sha256(setting: Setting) -> str:
    bench, columns = setting.bench, setting.sought.columns
    noise = {name: bench.metrics[name].noise for name in columns}
    return sha256_of({"space": bench.space.sha256, "metrics": described(bench, columns), "noise": noise})


def prove(task: LeaderboardTask, threads: int | None = None) -> LeaderboardTask:
    """Give a task with the proof of its best, by the exact engine on the installed benchmark.

    Examples
    --------
    >>> task = load_task("nasbench-macro/accuracy@1")
    >>> prove(task) == task
    True
    """
    setting = replace(task, proof=None).setting()
    objectives = list(task.objectives.items())
    limits = {c.metric: (c.lower, c.upper) for c in setting.sought.constraints}
    several = len(objectives) > 1
    question: Question = FrontQuestion(objectives, limits) if several else BestQuestion(objectives[0], limits)
    found: Any = solve(setting.bench, question, Run(threads=threads))
    if several:
        best = hypervolume(found.values, list(task.reference.values()), list(task.objectives.values()))
        if not best > 0:
            raise SearchError(f"no point of the front of {task} is better than the reference {task.reference}")
    else:
        best = float(found.values[0])
    proof = Proof(_benchmark_sha256(setting), best, _claim_sha256(found.certificate), __version__)
    known = task.proof
    if known is not None and replace(proof, accelnas=known.accelnas) == known:
        proof = known  # a later version found the same
    return replace(task, proof=proof)


def _claim_sha256(certificate: Certificate) -> str:
    content = certificate.to_json()
    return sha256_of({name: content[name] for name in _CLAIMED})


@cache
def tasks() -> Mapping[str, LeaderboardTask]:
    """Give the tasks that come with the package, by name and version.

    Examples
    --------
    >>> task = tasks()["nasbench201/cifar100@1"]
    >>> task.budgets, task.runs, round(task.best, 2)
    ((20, 50, 150), 20, 73.49)
    """
    found = map(read_task, FOLDER.glob("*/*.toml"))
    order = sorted(found, key=lambda task: (list(benchmarks()).index(task.benchmark), task.name, task.version))
    return MappingProxyType({str(task): task for task in order})


def load_task(name: str) -> LeaderboardTask:
    """Give the task of a name with its version.

    Raises
    ------
    SearchError
        If there is none.
    """
    if name not in tasks():
        raise SearchError(f"unknown task {name!r}; choose one of {', '.join(tasks())}")
    return tasks()[name]


def read_task(path: Path) -> LeaderboardTask:
    """Read a task's file.

    Raises
    ------
    FileError
        If it can't be read.
    SearchError
        If it is not what it should be.
    """
    where = str(path)
    fields = Fields.of_stranger(parse_toml(read_text(path, SearchError), where, SearchError), where)
    fields.integer("format_version", least=FORMAT, most=FORMAT)
    task = LeaderboardTask(
        name=fields.text("name"),
        version=fields.integer("version", least=1, most=1000),
        description=fields.text("description"),
        benchmark=fields.text("benchmark", tuple(benchmarks())),
        objectives=_table(fields, "objectives", where, lambda part, name: part.text(name, ("maximise", "minimise"))),
        constraints=tuple(fields.texts("constraints")),
        noise=fields.truth("noise"),
        budgets=_budgets(fields),
        runs=fields.integer("runs", least=2, most=10_000),
        reference=_table(fields, "reference", where, lambda part, name: part.number(name)),
        proof=_proof(fields.object("proof")) if fields.has("proof") else None,
    )
    fields.end()
    named = "/".join((path.parent.name, path.stem))
    if str(task) != named or not task.name.startswith(f"{task.benchmark}/"):
        raise SearchError(f"{where} is named {named}, its task is {task} on {task.benchmark}; rename one of them")
    wanted = list(task.objectives) if len(task.objectives) > 1 else []
    if not task.objectives or list(task.reference) != wanted:
        raise SearchError(f"{where}: reference has {list(task.reference)}, expected {wanted}; give a number of each")
    if task.noise and task.constraints:
        raise SearchError(f"{where} has noise and constraints, whether measurements meet them is not checked; drop one")
    return task


def _budgets(fields: Fields) -> tuple[int, ...]:
    listed = fields.integers("budgets", None, least=1, most=MOST_EVALUATIONS)
    if not listed or sorted(set(listed)) != listed:
        raise fields.wrong("budgets", listed, "ascending integers")
    return tuple(listed)


def _table(fields: Fields, name: str, where: str, take: Any) -> Mapping[str, Any]:
    content = dict(fields.mapping(name))
    part = Fields(content, f"{where}: {name}")
    return MappingProxyType({key: take(part, key) for key in content})


def _proof(fields: Fields) -> Proof:
    proof = Proof(
        fields.digest("benchmark_sha256"),
        fields.number("best"),
        fields.digest("certificate_sha256"),
        fields.text("accelnas"),
    )
    fields.end()
    return proof
