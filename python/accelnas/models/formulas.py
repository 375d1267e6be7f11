"""Formulas of choices: functions of the variables of a space, computed at all joint states that matter."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar

import numpy as np

from accelnas.errors import MetricError
from accelnas.models.expressions import FUNCTIONS, evaluate, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from accelnas.space import Space

    Floats = NDArray[np.float64]

Found = TypeVar("Found")

__all__ = ["EACH", "TERMS", "Formula", "formula", "is_formula", "names_in", "summands"]

TERMS = ("index", "value", "log2", "sum", "product", "count")  # besides the functions of expressions
MOST_STATES, MOST_VARIABLES = 1 << 20, 32  # joint states of a formula's variables, and axes of an array
_MOST_NESTED = 2  # sums, products and counts inside of each other: each level is computed for every block

_COMPARISONS: Mapping[type[ast.cmpop], Any] = {
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}
_TOTALS = ("sum", "count")
EACH = "each"  # in a sum, product or count: every variable in turn

Block: TypeAlias = "Mapping[str, int] | None"
"""Places of the variables that symbols stand for, inside of a sum, product or count."""


@dataclass(frozen=True)
class Formula:
    """A function of some variables: its value at each of their joint states, in C order."""

    variables: tuple[tuple[int, int], ...]  # positions in the space, and numbers of states
    numbers: tuple[float, ...]

    def at(self, rows: NDArray[np.uint8]) -> Floats:
        """Give the values at architectures, (n, variables) choice indices."""
        cells = np.zeros(len(rows), np.int64)
        for place, states in self.variables:
            cells = cells * states + rows[:, place]
        found: Floats = np.array(self.numbers)[cells]
        return found


def formula(text: str, space: Space) -> Formula:
    """Compute a formula at all joint states of its variables.

    Names are variables, which stand for their choices (true is 1), or in a `sum`, `product` or `count` of one argument
    symbols, which stand for the variable of each block in turn: ``sum(l)`` is the number of layers where ``l`` is that
    of a block, ``count(se == 1)`` the number of blocks with ``se``, and ``sum(block0_l, block1_l)`` that of two. There,
    ``each`` stands for every variable in turn: ``count(each == "skip_connect")``.
    ``index(v)`` is the position of a choice, ``log2(v)`` its logarithm; comparisons such as ``v == "conv"``, ``a < b``
    and ``v in (1, 4)`` are 1 or 0, and so are ``and``, ``or`` and ``not`` of them; ``+ - * / **``, parentheses and the
    functions of expressions of metrics do the rest. All is computed in float64.

    Raises
    ------
    MetricError
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
    reader = _Reader(space, text)
    return reader.guarded(lambda: reader.computed(reader.tree, None))


def summands(text: str, space: Space) -> tuple[float, list[Formula]]:
    """Divide a formula into a constant and parts that add up to it, each of as few variables as its sums allow.

    Raises
    ------
    MetricError
        As `formula`, of every part.

    Examples
    --------
    >>> import accelnas
    >>> constant, parts = summands("2 * count(se == 1) - 3", accelnas.mnasnet_space())
    >>> constant, len(parts), parts[0]
    (-3.0, 7, Formula(variables=((3, 2),), numbers=(0.0, 2.0)))
    """
    reader = _Reader(space, text)
    return reader.guarded(lambda: reader.divided(reader.tree, None, 1.0))


def is_formula(text: str, space: Space) -> bool:
    """Whether a text names variables or symbols of a space, and nothing else.

    Examples
    --------
    >>> import accelnas
    >>> is_formula("sum(l)", accelnas.mnasnet_space()), is_formula("sum(l) + macs", accelnas.mnasnet_space())
    (True, False)
    """
    names = names_in(text)
    return bool(names) and names <= {EACH, *(known for v in space.variables for known in (v.name, v.symbol))}


