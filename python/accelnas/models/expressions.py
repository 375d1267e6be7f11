"""Expressions of metrics: parsed from text, simplified on the scales of links, evaluated with NumPy."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from accelnas.errors import MetricError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from accelnas.metric import Link

__all__ = ["FUNCTIONS", "LinkedSum", "evaluate", "metric_names", "parse", "simplify"]

Values: TypeAlias = NDArray[np.float64]

FUNCTIONS = ("abs", "exp", "log", "max", "min", "sqrt")

_LONGEST = 10_000
_OPERATORS: Mapping[type[ast.operator], tuple[str, Callable[..., Any]]] = {
    ast.Add: ("+", np.add),
    ast.Sub: ("-", np.subtract),
    ast.Mult: ("*", np.multiply),
    ast.Div: ("/", np.divide),
    ast.Pow: ("**", np.power),
}
_OPPOSITE: Mapping[Link, Link] = {"below": "above", "above": "below"}  # of -y
_INVERSE: Mapping[Link, Link] = {"capped": "floored", "floored": "capped"}  # of 1 / y
_OF_SEVERAL: Mapping[str, Callable[..., Any]] = {"max": np.maximum, "min": np.minimum}  # two arguments or more


def parse(text: str) -> ast.expr:
    """Parse an expression; only numbers, names, ``+ - * / **`` and the functions are let through.

    Raises
    ------
    MetricError
        If the text is anything else; the message names the part at fault.

    Examples
    --------
    >>> metric_names(parse("1000 / throughput_a100 + 2 * log(macs)"))
    ('throughput_a100', 'macs')
    """
    if len(text) > _LONGEST:
        raise MetricError(f"the expression has {len(text)} characters; use at most {_LONGEST}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        _check(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, MetricError):
            raise
        raise MetricError(f"{text!r} is no expression: {error}") from error
    if not metric_names(tree):
        raise MetricError(f"{text!r} names no metric; use at least one")
    return tree


def metric_names(tree: ast.expr) -> tuple[str, ...]:
    """Names of the metrics in an expression, each once, in order."""
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in functions]
    found.sort(key=lambda node: (node.lineno, node.col_offset))
    return tuple(dict.fromkeys(node.id for node in found))


def _check(node: ast.expr) -> None:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            try:
                finite = math.isfinite(value)
            except OverflowError:
                finite = False
            if not finite:
                raise MetricError(f"{ast.unparse(node)[:40]} is too large; use a number that float64 holds")
        case ast.Name():
            pass
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            _check(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            _check(left)
            _check(right)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            wanted = "two or more" if name in _OF_SEVERAL else "one"
            if len(arguments) < 2 if name in _OF_SEVERAL else len(arguments) != 1:
                raise MetricError(f"{name} has {len(arguments)} arguments in {ast.unparse(node)!r}; give it {wanted}")
            for argument in arguments:
                _check(argument)
        case _:
            raise MetricError(
                f"{ast.unparse(node)!r} is not allowed; use numbers, names of metrics, + - * / **, "
                f"and the functions {', '.join(FUNCTIONS)}"
            )


@dataclass(frozen=True)
class LinkedSum:
    """A value y with ``link(y) = constant + Σ weight · link_m(metric m)``, every metric on the scale of its own link.

    Attributes
    ----------
    link : {"identity", "reciprocal", "log", "below", "above", "capped", "floored"}
        Scale of the sum.
    weights : mapping of str to float
        Weight of each metric's modelled value.
    constant : float
        Added to the sum.
    limit : float or None
        What y is ``"below"`` or ``"above"``, ``"capped"`` or ``"floored"`` at; None for the other links.
    """

    link: Link
    weights: Mapping[str, float]
    constant: float = 0.0
    limit: float | None = None

    def scaled(self, factor: float) -> LinkedSum:
        """Multiply the sum, on its scale."""
        weights = {name: factor * weight for name, weight in self.weights.items()}
        return replace(self, weights=weights, constant=factor * self.constant)

    def shifted(self, offset: float) -> LinkedSum:
        """Add to the sum, on its scale."""
        return replace(self, constant=self.constant + offset)

    def joined(self, other: LinkedSum) -> LinkedSum:
        """Add another sum of the same link; metrics that cancel are left out."""
        weights = dict(self.weights)
        for name, weight in other.weights.items():
            weights[name] = weights.get(name, 0.0) + weight
        kept = {name: weight for name, weight in weights.items() if weight != 0}
        return LinkedSum(self.link, kept, self.constant + other.constant)

    def is_finite(self) -> bool:
        """Whether every number is."""
        return all(map(math.isfinite, [self.constant, *self.weights.values(), self.limit or 0.0]))


Symbolic: TypeAlias = LinkedSum | float | None
"""A sum on the scale of a link, a number, or None for what is neither."""


def simplify(tree: ast.expr, metrics: Mapping[str, LinkedSum | None]) -> LinkedSum | None:
    """Bring an expression to a sum on the scale of a link, where the algebra allows it.

    Parameters
    ----------
    tree
        A parsed expression.
    metrics
        What each metric is; None for one that is no such sum.

    Raises
    ------
    MetricError
        If the numbers of the expression alone can't be computed, such as ``log(-1)``.

    Examples
    --------
    >>> simplify(parse("1000 / speed"), {"speed": LinkedSum("reciprocal", {"speed": 1.0})})
    LinkedSum(link='identity', weights={'speed': 1000.0}, constant=0.0, limit=None)
    """
    value = _symbolic(tree, metrics)
    if isinstance(value, LinkedSum) and not value.is_finite():
        raise MetricError(f"{ast.unparse(tree)!r} has numbers too large for float64; use others")
    return LinkedSum("identity", {}, value) if isinstance(value, float) else value


def _symbolic(node: ast.expr, metrics: Mapping[str, LinkedSum | None]) -> Symbolic:
    match node:
        case ast.Name(id=name):
            return metrics[name]
        case ast.Constant(value=value):
            return float(value)  # type: ignore[arg-type]  # `parse` lets numbers through alone
    operands = [_symbolic(child, metrics) for child in _operands(node)]
    if all(isinstance(operand, float) for operand in operands):
        return float(_apply(node, [np.float64(operand) for operand in operands], _refuse_numbers))  # type: ignore[arg-type]
    if any(operand is None for operand in operands):
        return None
    match node:
        case ast.UnaryOp():
            return _times(operands[0], -1.0)
        case ast.BinOp(op=ast.Add()):
            return _plus(operands[0], operands[1])
        case ast.BinOp(op=ast.Sub()):
            return _plus(operands[0], _times(operands[1], -1.0))
        case ast.BinOp(op=ast.Mult()):
            return _times(operands[0], operands[1])
        case ast.BinOp(op=ast.Div()):
            return _times(operands[0], _inverse(operands[1]))
        case ast.BinOp(op=ast.Pow()):
            return _power(operands[0], operands[1])
        case ast.Call(func=ast.Name(id=name)) if name in _OF_SEVERAL:
            return reduce(lambda a, b: _end(name, a, b), operands)
        case ast.Call(func=ast.Name(id=name)) if isinstance(operands[0], LinkedSum):
            return _function(name, operands[0])
    return None


def _plus(a: Symbolic, b: Symbolic) -> Symbolic:
    match a, b:
        case float(), float():
            return a + b
        case float(), LinkedSum():
            return _plus(b, a)
        case LinkedSum(link="identity"), float():
            return a.shifted(b)
        case LinkedSum(link="identity"), LinkedSum(link="identity"):
            return a.joined(b)
        case LinkedSum(link="below" | "above", limit=float(limit)), float():
            return _beyond(a, limit + b)
        case LinkedSum(link="floored", limit=float(limit)), float():
            return replace(a.shifted(b), limit=limit + b)
    return None


def _beyond(a: LinkedSum, limit: float) -> LinkedSum:
    """Move the limit; what is above 0 has a logarithm."""
    return replace(a, link="log", limit=None) if a.link == "above" and limit == 0 else replace(a, limit=limit)


def _times(a: Symbolic, b: Symbolic) -> Symbolic:
    match a, b:
        case float(), float():
            return a * b
        case float(), LinkedSum():
            return _times(b, a)
        case LinkedSum(), 0.0:
            return 0.0
        case LinkedSum(link="identity"), float():
            return a.scaled(b)
        case LinkedSum(link="reciprocal"), float():
            return a.scaled(1.0 / b)
        case LinkedSum(link="log"), float() if b > 0:
            return a.shifted(math.log(b))
        case LinkedSum(link="log"), LinkedSum(link="log"):
            return a.joined(b)
        case LinkedSum(link="capped", limit=float(limit)), float() if b > 0:
            return replace(a.scaled(1.0 / b), limit=limit * b)
        case LinkedSum(link="floored", limit=float(limit)), float() if b > 0:
            return replace(a.scaled(b), limit=limit * b)
        case LinkedSum(link="below" | "above", limit=float(limit)), float():
            if b < 0:  # -log(limit - y) of y is -log of what -y is above -limit
                return _times(replace(a.scaled(-1.0), link=_OPPOSITE[a.link], limit=-limit), -b)
            return _beyond(a.shifted(math.log(b) if a.link == "above" else -math.log(b)), limit * b)
    return None


def _inverse(a: Symbolic) -> Symbolic:
    match a:
        case float():
            return 1.0 / a if a else _refuse_numbers("division by 0", 0, ())
        case LinkedSum(link="identity"):
            return replace(a, link="reciprocal")
        case LinkedSum(link="reciprocal"):
            return replace(a, link="identity")
        case LinkedSum(link="log"):
            return a.scaled(-1.0)
        case LinkedSum(link="capped" | "floored", limit=float(limit)) if limit > 0:  # what is above 0 has an inverse
            return replace(a, link=_INVERSE[a.link], limit=1.0 / limit)
    return None


def _power(base: Symbolic, exponent: Symbolic) -> Symbolic:
    match base, exponent:
        case LinkedSum(), 1.0:
            return base
        case LinkedSum(), -1.0:
            return _inverse(base)
        case LinkedSum(link="log"), float():
            return base.scaled(exponent)
        case float(), LinkedSum(link="identity") if base > 0:
            return replace(exponent.scaled(math.log(base)), link="log")
    return None


def _end(name: str, a: Symbolic, b: Symbolic) -> Symbolic:
    """Give a rate, which is above 0, a ceiling, or a sum a floor."""
    match name, a, b:
        case _, float(), float():
            return min(a, b) if name == "min" else max(a, b)
        case _, float(), LinkedSum():
            return _end(name, b, a)
        case "min", LinkedSum(link="reciprocal" | "capped"), float() if b > 0:
            return replace(a, link="capped", limit=b if a.limit is None else min(a.limit, b))
        case "max", LinkedSum(link="identity" | "floored"), float():
            return replace(a, link="floored", limit=b if a.limit is None else max(a.limit, b))
    return None


def _function(name: str, argument: LinkedSum) -> LinkedSum | None:
    match name, argument.link:
        case "exp", "identity":
            return replace(argument, link="log")
        case "log", "log":
            return replace(argument, link="identity")
        case "sqrt", "log":
            return argument.scaled(0.5)
        case "abs", "log":
            return argument
    return None


Refuse: TypeAlias = "Callable[[str, int, tuple[int, ...]], NoReturn]"
"""Raises, told what is undefined, the flat position of the first such value, and the shape of the values."""


def evaluate(tree: ast.expr, values: Mapping[str, Values], refuse: Refuse) -> Values:
    """Evaluate an expression element by element in float64.

    Parameters
    ----------
    tree
        A parsed expression.
    values
        Of every metric, float64 arrays that broadcast against each other.
    refuse
        Called where the expression is undefined or overflows: with a text such as ``"log of -1.5"``,
        the flat position of the value and the shape of the values.
    """
    match tree:
        case ast.Name(id=name):
            return values[name]
        case ast.Constant(value=value):
            return np.float64(value)  # type: ignore[return-value, arg-type]
    return np.asarray(_apply(tree, [evaluate(child, values, refuse) for child in _operands(tree)], refuse))


def _operands(node: ast.expr) -> Sequence[ast.expr]:
    match node:
        case ast.UnaryOp(operand=operand):
            return [operand]
        case ast.BinOp(left=left, right=right):
            return [left, right]
        case ast.Call(args=arguments):
            return arguments
    raise MetricError(f"{ast.unparse(node)!r} is not allowed")


def _apply(node: ast.expr, operands: Sequence[Any], refuse: Refuse) -> Any:
    with np.errstate(all="ignore"):  # what is undefined is refused below
        match node:
            case ast.UnaryOp():
                return -operands[0]
            case ast.BinOp(op=op):
                value = _OPERATORS[type(op)][1](*operands)
            case ast.Call(func=ast.Name(id=name)) if name in _OF_SEVERAL:
                value = reduce(_OF_SEVERAL[name], operands)
            case ast.Call(func=ast.Name(id=name)):
                value = getattr(np, name)(operands[0])
    undefined = ~np.isfinite(value)
    if np.any(undefined):
        at = int(np.argmax(undefined))
        numbers = [float(np.broadcast_to(operand, np.shape(value)).flat[at]) for operand in operands]
        refuse(_describe(node, numbers), at, np.shape(value))
    return value


def _describe(node: ast.expr, numbers: Sequence[float]) -> str:
    """Say which operation on which numbers is undefined or too large."""
    match node:
        case ast.BinOp(op=ast.Div()) if numbers[1] == 0:
            return f"division of {numbers[0]:g} by 0"
        case ast.BinOp(op=op):
            return f"{numbers[0]:g} {_OPERATORS[type(op)][0]} {numbers[1]:g} is undefined or too large"
        case ast.Call(func=ast.Name(id=name)):
            return f"{name} of {numbers[0]:g} is undefined or too large"
    return "a value is undefined or too large"


def _refuse_numbers(what: str, _position: int, _shape: tuple[int, ...]) -> NoReturn:
    raise MetricError(f"{what} in the expression; use other numbers")
