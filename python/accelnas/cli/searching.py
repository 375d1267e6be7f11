"""What the commands that search by evaluations share: options, objectives, algorithms, progress."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelnas.cli.exact import Restricted, parse_directions
from accelnas.cli.formulations import Form, Terms, parse_formulation
from accelnas.cli.shared import console, imported, optional

if TYPE_CHECKING:
    from accelnas import Benchmark
    from accelnas.search.objective import SoughtLike
    from accelnas.search.problem import Setting
    from accelnas.search.runs.plan import AnyAlgorithm

ObjectiveArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="METRIC[,METRIC]|METRIC=WEIGHT...",
        help="What is sought: metrics, each with :maximise or :minimise after it where its direction is to be "
        "replaced; or two to five weights, or exponents, of a --form.",
    ),
]
ExactOption = Annotated[
    bool, typer.Option("--exact/--no-exact", help="Compare with the proven optimum, or front, of the whole space.")
]


@dataclass(frozen=True, kw_only=True)
class Sought:
    """What runs are for: their length, what they seek where, and how it is evaluated."""

    budget: Annotated[int, typer.Option("--budget", "-n", min=1, help="Evaluations of a run.")] = 600
    seed: Annotated[int, typer.Option("--seed", min=0, help="The only source of chance.")] = 0
    restricted: Restricted
    penalty: Annotated[
        float | None,
        typer.Option(
            "--penalty",
            min=0,
            help="What a relative violation of 1 costs the score.",
            show_default="feasible architectures come first",
        ),
    ] = None
    noise: Annotated[bool, typer.Option("--noise", help="Simulate measurements rather than predict.")] = False
    clock: Annotated[
        str | None,
        optional("--clock", metavar="METRIC", text="What an evaluation costs, such as train_time, or epochs."),
    ] = None
    fidelities: Annotated[
        str | None,
        optional(
            "--fidelities",
            metavar="EPOCHS=METRIC[,...]|none",
            text="The objective after fewer epochs, itself last: 4=accuracy@4,32=accuracy.",
            default="those of the benchmark",
        ),
    ] = None
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Begin every training anew, rather than go on with fewer epochs.")
    ] = False
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=1,
            help="Evaluations at a time, in the simulated time of the clock.",
            show_default="one after the other",
        ),
    ] = None
    synchronous: Annotated[
        bool, typer.Option("--synchronous", help="Tell an algorithm of a batch after the last of it has ended.")
    ] = False
    time: Annotated[
        float | None,
        optional("--time", metavar="COST", text="End a run at this cost, if its budget lasts so long.", default="none"),
    ] = None
    start: Annotated[
        list[str] | None,
        optional(
            "--start",
            metavar="ARCHITECTURE",
            text="An architecture to begin with, in place of a random one. May be repeated.",
        ),
    ] = None
    start_counts: Annotated[
        bool,
        typer.Option(
            "--start-counts/--start-free",
            help="Whether these are part of the budget, or known and free.",
        ),
    ] = True
    settings: Annotated[
        list[str] | None,
        optional(
            "--set",
            metavar="[ALGORITHM.]NAME=VALUE",
            text="A setting of the algorithms that have it, such as population=100. May be repeated.",
        ),
    ] = None
    form: Annotated[
        Form | None,
        typer.Option(
            "--form", help="Seek one score of several metrics, as accelnas scalarised does.", show_default=False
        ),
    ] = None
    terms: Terms

    def objective(self, texts: Sequence[str]) -> SoughtLike:
        """Read metrics, or a formulation of several."""
        if self.form is not None:
            return parse_formulation(self.form, texts, self.terms)
        for text in (*(text for text in texts if "=" in text), *(self.terms.ranges or ()), *(self.terms.targets or ())):
            raise typer.BadParameter(f"{text!r} needs --form, such as product")
        return [objective for group in texts for objective in parse_directions(group)]

    def task(self, bench: Benchmark) -> dict[str, Any]:
        """Give the options of a task as the API takes them."""
        crew = {"workers": self.workers, "synchronous": self.synchronous, "time": self.time}
        begun = {"start": self.start, "start_counts": self.start_counts}
        how = {"penalty": self.penalty, "noise": self.noise, "clock": self.clock}
        ladder = {"fidelities": _fidelities(self.fidelities), "from_scratch": self.from_scratch}
        return {**self.restricted.of(bench), **how, **ladder, **crew, **begun}


def _fidelities(text: str | None) -> dict[int, str] | None:
    """Read epochs and the metrics after them; nothing is what the benchmark has."""
    if text is None:
        return None
    found = {}
    for part in () if text == "none" else text.split(","):
        epochs, equals, name = part.partition("=")
        if not equals or not epochs.strip().isdecimal():
            raise typer.BadParameter(f"--fidelities {text!r}; write EPOCHS=METRIC, such as 4=accuracy@4,32=accuracy")
        if int(epochs) in found:
            raise typer.BadParameter(f"--fidelities {text!r}: {int(epochs)} epochs are given twice; leave one out")
        found[int(epochs)] = name.strip()
    return found


def parse_algorithms(names: str, settings: Sequence[str] | None) -> dict[str, Any]:
    """Read algorithms and their settings: native names, and ``module:attribute`` for those of the caller."""
    from accelnas.search.runs.plan import labelled

    chosen = labelled([_algorithm(name.strip()) for name in names.split(",")])
    for text in settings or ():
        target, equals, written = text.partition("=")
        owner, _, name = target.strip().rpartition(".")
        having = [
            label
            for label, algorithm in chosen.items()
            if owner in ("", label) and is_dataclass(algorithm) and name in (entry.name for entry in fields(algorithm))
        ]
        if not equals or not having:
            known = "; ".join(f"{label} has {', '.join(settings_of(one)) or 'none'}" for label, one in chosen.items())
            raise typer.BadParameter(f"--set {text!r}; write NAME=VALUE with a setting of the algorithms: {known}")
        for label in having:
            chosen[label] = replace(chosen[label], **{name: setting_value(written.strip())})
    return chosen


def settings_of(algorithm: object) -> dict[str, Any]:
    """Give the settings of an algorithm; those of a user's own are not known."""
    return asdict(algorithm) if is_dataclass(algorithm) and not isinstance(algorithm, type) else {}


