"""The command line: ``accelnas-training network | scheme | cache | train | proxy | collect | store | export | …``."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

import accelnas_training
from accelnas.cli.help import with_filled_help
from accelnas.cli.shared import ErrorGroup, new_app, run

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["app", "main"]

# in the order of their use: the module of each command, and its help
COMMANDS = {
    "network": ("network", "Show, export and check networks."),
    "scheme": ("scheme", "Look at training schemes, check one of your own."),
    "cache": ("cache", "Write images resized to tar shards, which are fast to load."),
    "train": ("train", "Train one architecture of a search space by a scheme."),
    "proxy": ("proxy", "Find a cheap training scheme that ranks as an expensive one does, validate it."),
    "collect": ("collect", "Train architectures of a search space and keep their accuracies, whatever dies meanwhile."),
    "search": ("search", "Search by real training, with any algorithm, through a store."),
    "store": ("store", "Look at a store, check it, compare its values, let failed jobs be tried again."),
    "export": ("export", "Write a store's results as a table."),
    "measure": ("measure", "Measure latency, throughput, memory and energy, on any device."),
    "transfer": ("transfer", "A new device from few measurements: choose, fit, evaluate."),
    "estimate": ("estimate", "Build estimators of cost, and compare their errors and costs."),
    "profile-blocks": ("estimate", "Measure every block of a network in each of its states, apart."),
    "precision": ("precision", "What few bits cost: the loss of top-1 by bits and by block."),
    "zero-cost": ("zero_cost", "Score networks that were not trained, and judge the scores."),
    "oneshot": ("oneshot", "Train weights that all networks share, evaluate architectures with them, search."),
    "lstm-reinforce": ("lstm_reinforce", "Run REINFORCE with the LSTM controller of the Accel-NASBench paper."),
}


class _Loaded(Mapping[str, Any]):
    """All commands by name, each imported when it is looked up: PyTorch takes seconds."""

    def __getitem__(self, name: str) -> Any:
        module, text = COMMANDS[name]
        group = typer.main.get_group(import_module(f"accelnas_training.cli.{module}").app)
        group.help = text
        return with_filled_help(group.commands.get(name, group))

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Deferred(TyperCommand):
    """A command with its help, which is imported when it is called."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Hand over to the command itself, or the group of commands."""
        return _Loaded()[str(self.name)].make_context(info_name, args, parent, **extra)


class _Commands(ErrorGroup):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands: Any = _Loaded()

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Name all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:  # noqa: ARG002
        """Give a command, before its module is imported."""
        return _Deferred(cmd_name, help=COMMANDS[cmd_name][1]) if cmd_name in COMMANDS else None


app = new_app(_Commands)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"accelnas-training {accelnas_training.__version__}")
        raise typer.Exit


@app.callback()
def _accelnas_training(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Make an architecture benchmark of your own space, data and device."""


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    run(app, "accelnas-training")
