"""What the commands share: error handling, the benchmark option, progress, output files."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
import typer.core

from accelnas.caching import cached_property
from accelnas.errors import AccelnasError, AccelnasWarning

if TYPE_CHECKING:
    from rich.console import Console

    from accelnas import Benchmark

# a missing library and the extra that brings it
EXTRAS = {
    "ConfigSpace": "configspace",
    "fastapi": "serve",
    "httptools": "serve",
    "joblib": "build",
    "lightgbm": "build",
    "matplotlib": "plots",
    "polars": "polars",
    "pymoo": "pymoo",
    "ray": "ray",
    "scikit_posthocs": "simulate",
    "scipy": "build",
    "sklearn": "build",
    "skops": "build",
    "threadpoolctl": "build",
    "tomli": "build",
    "treelite": "build",
    "uvicorn": "serve",
    "xgboost": "build",
}


def new_app(group: type[ErrorGroup]) -> typer.Typer:
    """Make a command line whose errors are one line; both packages have one."""
    return typer.Typer(
        cls=group,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def optional(*names: str, text: str, metavar: str = "FILE", default: str | bool = False) -> Any:
    """Give an option, of a file for most, that need not be given; `default` says what happens without it."""
    return typer.Option(*names, metavar=metavar, help=text, show_default=default)


BenchmarkOption = Annotated[
    Path | None,
    optional("--benchmark", "-b", metavar="DIRECTORY", text="Benchmark directory to use in place of the bundled one."),
]
DeriveOption = Annotated[
    list[str] | None,
    typer.Option(
        "--derive",
        "-d",
        metavar="'NAME [UNIT] = EXPRESSION'",
        help="Add a metric computed from others, such as 'time_a100 \\[ms] = 1000 / throughput_a100'. Less is better "
        "unless 'maximise' comes first. May be repeated, and may use metrics added before.",
        show_default=False,
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option("--threads", "-t", min=1, help="Number of threads.", show_default="all cores"),
]
OutputOption = Annotated[
    Path | None,
    optional("--output", "-o", text="Also write a table: CSV, or Parquet if the name ends in .parquet."),
]


def _drawable(path: Path | None) -> Path | None:
    """Refuse before anything long begins a file that no plot can be."""
    if path is not None:
        from accelnas.plots.style import form_of

        form_of(path)
    return path


def plot_option(name: str, text: str) -> Any:
    """Give an option of a file to draw to."""
    return typer.Option(
        name, metavar="FILE", help=f"{text}; SVG, PDF or PNG by its ending.", show_default=False, callback=_drawable
    )


PlotOption = Annotated[Path | None, plot_option("--plot", "File to draw to")]


@dataclass(frozen=True)
class Opened:
    """The benchmark that a command asks."""

    derive: DeriveOption = None
    benchmark: BenchmarkOption = None

    @cached_property
    def bench(self) -> Benchmark:
        """The benchmark itself."""
        return load_benchmark(self.benchmark, self.derive)


@dataclass(frozen=True)
class Computed(Opened):
    """The benchmark, and the threads to ask it with."""

    threads: ThreadsOption = None


class SpelledGroup(typer.core.TyperGroup):
    """Command group whose names are read in American spelling, too."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Give a command by its name."""
        british = cmd_name.replace("ize", "ise").replace("neighbor", "neighbour")
        return super().get_command(ctx, cmd_name) or super().get_command(ctx, british)


class ErrorGroup(SpelledGroup):
    """Command group that turns every expected failure into one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; the only place where the command line handles errors."""
        try:
            with _told_warnings():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except BrokenPipeError:  # the reader left (`| head`)
            _silence()
            raise typer.Exit(141) from None
        except AccelnasError as error:
            message = str(error)
        except ModuleNotFoundError as error:
            extra = EXTRAS.get((error.name or "").partition(".")[0])
            if extra is None:
                raise
            message = f"{error.name} is not installed; run: pip install 'accelnas[{extra}]'"
        except OSError as error:
            message = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
            message = message[0].lower() + message[1:]
        typer.secho("error: ", fg="red", bold=True, err=True, nl=False)
        typer.echo(message, err=True)
        raise typer.Exit(1)


