"""Derived metrics: expressions of metrics, as surrogates of their own where the algebra allows, or of choices."""

from __future__ import annotations

import keyword
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import numpy as np

from accelnas import _core
from accelnas.caching import cached_property
from accelnas.errors import MetricError, ModelError
from accelnas.models.expressions import FUNCTIONS, LinkedSum, evaluate, metric_names, parse, simplify
from accelnas.models.formulas import is_formula, names_in, summands
from accelnas.models.quantiles import OFF, is_off_prediction, off_prediction, with_off_prediction

if TYPE_CHECKING:
    import ast
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from accelnas.metric import Metric
    from accelnas.space import Space

__all__ = [
    "Derivation",
    "Source",
    "is_of_choices",
    "is_sum",
    "metrics_of",
    "simplified",
    "unused_name",
    "with_derivation",
]

_CHUNK = 1 << 17  # rows whose members are held at a time


@dataclass(frozen=True)
class Derivation:
    """What `Benchmark.derive` was given."""

    name: str
    expression: str
    unit: str
    direction: Literal["maximise", "minimise"]
    description: str

    @cached_property
    def tree(self) -> ast.expr:
        """The parsed expression of metrics."""
        return parse(self.expression)


def is_of_choices(expression: str, space: Space, metrics: Mapping[str, Metric]) -> bool:
    """Whether an expression is a formula of choices: it names variables of the space, or symbols, and no metric."""
    # a metric that is called as its formula is what the formula says
    named = (metrics[name] for name in names_in(expression) if name in metrics)
    return is_formula(expression, space) and all(metric.expression == metric.name for metric in named)


def metrics_of(expression: str, space: Space, metrics: Mapping[str, Metric]) -> tuple[str, ...]:
    """Metrics that an expression is computed from: none where it is a formula of choices."""
    if is_of_choices(expression, space, metrics):
        return ()
    off = off_prediction(expression)
    return metric_names(parse(expression)) if off is None else (off.metric,)


def unused_name(metrics: Mapping[str, Metric], name: str) -> str:
    """Give a name for a metric that has none: this one, or with the first number that makes it new."""
    return next(new for i in range(len(metrics) + 1) if (new := f"{name}{i or ''}") not in metrics)


def with_derivation(
    core: _core.Benchmark, space: Space, metrics: Mapping[str, Metric], derivation: Derivation
) -> _core.Benchmark:
    """Give the benchmark with a derived metric's surrogate, in memory; the same one if no surrogate holds it.

    Raises
    ------
    MetricError
        If the derivation does not fit the metrics.
    """
    of_choices = is_of_choices(derivation.expression, space, metrics)
    off = None if of_choices else off_prediction(derivation.expression)
    _check_name(metrics, derivation, of_choices or off is not None)
    if of_choices:
        return _added(core, derivation, _tables(space, derivation.expression), LinkedSum("identity", {}), None)
    if off is not None:
        return with_off_prediction(core, metrics, derivation.name, off, derivation.direction, derivation.unit)
    _check(metrics, derivation)
    form = simplified(derivation.tree, metrics)
    if form is None:
        return core
    surrogates = [core.surrogate(core.position(name)) for name in form.weights]
    surrogate = _core.Surrogate.combine(core.space, surrogates, list(form.weights.values()), form.constant)
    return _added(core, derivation, surrogate, form, _uncertainty(core, form))


def is_sum(metric: Metric) -> bool:
    """Whether a surrogate predicts a metric, as a sum on the scale of its link."""
    return metric.exact and (metric.expression is None or not is_off_prediction(metric.expression))


def simplified(tree: ast.expr, metrics: Mapping[str, Metric]) -> LinkedSum | None:
    """Bring an expression of metrics to a sum on the scale of a link; None where the algebra does not allow it."""
    sums = {name: LinkedSum(m.link, {name: 1.0}, limit=m.limit) if is_sum(m) else None for name, m in metrics.items()}
    return simplify(tree, sums)


