"""Networks and accelerators as one search space, whose metrics are exact tables."""

from __future__ import annotations

import atexit
import math
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import numpy as np

from accelnas import _core
from accelnas.benchmark import load
from accelnas.errors import FileError, ModelError
from accelnas.fitting.entry import write_metric
from accelnas.fitting.metric import MetricSpec
from accelnas.hardware.accelerator import Accelerator, load_accelerator
from accelnas.hardware.engines import ENGINES
from accelnas.hardware.precision import Precision, load_precision
from accelnas.models.expressions import metric_names, parse
from accelnas.networks import network_layers
from accelnas.space.definition import defined, definition

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from numpy.typing import NDArray

    from accelnas.benchmark import Benchmark
    from accelnas.networks import Layer, NetworkLayers
    from accelnas.space import Space

    Floats = NDArray[np.float64]

__all__ = ["cost_surrogates", "join", "joint_space", "with_ratios"]

_MOST = 1 << 16  # cells of a table


def join(
    bench: Benchmark,
    accelerator: Accelerator | str | PathLike[str],
    out: str | PathLike[str] | None = None,
    *,
    metrics: Sequence[str] | None = None,
    layers: NetworkLayers | None = None,
    precision: Precision | str | PathLike[str] | None = None,
) -> Benchmark:
    """Give the benchmark of all pairs of a network and a configuration of an accelerator.

    Parameters
    ----------
    bench : Benchmark
        The networks and their metrics.
    accelerator : Accelerator, str or path
        One of `accelerators` by name, a TOML file, or what `load_accelerator` gives.
    out : str or path, optional
        A new folder for the benchmark, which is one like any other. Without it the folder lasts as long as Python runs.
    metrics : sequence of str, optional
        Those of the networks to take, all that tables predict by default. Their noise is taken with them; what else is
        known of their errors is not.
    layers : NetworkLayers, optional
        What the networks are made of, where `network_layers` does not know it.
    precision : Precision, str or path, optional
        Makes the bits of every block variables, too: one of `precisions` by name, a TOML file, or what `load_precision`
        gives. The accelerator's multipliers are then of the most bits there are; fewer cost less energy and traffic,
        and as many cycles. Layers outside blocks, which are the first and the last, have the most bits. Choices that
        lose no less than fewer bits are left out.

    Returns
    -------
    Benchmark
        Metrics of the networks, and those of the accelerator's engine: what a network costs is a sum over its layers,
        hence exact tables over blocks and configurations. The energy-delay product, the power and, with the networks'
        ``macs`` in millions, the utilisation are computed from these; a benchmark that is opened from its folder has
        not got them, see `with_ratios`.

    Raises
    ------
    ModelError
        If layers are not known, there are too many configurations for tables, names clash, or the engine or the metrics
        are not those that `precision` needs.
    FileError
        If `out` exists, or can't be written.

    Notes
    -----
    Searching such spaces is what FNAS, Codesign-NAS or NAAS do; here optima and fronts are proven. Questions
    for the best and for fronts leave out configurations that another one is at least as good as for every network.

    Examples
    --------
    >>> import accelnas
    >>> one_core = load_accelerator("dpu").restricted({"cores": 1})
    >>> pairs = join(accelnas.load("nasbench-macro"), one_core)
    >>> found = pairs.best("accuracy", subject_to=["latency <= 0.2", "dsp_slices <= 400"])
    >>> found.values.round(2).tolist(), pairs.space.format(found.architectures)
    ([89.38], ['1_0_1_0-1_1_0_0-size1600_alu8-bandwidth19.2_clock300'])
    """
    accelerator = accelerator if isinstance(accelerator, Accelerator) else load_accelerator(accelerator)
    if precision is not None:
        precision = (precision if isinstance(precision, Precision) else load_precision(precision)).useful()
        accelerator = precision.widest(accelerator)
    taken = [name for name, metric in bench.metrics.items() if metric.exact] if metrics is None else list(metrics)
    if precision is not None and precision.metric not in taken:
        raise ModelError(
            f"{precision.name} says what few bits lose of {precision.metric}, which is not among the metrics taken "
            f"({', '.join(taken)}); take it, or say what they lose of another"
        )
    surrogates = {name: bench._surrogate(name) for name in taken}
    layers = layers or network_layers(bench.space)
    joint = joint_space(bench.space, accelerator, precision)
    engine = ENGINES[accelerator.engine]
    costs = {**engine.layer_costs, **engine.own_costs}
    if clash := sorted(set(taken) & set(costs)):
        raise ModelError(
            f"{bench.name} and {accelerator.name} have a metric {clash[0]!r} each; leave it out of metrics"
        )
    folder = _new_folder(out)
    provenance = {"accelerator": accelerator.name, "engine": accelerator.engine}
    for name in taken:
        own = bench.metrics[name]
        spec = MetricSpec(name, own.unit, own.direction, own.link, own.noise, own.description, own.limit)
        surrogate = surrogates[name].extended(joint._core)
        if precision is not None and name == precision.metric:
            surrogate = precision.taken_from(own, surrogate, bench.space, joint)
            spec = replace(spec, description=f"{own.description} Less what few bits lose: {precision.source}")
        write_metric(folder, spec, surrogate, provenance)
    for name, surrogate in cost_surrogates(joint, layers, accelerator, precision).items():
        cost = costs[name]
        spec = MetricSpec(name, cost.unit, cost.direction, cost.link, 0.0, cost.description)
        write_metric(folder, spec, surrogate, provenance)
    return with_ratios(load(folder))