def names_in(text: str) -> set[str]:
    """Names in an expression that are no functions; none where it is no expression."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in functions}


def _nested(node: ast.AST) -> int:
    """How many totals are inside of each other."""
    own = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in (*_TOTALS, "product")
    return own + max(map(_nested, ast.iter_child_nodes(node)), default=0)


class _Reader:
    """Computes parts of a formula as arrays with an axis for each variable that they name."""

    def __init__(self, space: Space, text: str) -> None:
        self.space, self.text = space, text
        self.places = {variable.name: i for i, variable in enumerate(space.variables)}
        self.tree: ast.expr = self.guarded(lambda: ast.parse(text.strip(), mode="eval").body)
        if (nested := self.guarded(lambda: _nested(self.tree))) > _MOST_NESTED:
            raise MetricError(
                f"formula {text[:80]!r} has sums, products and counts {nested} deep; use at most {_MOST_NESTED} inside "
                "of each other"
            )
        self.used: dict[int, int] = {}  # states of the variables of the part that is computed, by place

    def guarded(self, work: Callable[[], Found]) -> Found:
        """Do work whose text may be anything."""
        try:
            return work()
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            if isinstance(error, MetricError):
                raise
            raise MetricError(f"{self.text!r} is no formula: {error}") from None

    def computed(self, tree: ast.expr, block: Block) -> Formula:
        """Compute a part."""
        places = sorted(self._places(tree, block))
        self.used = {place: len(self.space.variables[place].states) for place in places}
        if not self.used:
            raise MetricError(f"formula {self.text!r} names no variable of the space {self.space.name}; name one")
        states = math.prod(self.used.values())
        if states > MOST_STATES or len(self.used) > MOST_VARIABLES:
            raise MetricError(
                f"formula {self.text!r} depends on {len(self.used)} variables with {states:,} joint states, at most "
                f"{MOST_STATES:,} of {MOST_VARIABLES} variables compile; use columns of fewer"
            )
        numbers = np.broadcast_to(self._number(tree, block), tuple(self.used.values()))
        return Formula(tuple(self.used.items()), tuple(np.ravel(numbers).tolist()))

    def divided(self, tree: ast.expr, block: Block, weight: float) -> tuple[float, list[Formula]]:
        """Divide a part, which counts so often, into a constant and parts."""
        match tree:
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
                sign = 1.0 if isinstance(op, ast.Add) else -1.0
                divided = [self.divided(left, block, weight), self.divided(right, block, sign * weight)]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self.divided(operand, block, -weight)
            case (
                ast.BinOp(left=ast.Constant(value=int() | float() as factor), op=ast.Mult(), right=other)
                | ast.BinOp(left=other, op=ast.Mult(), right=ast.Constant(value=int() | float() as factor))
            ):
                return self.divided(other, block, weight * factor)
            case ast.Call(func=ast.Name(id=name), keywords=[]) if name in _TOTALS:
                divided = [self.divided(argument, own, weight) for argument, own in self._parts(tree, block)]
            case ast.Constant(value=int() | float() as number):
                return weight * number, []
            case _:
                found = self.computed(tree, block)
                return 0.0, [Formula(found.variables, tuple(weight * number for number in found.numbers))]
        return sum(constant for constant, _ in divided), [part for _, parts in divided for part in parts]

    def _places(self, tree: ast.expr, block: Block) -> set[int]:
        """Find the variables that an expression names."""
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id in (*_TOTALS, "product"):
            return {place for argument, own in self._parts(tree, block) for place in self._places(argument, own)}
        functions = {id(tree.func)} if isinstance(tree, ast.Call) else set()
        if isinstance(tree, ast.Name):
            return {self._place(tree.id, block)}
        children = [c for c in ast.iter_child_nodes(tree) if isinstance(c, ast.expr) and id(c) not in functions]
        return {place for child in children for place in self._places(child, block)}

    def _parts(self, call: ast.Call, block: Block) -> list[tuple[ast.expr, Block]]:
        """Give what a sum or product is of: its arguments, or its one argument for each block with those symbols."""
        if len(call.args) > 1:
            return [(argument, block) for argument in call.args]
        names = {node.id for node in ast.walk(call) if isinstance(node, ast.Name)}
        variables = self.space.variables
        blocks = [{variables[self.places[n]].symbol: self.places[n] for n in b.variables} for b in self.space.blocks]
        if EACH in names - set(self.places) and len(call.args) == 1:
            return [(call.args[0], {EACH: place}) for place in self._with_choices(call)]
        known = {symbol for own in blocks for symbol in own} - set(self.places)
        symbols = known & names
        found = [own for own in blocks if symbols <= set(own)]
        if not symbols or not found or len(call.args) != 1:
            raise MetricError(
                f"{ast.unparse(call)!r} in formula {self.text!r} names no symbol that blocks share"
                f" ({', '.join(sorted(known)[:9]) or 'the space has none'}); give several variables, or a symbol"
            )
        return [(call.args[0], own) for own in found]

    def _with_choices(self, call: ast.Call) -> list[int]:
        """Find the variables that have one of the choices that a call compares with; all where it does not."""
        compared = [node for node in ast.walk(call) if isinstance(node, ast.Compare)]
        choices = [n.value for node in compared for n in ast.walk(node) if isinstance(n, ast.Constant)]
        found = [i for i, v in enumerate(self.space.variables) if not choices or any(c in v.states for c in choices)]
        if not found:
            shown = ", ".join(dict.fromkeys(repr(c) for v in self.space.variables for c in v.choices))
            raise MetricError(
                f"formula {self.text!r}: {choices[0]!r} is no choice of any variable; choose one of {shown}"
            )
        return found

    def _place(self, name: str, block: Block) -> int:
        if name in self.places:
            return self.places[name]
        if block is not None and name in block:
            return block[name]
        hint = " outside of sum, count and product" if any(v.symbol == name for v in self.space.variables) else ""
        raise MetricError(
            f"formula {self.text!r}: {name!r} is no variable of the space {self.space.name}{hint}; "
            f"name one, such as {self.space.variables[0].name}"
        )

    def _number(self, tree: ast.expr, block: Block) -> Any:
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
                case ast.Compare(left=left, ops=[op], comparators=[right]):
                    return put(node, self._compared(left, op, right, block))
                case ast.BoolOp(op=op, values=values):
                    joined = np.multiply if isinstance(op, ast.And) else np.maximum
                    return put(node, reduce(joined, [self._truth(value, block) for value in values]))
                case ast.UnaryOp(op=ast.Not(), operand=operand):
                    return put(node, 1.0 - self._truth(operand, block))
                case ast.Call(func=ast.Name(id="index"), args=[ast.Name(id=name)], keywords=[]):
                    place = self._place(name, block)
                    return put(node, self._axis(place, np.arange(len(self.space.variables[place].choices))))
                case ast.Call(func=ast.Name(id="value"), args=[argument], keywords=[]):
                    return replaced(argument)
                case ast.Call(func=ast.Name(id="log2"), args=[argument], keywords=[]):
                    return put(node, self._log2(self._number(argument, block)))
                case ast.Call(func=ast.Name(id=of), keywords=[]) if of in (*_TOTALS, "product"):
                    parts = [self._number(argument, own) for argument, own in self._parts(node, block)]
                    return put(node, reduce(np.multiply if of == "product" else np.add, parts))
                case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
                    return ast.copy_location(ast.Call(node.func, [replaced(a) for a in arguments], []), node)
                case ast.UnaryOp(op=op, operand=operand):
                    return ast.copy_location(ast.UnaryOp(op, replaced(operand)), node)
                case ast.BinOp(left=left, op=op, right=right):
                    return ast.copy_location(ast.BinOp(replaced(left), op, replaced(right)), node)
                case ast.Constant(value=int() | float()):
                    return node
            raise MetricError(
                f"{ast.unparse(node)!r} is not allowed in formula {self.text!r}; use numbers, variables, comparisons "
                f"such as variable == choice, + - * / **, {', '.join(TERMS)}, {', '.join(FUNCTIONS)}"
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
            raise MetricError(
                f"formula {self.text!r}: {name} is inactive in some architectures and has no number there"
            )
        shape = [1] * len(self.used)
        shape[list(self.used).index(place)] = len(found)
        return found.reshape(shape)

    def _choices(self, name: str, block: Block) -> list[float]:
        variable = self.space.variables[self._place(name, block)]
        if not all(isinstance(choice, (bool, int, float)) for choice in variable.choices):
            raise MetricError(
                f"formula {self.text!r}: choices of {variable.name} are no numbers; write index({name}), or "
                f"{name} == {variable.choices[0]!r}"
            )
        return [float(choice) for choice in variable.choices]

    def _compared(self, left: ast.expr, op: ast.cmpop, right: ast.expr, block: Block) -> Floats:
        """Compare a variable with one of its choices, or with some; or two expressions."""
        match left, op, right:
            case ast.Name(id=name), ast.Eq() | ast.NotEq(), ast.Constant(value=choice):
                found = self._equal(name, choice, block)
            case ast.Name(id=name), ast.In() | ast.NotIn(), ast.Tuple(elts=elements) | ast.List(elts=elements):
                choices = [element.value for element in elements if isinstance(element, ast.Constant)]
                if len(choices) < len(elements) or not choices:
                    raise MetricError(f"{ast.unparse(right)!r} in formula {self.text!r} are no choices; give some")
                found = reduce(np.maximum, [self._equal(name, choice, block) for choice in choices])
            case _ if type(op) in _COMPARISONS:
                compared = _COMPARISONS[type(op)](self._number(left, block), self._number(right, block))
                return np.asarray(compared, np.float64)
            case _:
                raise MetricError(
                    f"{ast.unparse(ast.Compare(left, [op], [right]))!r} is not allowed in formula {self.text!r}; "
                    "compare by == != < <= > >=, or a variable by in (1, 2)"
                )
        return 1.0 - found if isinstance(op, (ast.NotEq, ast.NotIn)) else found

    def _truth(self, tree: ast.expr, block: Block) -> Floats:
        if not isinstance(tree, (ast.Compare, ast.BoolOp)) and not (
            isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not)
        ):
            raise MetricError(
                f"{ast.unparse(tree)!r} in formula {self.text!r} is no comparison; write one, such as v == 1"
            )
        found: Floats = self._number(tree, block)
        return found

    def _equal(self, name: str, choice: object, block: Block) -> Floats:
        place = self._place(name, block)
        variable = self.space.variables[place]
        if choice not in variable.states and not (name == EACH and block is not None):
            shown = ", ".join(map(repr, variable.states))
            raise MetricError(
                f"formula {self.text!r}: {choice!r} is no choice of {variable.name}; choose one of {shown}"
            )
        return self._axis(place, [float(own == choice) for own in variable.states])

    def _log2(self, numbers: Any) -> Any:
        if np.any(np.asarray(numbers) <= 0):
            raise MetricError(f"formula {self.text!r}: log2 of {float(np.min(numbers)):g} is undefined")
        return np.log2(numbers)

    def _refuse(self, what: str, _position: int, _shape: tuple[int, ...]) -> NoReturn:
        raise MetricError(f"formula {self.text!r}: {what}")