def setting_value(text: str) -> Any:
    """Read a number or a truth value; anything else is text."""
    try:
        return json.loads(text.lower())
    except (ValueError, RecursionError):
        return None if text.lower() == "none" else text


def _algorithm(name: str) -> AnyAlgorithm:
    """Give what ``module:attribute`` names, or the name itself."""
    return imported(name, "a class or a function of a Task") if ":" in name else name


def setting_of(bench: Benchmark, objective: SoughtLike, task: dict[str, Any]) -> Setting:
    """Check what is sought where, before anything long begins."""
    from accelnas.search.fidelities import Fidelities
    from accelnas.search.objective import parse_sought
    from accelnas.search.problem import Setting

    complete, sought = parse_sought(bench, objective, task["subject_to"], task["penalty"], task["within"])
    ladder = Fidelities.of(complete, sought, task["fidelities"], task["from_scratch"])
    return Setting.of(complete, sought, task["within"], task["noise"], task["clock"], ladder)


@contextmanager
def watched(
    label: str, total: int, setting: Setting, optimum: float | None
) -> Iterator[Callable[[int, int, float], None] | None]:
    """Show progress with the best value so far, and its regret, while a person watches; else give None."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    text, best = TextColumn("{task.description}"), TextColumn("{task.fields[best]}")
    with Progress(
        text, BarColumn(), MofNCompleteColumn(), best, TimeRemainingColumn(), console=screen, transient=True
    ) as bar:
        task = bar.add_task(label, total=total, best="")

        def show(done: int, _total: int, score: float) -> None:
            bar.update(task, completed=done, best=standing(setting, optimum, score))

        yield show


def standing(setting: Setting, optimum: float | None, score: float) -> str:
    """Say how good the best is; scores are the core's, of which more is better."""
    from accelnas.cli.info import significant
    from accelnas.search.history import INFEASIBLE

    name, sign = setting.sought.labels[0], float(setting.sought.signs[0])
    if not score > INFEASIBLE:
        return "nothing feasible yet" if setting.fidelities is None else "nothing feasible trained to the end yet"
    best = f"best {name} {significant(sign * score, 6)}"
    # predictions in float32, and measurements with noise, may be beyond the optimum
    return best if optimum is None else f"{best}, regret {max(0.0, sign * optimum - score):.3g}"