def with_ratios(pairs: Benchmark) -> Benchmark:
    """Give a joined benchmark with the metrics that its engine computes from others.

    They are predicted and queried by name, but are no sums over layers, so no question about all pairs is answered of
    them. The least product of metrics, or the largest ratio, is among the points of their front, which is proven.

    Raises
    ------
    ModelError
        If it is not what `join` makes.

    Examples
    --------
    >>> import accelnas
    >>> pairs = join(accelnas.load("nasbench-macro"), load_accelerator("dpu").restricted({"cores": 1}))
    >>> best = pairs.pareto_front(["energy", "latency"], subject_to="accuracy >= 92")
    >>> products = pairs.predict(best.architectures, "energy_delay_product", dtype="float64")
    >>> float(products.min().round(3)), pairs.space.format(best.architectures[[products.argmin()]])
    (0.07, ['1_1_2_1-1_2_0_0-size4096_alu8-bandwidth19.2_clock300'])
    """
    engine = pairs.provenance("latency").get("engine") if "latency" in pairs.metrics else None
    if engine not in ENGINES:
        raise ModelError(f"{pairs.name} is of no accelerator; give a benchmark that join made")
    for name, ratio in ENGINES[engine].ratios.items():
        known = {metric for metric in pairs.metrics if metric != "macs" or pairs.metrics[metric].unit == "M"}
        if name not in pairs.metrics and known.issuperset(metric_names(parse(ratio.expression))):
            pairs = pairs.derive(
                name, ratio.expression, unit=ratio.unit, direction=ratio.direction, description=ratio.description
            )
    return pairs


def _new_folder(out: str | PathLike[str] | None) -> Path:
    """Give a folder for a benchmark: a new one, or one that goes with this process."""
    if out is None:
        folder = Path(mkdtemp(prefix="accelnas-"))
        atexit.register(rmtree, folder, ignore_errors=True)
        return folder
    folder = Path(out)
    if folder.exists():
        raise FileError(f"{folder} exists; name a new folder")
    return folder