@contextmanager
def _told_warnings() -> Iterator[None]:
    """Show warnings of ours as one line each, like errors."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def tell(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if not issubclass(category, AccelnasWarning):
                show(message, category, *place, **more)
                return
            typer.secho("warning: ", fg="yellow", bold=True, err=True, nl=False)
            typer.echo(message, err=True)

        warnings.showwarning = tell
        warnings.simplefilter("always", AccelnasWarning)
        yield


def run(app: typer.Typer, name: str) -> NoReturn:
    """Run a command line and exit; what can't be written to the standard output at last is said, too."""
    code: Any = 1
    if sys.stdout is None:  # its number would be the first opened file's
        typer.echo("error: standard output is closed; send it to a file or to /dev/null", err=True)
        raise SystemExit(code)
    try:
        app(prog_name=name)
    except SystemExit as done:
        code = done.code
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = 141
        _silence()
    except OSError as error:
        if not code:
            typer.echo(f"error: standard output: {error.strerror}", err=True)
        code = code or 1
        _silence()
    raise SystemExit(code)


def _silence() -> None:
    """Let what is left of the standard output go nowhere, or Python complains of it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def load_benchmark(path: Path | None, derive: Sequence[str] | None = None) -> Benchmark:
    """Load the benchmark in a directory, or the bundled one, and add derived metrics."""
    import accelnas

    bench = accelnas.load() if path is None else accelnas.load(path)
    for text in derive or ():
        found = re.fullmatch(r"\s*(?:(maximi[sz]e|minimi[sz]e)\s+)?(\w+)\s*(?:\[(.*?)\])?\s*=(.*)", text)
        if found is None:
            raise typer.BadParameter(f"--derive {text!r}; write 'NAME = EXPRESSION' or 'NAME [UNIT] = EXPRESSION'")
        direction, name, unit, expression = found.groups()
        bench = bench.derive(name, expression.strip(), unit=unit or "", direction=direction or "minimise")
    return bench


def imported(name: str, what: str) -> Any:
    """Give what ``module:attribute`` names, a module of the current folder or an installed one."""
    module, _, path = name.partition(":")
    # as `python -m` finds modules: the current folder comes first
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise typer.BadParameter(f"no module {error.name!r} in {Path.cwd()} or installed; see {name!r}") from None
    except (Exception, SystemExit) as error:
        raise typer.BadParameter(f"{module} can't be imported: {type(error).__name__}: {error}") from error
    for attribute in path.split("."):
        if not hasattr(found, attribute):
            raise typer.BadParameter(f"{module} has no {path!r}; name {what}")
        found = getattr(found, attribute)
    return found


def console(stderr: bool = False) -> Console:
    """Rich console; wide enough for every table when the output is not a terminal."""
    from rich.console import Console

    out = Console(stderr=stderr, highlight=False, soft_wrap=False)
    if not out.is_terminal and "COLUMNS" not in os.environ:
        out.width = 160
    return out


def write_plot(path: Path | None, draw: Callable[[], Any]) -> None:
    """Draw to a file, where one is given; no window is opened."""
    if path is None:
        return
    import matplotlib

    from accelnas.plots import save

    matplotlib.use("agg")
    from matplotlib import pyplot

    axes = draw()
    save(axes, path)
    pyplot.close(axes.figure)


@contextmanager
def progress(description: str, total: float | None, unit: str = "rows") -> Iterator[Callable[..., None]]:
    """Show a progress bar on stderr while a person watches.

    Parameters
    ----------
    description
        What is being done.
    total
        Amount of work, or None when it is unknown (a pipe).
    unit
        ``"bytes"`` or what is being counted.

    Yields
    ------
    Callable
        To be told how much has been done so far; what else it is told does not matter.
    """
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield lambda *_: None
        return
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed
    from rich.progress import TimeRemainingColumn as Remaining

    text = TextColumn("{task.description}")
    amount = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    columns = (text, BarColumn(), amount, Elapsed(), Remaining())
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task(description, total=total)
        yield lambda completed, *_: bar.update(task, completed=completed)