def _tables(space: Space, expression: str) -> _core.Surrogate:
    """Give a formula of choices as a sum of tables, whose cells are kept as they are."""
    constant, parts = summands(expression, space)
    sets = [[place for place, _ in part.variables] for part in parts]
    if large := next((places for places in sets if len(places) > _core.MAX_ORDER), None):
        names = ", ".join(space.variables[place].name for place in large[: _core.MAX_ORDER])
        raise MetricError(
            f"{expression!r} is no sum of functions of at most {_core.MAX_ORDER} variables: a part depends on "
            f"{len(large)} ({names}, …); write sums of smaller parts"
        )
    try:
        return _core.Surrogate.as_given(space._core, constant, sets, [part.numbers for part in parts])
    except ModelError as error:
        raise MetricError(f"{expression!r}: {error}") from None


def _added(
    core: _core.Benchmark,
    derivation: Derivation,
    surrogate: _core.Surrogate,
    form: LinkedSum,
    uncertainty: dict[str, Any] | None,
) -> _core.Benchmark:
    return core.with_metric(
        derivation.name,
        surrogate,
        unit=derivation.unit,
        direction=derivation.direction,
        link=form.link,
        limit=form.limit,
        noise=None,
        description=derivation.description,
        provenance={"expression": derivation.expression},
        uncertainty=uncertainty,
    )


def _uncertainty(core: _core.Benchmark, form: LinkedSum) -> dict[str, Any] | None:
    """Give the uncertainty of a multiple of one metric; sums of several have none, their errors may be related."""
    if len(form.weights) != 1:
        return None
    ((name, weight),) = form.weights.items()
    known = core.uncertainty(core.position(name))
    if known is None:
        return None
    noise = None if known["noise"] is None else abs(weight) * known["noise"]
    return {**known, "noise": noise, "residual": abs(weight) * known["residual"]}


def _check_name(metrics: Mapping[str, Metric], derivation: Derivation, may_be_own: bool) -> None:
    name = derivation.name
    is_own = may_be_own and name == derivation.expression  # as what constraints are on is called
    if not is_own and (not name.isidentifier() or keyword.iskeyword(name) or name in (*FUNCTIONS, *OFF)):
        raise MetricError(f"{name!r} can't name a metric; use a name that expressions can hold, such as time_a100")
    if name in metrics:
        raise MetricError(f"the benchmark has a metric {name!r} already; choose another name")


def _check(metrics: Mapping[str, Metric], derivation: Derivation) -> None:
    expression = derivation.expression
    members: dict[int, str] = {}
    for used in metric_names(derivation.tree):
        if used not in metrics:
            raise MetricError(f"{expression!r}: {_unknown(metrics, used)}")
        if metrics[used].members > 1:
            members[metrics[used].members] = used
    if len(members) > 1:
        found = ", ".join(f"{used} has {count}" for count, used in members.items())
        raise MetricError(f"{expression!r} mixes ensembles: {found} members; use as many, or one")


def _unknown(metrics: Mapping[str, Metric], name: str) -> str:
    return f'unknown metric "{name}"; the metrics are {", ".join(metrics)}'