def joint_space(networks: Space, accelerator: Accelerator, precision: Precision | None = None) -> Space:
    """Give the space of all pairs of a network and a configuration of an accelerator.

    The blocks of the networks come first, each with its bits if there is a choice of them, then one or two of the
    accelerator's variables.

    Raises
    ------
    ModelError
        If there are too many configurations for tables, or a variable has a name that the networks' space has.
    """
    variables, bits = accelerator.variables, {} if precision is None else precision.variables(networks)
    if clash := {v.name for v in networks.variables} & {v["name"] for v in [*bits.values(), *variables]}:
        raise ModelError(f"{networks.name} and {accelerator.name} both have a variable {clash.pop()!r}; rename one")
    largest = max(block.size for block in networks.blocks) * (1 if precision is None else len(precision.bits))
    sizes = [len(variable["choices"]) for variable in variables]
    if math.prod(sizes) * largest > _MOST:
        raise ModelError(
            f"{accelerator.name} has {math.prod(sizes):,} configurations, beside blocks of {largest} choices tables "
            f"take {_MOST // largest:,}; fix parameters, such as {variables[-1]['name']}"
        )
    table = definition(networks)
    blocks = {block["name"]: block["variables"] for block in table.pop("blocks")}
    for name in ("classes", "excluded"):
        if table.pop(name, None):
            raise ModelError(f"{networks.name} lists single architectures, which no joint space can; use its product")
    table["name"] = f"{networks.name}-{accelerator.name}"
    for name, variable in bits.items():
        blocks[name] = [*blocks[name], variable]
    for number, part in enumerate(_parts(variables, sizes)):
        blocks[f"accelerator{number}"] = part
    return defined(**table, blocks=blocks)


def _parts(variables: list[dict[str, object]], sizes: list[int]) -> list[list[dict[str, object]]]:
    """Divide variables into at most two blocks, as equal as they get."""
    if math.prod(sizes) <= _core.BYTE_STATES:
        return [variables]
    cut = min(range(1, len(sizes)), key=lambda cut: max(math.prod(sizes[:cut]), math.prod(sizes[cut:])))
    if max(math.prod(sizes[:cut]), math.prod(sizes[cut:])) > _core.BYTE_STATES:
        raise ModelError(
            f"{math.prod(sizes):,} configurations make no two blocks of at most {_core.BYTE_STATES}; put parameters "
            "with few choices between those with many"
        )
    return [variables[:cut], variables[cut:]]


def cost_surrogates(
    joint: Space, layers: NetworkLayers, accelerator: Accelerator, precision: Precision | None = None
) -> dict[str, _core.Surrogate]:
    """Give the metrics of an accelerator's engine over a joint space, by name, on the scales of their links."""
    engine, configurations = ENGINES[accelerator.engine], accelerator.configurations()
    count = len(next(iter(configurations.values())))
    # the same configurations at every choice of bits, the most of which come last
    widths = [configurations]
    if precision is not None:
        widths = [{**configurations, "bits": np.full(count, bits)} for bits in precision.bits]
    of_layer = [
        {layer: engine.of_layer(layer, width, accelerator.constants) for layer in layers.distinct()} for width in widths
    ]
    own = engine.of_own(configurations, accelerator.constants)
    behind = list(range(len(layers.states), len(joint.blocks)))
    found = {}
    for name in engine.layer_costs:
        costs = [{layer: values[name] for layer, values in width.items()} for width in of_layer]
        sets, cells = [behind], [_summed(layers.fixed, costs[-1], count)]
        for block, states in enumerate(layers.states):
            sets.append([block, *behind])
            cells.append(np.concatenate([_summed(state, width, count) for state in states for width in costs]))
        found[name] = _tables(joint, sets, cells)
    return found | {name: _tables(joint, [behind], [own[name]]) for name in engine.own_costs}


def _summed(layers: Sequence[Layer], costs: Mapping[Layer, Floats], count: int) -> Floats:
    """Add up what layers cost, on every configuration."""
    return np.sum([costs[layer] for layer in layers], axis=0) if layers else np.zeros(count)


def _tables(joint: Space, sets: Sequence[Sequence[int]], cells: Sequence[Floats]) -> _core.Surrogate:
    return _core.Surrogate.as_given(joint._core, 0.0, sets, [c.tolist() for c in cells], "blocks")
