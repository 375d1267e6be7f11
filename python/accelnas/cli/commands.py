"""How functions become commands: their examples, and the groups of options that several of them share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from accelnas.cli.help import filled
from accelnas.cli.shared import ErrorGroup, new_app

if TYPE_CHECKING:
    import typer

__all__ = ["app", "command"]

Function = TypeVar("Function", bound=Callable[..., Any])

app = new_app(ErrorGroup)


def command(*examples: str, of: typer.Typer = app, name: str | None = None) -> Callable[[Function], Function]:
    """Make a command of a function, with examples in its help.

    A parameter whose type is a dataclass stands for options: the fields of that, in their order.
    """
    shown = [example.replace("[", r"\[") for example in examples]  # or they are read as markup
    epilog = "\n\n  ".join(["Examples:", *shown]) if len(shown) > 1 else f"Example:  {shown[0]}"

    def made(function: Function) -> Function:
        def run(**given: Any) -> None:
            _call(function, given)

        run.__signature__ = inspect.Signature(list(_options(function)))  # type: ignore[attr-defined]
        run.__doc__ = filled(function.__doc__)
        of.command(name or function.__name__.strip("_").replace("_", "-"), epilog=epilog)(run)
        return function

    return made


def _options(function: Callable[..., Any]) -> Iterator[inspect.Parameter]:
    hints = get_type_hints(function, include_extras=True)
    for parameter in inspect.signature(function).parameters.values():
        hint = hints[parameter.name]
        if isinstance(hint, type) and is_dataclass(hint):
            yield from _options(hint)
        else:
            yield parameter.replace(annotation=hint, kind=inspect.Parameter.KEYWORD_ONLY)


def _call(function: Callable[..., Any], given: dict[str, Any]) -> Any:
    hints = get_type_hints(function, include_extras=True)
    names = inspect.signature(function).parameters
    return function(**{n: _call(hints[n], given) if is_dataclass(hints[n]) else given[n] for n in names})