@dataclass(frozen=True)
class Source:
    """The parts of a benchmark that its derived metrics are computed from."""

    space: Space
    core: _core.Benchmark
    metrics: Mapping[str, Metric]
    derivations: Mapping[str, Derivation]

    def predict(
        self, rows: NDArray[np.uint8], names: Sequence[str], std: str | None, dtype: str, threads: int | None
    ) -> list[tuple[Any, Any]]:
        """Predict checked metrics as `Benchmark.predict` does: those with a surrogate in one pass, then the others."""
        for name in names:
            if name not in self.metrics:
                raise MetricError(_unknown(self.metrics, name))
        exact = [name for name in names if self.metrics[name].exact]
        run = self.core.predict if dtype == "float32" else self.core.predict_float64
        positions = [self.core.position(name) for name in exact]
        found: dict[str, tuple[Any, Any]] = dict(zip(exact, run(rows, positions, std, threads), strict=True))
        for name in names:
            if name not in found:
                values = self._pointwise(rows, name, std is not None, threads)
                with np.errstate(over="ignore"):  # refused below
                    mean, spread = (None if v is None else v.astype(dtype) for v in values)
                found[name] = mean, spread
            if name in self.derivations:
                for value in found[name]:
                    if value is not None:
                        self.require_finite(name, rows, value)
        return [found[name] for name in names]

    def _pointwise(
        self, rows: NDArray[np.uint8], name: str, return_std: bool, threads: int | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Give the expression of the means, and its population standard deviation over members."""
        means = np.empty(len(rows))
        stds = np.empty(len(rows)) if return_std else None
        for start in range(0, len(rows), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            evaluation = _Evaluation(self, rows[chunk], threads)
            means[chunk] = evaluation.values(name, members=False)[:, 0]
            if stds is not None:
                stds[chunk] = evaluation.values(name, members=True).std(axis=1)
        return means, stds

    def query(
        self, rows: NDArray[np.uint8], name: str, draw: tuple[int, str], threads: int | None
    ) -> NDArray[np.float64]:
        """Simulate measurements as `Benchmark.query` does: derived metrics from those of the metrics they name."""
        if name not in self.metrics:
            raise MetricError(_unknown(self.metrics, name))
        return _Evaluation(self, rows, threads, draw).values(name, members=False)[:, 0].copy()

    def require_finite(self, name: str, rows: NDArray[np.uint8], values: NDArray[Any]) -> None:
        """Refuse values, (n,) or (n, members), whose sum of tables is 0 or too large for the link or the dtype."""
        finite = np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
        if not finite.all():
            arch = self.space.format(rows[[int(np.argmin(finite))]])[0]
            raise MetricError(
                f"{name} = {self.metrics[name].expression}: no finite {values.dtype} at architecture {arch}; "
                "keep to where it is defined, or use dtype float64"
            )


class _Evaluation:
    """Values of metrics for some rows in float64, each computed once: predictions, or measurements.

    A draw of these is a seed, and which standard deviation it has.
    """

    def __init__(
        self, source: Source, rows: NDArray[np.uint8], threads: int | None, draw: tuple[int, str] | None = None
    ) -> None:
        self._source, self._rows, self._threads, self._draw = source, rows, threads, draw
        self._known: dict[tuple[str, bool], NDArray[np.float64]] = {}

    def values(self, name: str, members: bool) -> NDArray[np.float64]:
        """Means (n, 1), or values of the members (n, members)."""
        if (name, members) not in self._known:
            is_measured = self._draw is not None and name in self._source.derivations and not self._of_choices(name)
            evaluated = is_measured or not self._source.metrics[name].exact
            self._known[name, members] = (self._evaluated if evaluated else self._predicted)(name, members)
        return self._known[name, members]

    def _of_choices(self, name: str) -> bool:
        source = self._source
        return is_of_choices(source.derivations[name].expression, source.space, source.metrics)

    def _predicted(self, name: str, members: bool) -> NDArray[np.float64]:
        core = self._source.core
        position = core.position(name)
        if self._draw is not None and name not in self._source.derivations:
            return core.query(self._rows, position, *self._draw, self._threads)[:, None]
        if members:
            values = core.predict_members(self._rows, position, self._threads)
        else:
            ((mean, _),) = core.predict_float64(self._rows, [position], None, self._threads)
            values = mean[:, None]
        if name in self._source.derivations:
            self._source.require_finite(name, self._rows, values)
        return values

    def _evaluated(self, name: str, members: bool) -> NDArray[np.float64]:
        given = self._source.derivations[name]
        if is_off_prediction(given.expression):
            raise MetricError(
                f"{name} = {given.expression} is a quantile, of which nothing is measured; query the metric itself"
            )
        values = {used: self.values(used, members) for used in metric_names(given.tree)}
        count = max(value.shape[1] for value in values.values())

        def refuse(what: str, position: int, shape: tuple[int, ...]) -> NoReturn:
            row, member = np.unravel_index(position, shape)
            arch = self._source.space.format(self._rows[[int(row)]])[0]
            of = f" for member {member}" if members and shape[1] > 1 else ""
            raise MetricError(
                f"{name} = {given.expression}: {what}{of} at architecture {arch}; keep to where it is defined"
            )

        return np.broadcast_to(evaluate(given.tree, values, refuse), (len(self._rows), count))
