"""Choices that others dominate are left out of searches, never of counts; every answer is that of enumeration."""

import numpy as np
import pytest

import accelnas
from accelnas import _core
from accelnas.exact import BestQuestion, FrontQuestion, merge_shards, run_shard
from accelnas.fitting.entry import write_metric
from accelnas.fitting.metric import MetricSpec
from accelnas.space.definition import defined

DIRECTIONS = dict.fromkeys(("accuracy", "speed"), "maximise") | dict.fromkeys(("latency", "energy", "area"), "minimise")


def joint(draw, folder):
    """A benchmark of small networks beside two blocks of an accelerator, whose costs are whole, with ties."""
    networks = [
        [{"name": f"b{b}_{v}", "symbol": v, "choices": list(range(int(draw.integers(1, 4))))} for v in "xy"]
        for b in range(3)
    ]
    hardware = [
        [{"name": name, "choices": list(range(int(draw.integers(2, 5))))} for name in names]
        for names in (("rows", "cols"), ("clock", "bus"))
    ]
    blocks = {f"block{b}": variables for b, variables in enumerate([*networks, *hardware])}
    space = defined("joint", blocks)
    sizes = [block.size for block in space.blocks]
    pairs = [(a, b) for b in range(3) for a in range(b)]
    cells = [draw.integers(0, 9, (1, sizes[a] * sizes[b])) / 8 for a, b in pairs]
    surrogates = {"accuracy": _core.Surrogate.from_tables(space._core, [60.0], pairs, cells, "blocks")}
    for name in ("latency", "energy", "speed"):
        slow = [draw.integers(1, 4, sizes[b]) for b in (3, 4)]
        sets, costs = [(3, 4)], [np.multiply.outer(*slow).reshape(-1)]
        for b in range(3):
            sets.append((b, 3, 4))
            costs.append(np.einsum("i,j,k->ijk", draw.integers(1, 4, sizes[b]), *slow).reshape(-1))
        if draw.integers(2):
            costs = [c + draw.integers(0, 2, len(c)) for c in costs]
        cells = [c.astype(float).tolist() for c in costs]
        surrogates[name] = _core.Surrogate.as_given(space._core, 0.0, sets, cells, "blocks")
    area = draw.integers(1, 5, sizes[3] * sizes[4]).astype(float).tolist()
    surrogates["area"] = _core.Surrogate.as_given(space._core, 0.0, [(3, 4)], [area], "blocks")
    for name, surrogate in surrogates.items():
        link = "reciprocal" if name == "speed" else "identity"
        write_metric(folder, MetricSpec(name, "", DIRECTIONS[name], link), surrogate, {})
    return accelnas.load(folder)


def limited(draw, values):
    """Some constraints, and whether each architecture meets them."""
    limits = []
    for name in draw.permutation(list(DIRECTIONS))[: draw.integers(0, 4)].tolist():
        bound = float(np.quantile(values[name], draw.uniform(0.2, 0.9)))
        limits.append((name, "<=" if DIRECTIONS[name] == "minimise" else ">=", bound))
    feasible = np.full(len(values["area"]), fill_value=True)
    for name, sign, bound in limits:
        feasible &= values[name] <= bound if sign == "<=" else values[name] >= bound
    return [f"{name} {sign} {bound!r}" for name, sign, bound in limits], feasible


@pytest.mark.parametrize("seed", range(60))
def test_answers_are_those_of_enumeration(seed, tmp_path):
    draw = np.random.default_rng(seed)
    bench = joint(draw, tmp_path)
    rows = bench.space.range(0, bench.space.size)
    values = bench.predict(rows, list(DIRECTIONS), dtype="float64")
    subject, feasible = limited(draw, values)

    name = str(draw.choice(list(DIRECTIONS)))
    score = values[name] * (1 if DIRECTIONS[name] == "maximise" else -1)
    for k in (1, 5):
        order = np.flatnonzero(feasible)[np.argsort(-score[feasible], kind="stable")][:k]
        question = BestQuestion(name, subject_to=subject, k=k)
        found = bench.solve(question)
        np.testing.assert_array_equal(found.architectures, rows[order])
        counted = found.certificate.to_json()["counts"]
        assert sum(counted.values()) == len(rows)
        merged = merge_shards(bench, [run_shard(bench, question, part, 3) for part in (1, 2, 3)])
        np.testing.assert_array_equal(merged.architectures, rows[order])

    objectives = draw.permutation(list(DIRECTIONS))[: draw.integers(2, 5)].tolist()
    scores = np.stack([values[o] * (1 if DIRECTIONS[o] == "maximise" else -1) for o in objectives], axis=1)[feasible]
    points, first, counts = np.unique(-scores, axis=0, return_index=True, return_counts=True)
    kept = [i for i, p in enumerate(points) if not ((points <= p).all(1) & (points < p).any(1)).any()]
    expected = {(tuple(rows[feasible][first[i]]), int(counts[i])) for i in kept}
    found = bench.solve(FrontQuestion(objectives, subject_to=subject))
    assert {(tuple(row), int(ties)) for row, ties in zip(found.architectures, found.ties, strict=True)} == expected


@pytest.mark.parametrize("seed", range(16))
def test_counts_ranks_and_distributions_are_of_every_configuration(seed, tmp_path):
    draw = np.random.default_rng(seed)
    bench = joint(draw, tmp_path)
    rows = bench.space.range(0, bench.space.size)
    values = bench.predict(rows, list(DIRECTIONS), dtype="float64")
    subject, feasible = limited(draw, values)
    bus = bench.space.variables[-1]
    choice = int(draw.integers(len(bus.states)))
    assert int(bench.count(subject)) == np.count_nonzero(feasible)
    within = bench.count(subject, within={"bus": bus.states[choice]})
    assert int(within) == np.count_nonzero(feasible & (rows[:, -1] == choice))

    asked = draw.choice(len(rows), 5)
    for name, direction in DIRECTIONS.items():
        score = values[name] * (1 if direction == "maximise" else -1)
        found = bench.rank(rows[asked], name)
        better = score[None, :] > score[asked][:, None]
        np.testing.assert_array_equal(found.rank, 1 + better.sum(axis=1))
        np.testing.assert_array_equal(found.ties, (score[None, :] == score[asked][:, None]).sum(axis=1))

        limits, kept = (subject, values[name][feasible]) if feasible.any() else ((), values[name])
        found = bench.distribution(name, bins=int(draw.integers(1, 300)), subject_to=limits)
        np.testing.assert_array_equal(found.counts, np.histogram(kept, found.edges)[0])
        for q in (0.0, 0.125, 0.5, 0.875, 1.0):
            lower, upper = found.quantile(q)
            assert lower <= np.quantile(kept, q, method="inverted_cdf") < upper
