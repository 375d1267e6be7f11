"""Constraints on choices: what people write, as ranges of formulas."""

from __future__ import annotations

import ast
import math
from itertools import pairwise
from typing import TYPE_CHECKING

from accelnas.errors import MetricError, SearchError
from accelnas.models.derived import is_of_choices
from accelnas.models.formulas import EACH, TERMS, names_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelnas.models.predictor import Predictor

__all__ = ["on_choices", "ranges"]

_HOW = "write it like 'sum(l) <= 16', 'block0_e in (1, 4)' or 'block1_k == block2_k'"
_MIRRORED: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE, ast.Eq: ast.Eq,
}  # fmt: skip


def on_choices(bench: Predictor, text: str) -> list[tuple[str, float, float]]:
    """Read a constraint on choices: formulas, and the closed ranges of their values; none where it is on metrics.

    Raises
    ------
    MetricError
        If it is on choices and on something else.
    SearchError
        If it can't be read.

    Examples
    --------
    >>> import accelnas
    >>> on_choices(accelnas.load(), "9 <= sum(l) <= 16")
    [('sum(l)', 9.0, inf), ('sum(l)', -inf, 16.0)]
    >>> on_choices(accelnas.load(), "macs <= 300")
    []
    """
    return ranges(ast.parse(text.strip(), mode="eval").body) if _is_on_choices(bench, text) else []


def _is_on_choices(bench: Predictor, text: str) -> bool:
    """Whether a constraint is on choices; refuse one that is on choices and on something else."""
    if is_of_choices(text, bench.space, bench.metrics):
        return True
    names, known = names_in(text), {EACH, *(name for v in bench.space.variables for name in (v.name, v.symbol))}
    if not names & known and not any(f"{term}(" in text for term in TERMS):
        return False
    if named := sorted(name for name in names if name in bench.metrics):
        raise MetricError(
            f"constraint {text!r} is on choices and on the metric {named[0]}; derive a metric from the choices, "
            "and one from both"
        )
    if unknown := sorted(names - known):
        raise MetricError(
            f"constraint {text!r}: {unknown[0]!r} is no variable of the space {bench.space.name}, no symbol of one, "
            f"and no metric; the symbols are {', '.join(dict.fromkeys(v.symbol for v in bench.space.variables))}"
        )
    raise SearchError(f"constraint {text!r} can't be read; {_HOW}")


def ranges(tree: ast.expr) -> list[tuple[str, float, float]]:
    """Give formulas, and the closed ranges that a comparison of them leaves."""
    match tree:
        case ast.BoolOp(op=ast.And(), values=values):
            return [found for value in values for found in ranges(value)]
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _MIRRORED for op in ops):
            sides = [left, *others]
            return [_range(a, op, b) for op, (a, b) in zip(ops, pairwise(sides), strict=True)]
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
            return [(ast.unparse(tree), 1.0, math.inf)]
    raise SearchError(f"constraint {ast.unparse(tree)!r} compares nothing; {_HOW}")


def _range(left: ast.expr, op: ast.cmpop, right: ast.expr) -> tuple[str, float, float]:
    """Bring a comparison to a formula and the range of its values."""
    if _number(left) is not None:
        left, op, right = right, _MIRRORED[type(op)](), left
    bound = _number(right)
    if isinstance(op, ast.Eq) and isinstance(left, ast.Name) and isinstance(right, ast.Constant):
        return ast.unparse(ast.Compare(left, [op], [right])), 1.0, math.inf  # one of the choices, of any type
    if bound is None:
        left, bound = ast.BinOp(left, ast.Sub(), right), 0.0
    formula = ast.unparse(left)
    lower = upper = bound
    match op:
        case ast.Lt():
            lower, upper = -math.inf, math.nextafter(bound, -math.inf)
        case ast.LtE():
            lower = -math.inf
        case ast.Gt():
            lower, upper = math.nextafter(bound, math.inf), math.inf
        case ast.GtE():
            upper = math.inf
    return formula, lower, upper


def _number(tree: ast.expr) -> float | None:
    """Give the number that an expression is, if it is one."""
    try:
        value = ast.literal_eval(tree)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    return float(value) if isinstance(value, (bool, int, float)) else None
