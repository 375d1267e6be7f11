"""Columns that are computed from choices of several variables: the formulas of an encoding."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from accelnas.errors import MetricError, ModelError
from accelnas.models.expressions import FUNCTIONS, evaluate, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from accelnas import Space

    Floats = NDArray[np.float64]

__all__ = ["TERMS", "Formula", "formula"]

TERMS = ("index", "value", "log2", "sum", "product")  # besides the functions of expressions
MOST_STATES, MOST_VARIABLES = 1 << 20, 32  # joint states of a formula's variables, and axes of an array


@dataclass(frozen=True)
class Formula:
    """A function of some variables: its value at each of their joint states, in C order."""

    variables: tuple[tuple[int, int], ...]  # positions in the space, and numbers of states
    numbers: tuple[float, ...]


def formula(text: str, space: Space) -> Formula:
    """Compute a formula at all joint states of its variables.

    Names are variables, which stand for their choices (true is 1), or in a `sum` or `product` of one argument symbols,
    which stand for the variable of each block in turn: ``sum(l)`` is the number of layers where ``l`` is that of a
    block, and ``sum(block0_l, block1_l)`` that of two.
    ``index(v)`` is the position of a choice, ``log2(v)`` its logarithm, ``v == "conv"`` 1 or 0; ``+ - * / **``,
    parentheses and the functions of expressions of metrics do the rest. All is computed in float64.

    Raises
    ------
    ModelError
        If the text is no formula of the space, is undefined at a joint state, or has more than 2^20 of them.

    Examples
    --------
    >>> import accelnas
    >>> space = accelnas.mnasnet_space()
    >>> total = formula("sum(l)", space)
    >>> len(total.variables), len(total.numbers), min(total.numbers), max(total.numbers)
    (7, 2916, 7.0, 22.0)
    >>> formula("log2(block0_e * block0_k)", space).numbers[:2]
    (1.584962500721156, 2.321928094887362)
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        reader = _Reader(space, text)
        found = reader.number(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{text!r} is no formula: {error}") from None
    except MetricError as error:
        raise ModelError(f"formula {text!r}: {error}") from None
    return Formula(tuple(sorted(reader.used.items())), tuple(np.ravel(found).tolist()))


class _Reader:
    """Computes parts of a formula as arrays with an axis for each variable that the whole of it names."""

    def __init__(self, space: Space, text: str) -> None:
        self.space, self.text = space, text
        self.places = {variable.name: i for i, variable in enumerate(space.variables)}
        tree = ast.parse(text.strip(), mode="eval").body
        self.used = {place: len(space.variables[place].states) for place in sorted(self._places(tree, None))}
        if not self.used:
            raise ModelError(f"formula {text!r} names no variable of the space {space.name}; name one")
        states = math.prod(self.used.values())
        if states > MOST_STATES or len(self.used) > MOST_VARIABLES:
            raise ModelError(
                f"formula {text!r} depends on {len(self.used)} variables with {states:,} joint states, at most "
                f"{MOST_STATES:,} of {MOST_VARIABLES} variables compile; use columns of fewer"
            )

    def _places(self, tree: ast.expr, block: Mapping[str, int] | None) -> set[int]:
        """Find the variables that an expression names."""
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id in ("sum", "product"):
            return {place for argument, own in self._parts(tree, block) for place in self._places(argument, own)}
        functions = {id(node.func) for node in [tree] if isinstance(node, ast.Call)}
        if isinstance(tree, ast.Name):
            return {self._place(tree.id, block)}
        children = [c for c in ast.iter_child_nodes(tree) if isinstance(c, ast.expr) and id(c) not in functions]
        return {place for child in children for place in self._places(child, block)}

    def _parts(
        self, call: ast.Call, block: Mapping[str, int] | None
    ) -> list[tuple[ast.expr, Mapping[str, int] | None]]:
        """Give what a sum or product is of: its arguments, or its one argument for each block with those symbols."""
        if len(call.args) > 1:
            return [(argument, block) for argument in call.args]
        names = {node.id for node in ast.walk(call) if isinstance(node, ast.Name)}
        variables = self.space.variables
        blocks = [{variables[self.places[n]].symbol: self.places[n] for n in b.variables} for b in self.space.blocks]
        known = {symbol for own in blocks for symbol in own} - set(self.places)
        symbols = known & names
        found = [own for own in blocks if symbols <= set(own)]
        if not symbols or not found or len(call.args) != 1:
            raise ModelError(
                f"{ast.unparse(call)!r} in formula {self.text!r} names no symbol that blocks share"
                f" ({', '.join(sorted(known)[:9]) or 'the space has none'}); give several variables, or a symbol"
            )
        return [(call.args[0], own) for own in found]

    def _place(self, name: str, block: Mapping[str, int] | None) -> int:
        if name in self.places:
            return self.places[name]
        if block is not None and name in block:
            return block[name]
        hint = " outside of sum and product" if any(v.symbol == name for v in self.space.variables) else ""
        raise ModelError(
            f"formula {self.text!r}: {name!r} is no variable of the space {self.space.name}{hint}; "
            f"name one, such as {self.space.variables[0].name}"
        )

    def number(self, tree: ast.expr, block: Mapping[str, int] | None = None) -> Any:
        """Compute an expression: terms here, the arithmetic around them as of expressions of metrics."""
        terms: dict[str, Any] = {}

        def put(node: ast.expr, value: Any) -> ast.expr:
            name = f"term{len(terms)}"
            terms[name] = value
            return ast.copy_location(ast.Name(name, ast.Load()), node)

        def replaced(node: ast.expr) -> ast.expr:
            match node:
                case ast.Name(id=name):
                    return put(node, self._axis(self._place(name, block), self._choices(name, block)))
                case ast.Compare(left=ast.Name(id=name), ops=[ast.Eq()], comparators=[ast.Constant(value=choice)]):
                    return put(node, self._axis(self._place(name, block), self._equal(name, choice, block)))
                case ast.Call(func=ast.Name(id="index"), args=[ast.Name(id=name)], keywords=[]):
                    place = self._place(name, block)
                    return put(node, self._axis(place, np.arange(len(self.space.variables[place].choices))))
                case ast.Call(func=ast.Name(id="value"), args=[argument], keywords=[]):
                    return replaced(argument)
                case ast.Call(func=ast.Name(id="log2"), args=[argument], keywords=[]):
                    return put(node, self._log2(self.number(argument, block)))
                case ast.Call(func=ast.Name(id="sum" | "product" as of), keywords=[]):
                    parts = [self.number(argument, own) for argument, own in self._parts(node, block)]
                    return put(node, reduce(np.add if of == "sum" else np.multiply, parts))
                case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
                    return ast.copy_location(ast.Call(node.func, [replaced(a) for a in arguments], []), node)
                case ast.UnaryOp(op=op, operand=operand):
                    return ast.copy_location(ast.UnaryOp(op, replaced(operand)), node)
                case ast.BinOp(left=left, op=op, right=right):
                    return ast.copy_location(ast.BinOp(replaced(left), op, replaced(right)), node)
                case ast.Constant(value=int() | float()):
                    return node
            raise ModelError(
                f"{ast.unparse(node)!r} is not allowed in formula {self.text!r}; use numbers, variables, "
                f"variable == choice, + - * / **, {', '.join(TERMS)}, {', '.join(FUNCTIONS)}"
            )

        plain = replaced(tree)
        if not terms:
            return np.float64(ast.literal_eval(plain))
        return evaluate(parse(ast.unparse(plain)), terms, self._refuse)

    def _axis(self, place: int, numbers: Any) -> Floats:
        found = np.full(self.used[place], math.nan)
        found[: len(numbers)] = numbers
        if np.isnan(found).any():
            name = self.space.variables[place].name
            raise ModelError(f"formula {self.text!r}: {name} is inactive in some architectures and has no number there")
        shape = [1] * len(self.used)
        shape[list(self.used).index(place)] = len(found)
        return np.broadcast_to(found.reshape(shape), tuple(self.used.values()))

    def _choices(self, name: str, block: Mapping[str, int] | None) -> list[float]:
        variable = self.space.variables[self._place(name, block)]
        if not all(isinstance(choice, (bool, int, float)) for choice in variable.choices):
            raise ModelError(
                f"formula {self.text!r}: choices of {variable.name} are no numbers; write index({name}), or "
                f"{name} == {variable.choices[0]!r}"
            )
        return [float(choice) for choice in variable.choices]

    def _equal(self, name: str, choice: object, block: Mapping[str, int] | None) -> list[float]:
        variable = self.space.variables[self._place(name, block)]
        if choice not in variable.choices:
            shown = ", ".join(map(repr, variable.choices))
            raise ModelError(
                f"formula {self.text!r}: {choice!r} is no choice of {variable.name}; choose one of {shown}"
            )
        return [float(own == choice) for own in variable.choices]

    def _log2(self, numbers: Any) -> Any:
        if np.any(np.asarray(numbers) <= 0):
            raise ModelError(f"formula {self.text!r}: log2 of {float(np.min(numbers)):g} is undefined")
        return np.log2(numbers)

    def _refuse(self, what: str, _position: int, _shape: tuple[int, ...]) -> NoReturn:
        raise ModelError(f"formula {self.text!r}: {what}")
