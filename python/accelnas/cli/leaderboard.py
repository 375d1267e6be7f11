"""``accelnas leaderboard``: tasks with proven optima, records of algorithms on them, and how they rank."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from accelnas.cli.commands import command
from accelnas.cli.info import new_table, significant
from accelnas.cli.shared import SpelledGroup, ThreadsOption, console, imported, optional, progress
from accelnas.files import text_output

group = typer.Typer(
    cls=SpelledGroup, no_args_is_help=True, help="Enter algorithms into a leaderboard, check its records, rank them."
)
FolderArgument = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of records, with folders in it.")]


@command("accelnas leaderboard tasks", of=group, name="tasks")
def list_tasks(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print JSON in place of a table.")] = False
) -> None:
    """List the tasks, and the best that is possible in each."""
    from accelnas.leaderboard import tasks

    if as_json:
        plain = {
            name: {"sha256": task.sha256, "best": task.best, "budgets": task.budgets} for name, task in tasks().items()
        }
        typer.echo(json.dumps(plain, indent=1))
        return
    table = new_table(
        "task", "evaluations", "runs", "proven best", "what", numbers=("evaluations", "runs", "proven best")
    )
    for name, task in tasks().items():
        evaluations = ", ".join(map(str, task.budgets))
        table.add_row(name, evaluations, str(task.runs), significant(task.best, 8), task.description)
    console().print(table)


@command(
    "accelnas leaderboard record nasbench201/cifar100@1 local_search -o leaderboard",
    "accelnas leaderboard record accel-nasbench/accuracy@1 regularized_evolution --set population=50 -o leaderboard",
    "accelnas leaderboard record nasbench201/cifar100@1 my_module:MyAlgorithm --name 'my algorithm' -o leaderboard",
    of=group,
    name="record",
)
def make_record(
    task: Annotated[
        str, typer.Argument(metavar="TASK", help="Name with version, as accelnas leaderboard tasks lists it.")
    ],
    algorithm: Annotated[
        str,
        typer.Argument(
            metavar="ALGORITHM",
            help="A native algorithm, one of an adapter (pymoo_nsga2, optuna_tpe, optuna_nsga2, smac, syne_tune, "
            "neps), or MODULE:ATTRIBUTE for your own, from this folder.",
        ),
    ],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder of records: the file goes to FOLDER/TASK.")
    ],
    name: Annotated[str | None, optional("--name", metavar="NAME", text="What your own algorithm is called.")] = None,
    settings: Annotated[
        list[str] | None,
        optional("--set", metavar="NAME=VALUE", text="A setting, such as population=100. May be repeated."),
    ] = None,
    threads: ThreadsOption = None,
) -> None:
    """Make all runs of an algorithm on a task, and write their record."""
    from accelnas.leaderboard import load_task, record

    given = load_task(task)
    own = ":" in algorithm
    chosen: Any = imported(algorithm, "a class or a function of a Task") if own else algorithm
    if own and name is None:
        name = algorithm.rpartition(":")[2]
    with progress(algorithm, given.runs, "runs") as show:
        made = record(given, chosen, _settings(settings), name=name, threads=threads, progress=show)
    path = output / str(given) / f"{''.join(c if c.isalnum() or c in '_-' else '-' for c in str(made.entrant))}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save(path)
    typer.echo(str(path))


def _settings(texts: list[str] | None) -> dict[str, Any]:
    from accelnas.cli.searching import setting_value

    found = {}
    for text in texts or ():
        name, equals, written = text.partition("=")
        if not equals or not name.strip():
            raise typer.BadParameter(f"--set {text!r}; write NAME=VALUE")
        found[name.strip()] = setting_value(written.strip())
    return found


RerunsOption = Annotated[
    int | None,
    typer.Option("--reruns", min=0, help="Make so many runs of each record again.", show_default="all runs"),
]


@command("accelnas leaderboard check leaderboard", "accelnas leaderboard check leaderboard --reruns 1", of=group)
def check(
    folder: FolderArgument,
    *,
    reruns: RerunsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
    threads: ThreadsOption = None,
) -> None:
    """Check every record: its digest, all values and losses, and its runs, made again; the exit code is 1 at a fault.

    Runs of foreign algorithms, and of libraries that are not installed in the same version, are not made again.
    """
    from rich.markup import escape

    checked = _checked(folder, reruns, threads)
    held = [(e.file, str(e.record.entrant), e.rerun, len(e.record.runs), e.reason) for e in checked.entries]
    if as_json:
        names = ("file", "algorithm", "rerun", "runs", "reason")
        records = [dict(zip(names, entry, strict=True)) for entry in held]
        faults = [{"file": fault.file, "reason": fault.reason} for fault in checked.faults]
        typer.echo(json.dumps({"passed": checked.passed, "records": records, "faults": faults}, indent=1))
    else:
        table = new_table("record", "runs made again", "why not all", numbers=("runs made again",))
        for file, _, rerun, runs, reason in held:
            table.add_row(escape(file), f"{rerun} of {runs}", escape(reason))
        if table.rows:
            console().print(table)
        for fault in checked.faults:
            console().print(f"[bold red]fault[/] {escape(str(fault))}", soft_wrap=True)
        console().print(f"{len(held)} records hold, {len(checked.faults)} faults")
    if not checked.passed:
        raise typer.Exit(1)


@command(
    "accelnas leaderboard page leaderboard -o page.html",
    "accelnas leaderboard page leaderboard -o standings.csv",
    of=group,
)
def page(
    folder: FolderArgument,
    *,
    output: Annotated[
        Path | None,
        optional("--output", "-o", text="HTML page, Markdown, CSV or Parquet, by the name's end.", default="Markdown"),
    ] = None,
    reruns: Annotated[int, typer.Option("--reruns", min=0, help="Make so many runs of each record again before.")] = 0,
    threads: ThreadsOption = None,
) -> None:
    """Rank the algorithms of each task, in one page; a record with a fault is refused."""
    from accelnas.fitting.writers import write_table
    from accelnas.leaderboard.page import to_html
    from accelnas.leaderboard.standings import standings, to_columns, to_markdown

    end = ".md" if output is None else output.suffix.lower()
    if end not in (".html", ".md", ".csv", ".parquet"):
        raise typer.BadParameter(f"--output {output}; let the name end in .html, .md, .csv or .parquet")
    tables = standings(_checked(folder, reruns, threads))
    if end in (".csv", ".parquet"):
        write_table(output, iter([to_columns(tables)]))
        return
    with text_output(output) as file:
        file.write(to_html(tables) if end == ".html" else to_markdown(tables))


def _checked(folder: Path, reruns: int | None, threads: int | None) -> Any:
    from accelnas.leaderboard import check_folder

    with progress("checking", None, "records") as show:
        return check_folder(folder, reruns=reruns, threads=threads, progress=show)
