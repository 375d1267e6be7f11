"""Exact questions about metrics that are modelled as distances to a limit, against enumeration."""

import numpy as np
import pytest

import accelnas
from accelnas import MetricError, _core
from small_samples import space_of, write_surrogate

SPACE = space_of(
    "limited",
    a={"a0": [1, 2, 3], "a1": [0, 1, 2, 3]},
    b={"b0": [1, 2, 3, 4], "b1": [0, 1]},
    c={"c0": [0, 1, 2], "c1": [1, 2, 3]},
    d={"d0": [0, 1, 2, 3, 4]},
)
ROWS = SPACE.range(0, SPACE.size)


def benchmark(folder, centre=0.0):
    random = np.random.default_rng(3)
    sets = [[0, 1, 2], [2, 4, 6], [3, 5, 6]]
    for name, limit, direction in (("below", 76.0, "maximise"), ("above", -0.1, "minimise")):
        cells = [random.normal(size=(1, size)) for size in (48, 60, 30)]
        sums = _core.Surrogate.from_tables(SPACE._core, [centre], sets, cells)
        write_surrogate(folder, name, sums, direction, name, limit)
    return accelnas.load(folder)


def test_answers_are_those_of_enumeration(tmp_path):
    bench = benchmark(tmp_path)
    values = bench.predict(ROWS, ["below", "above"], dtype="float64")
    below, above = values["below"], values["above"]
    for bound in [*np.sort(above)[[0, 7, 1000, -1]], -0.1, -5.0, 1e300, float(np.nextafter(above[5], -np.inf))]:
        met = above <= bound
        if met.any():
            best = bench.best("below", subject_to={"above": (None, bound)})
            assert best.values[0] == below[met].max()
            assert best.certificate.verify(bench, samples=500, rerun=True).passed
        assert bench.count({"above": (None, bound)}).count == met.sum()
        assert (
            bench.count({"below": (75.0, 76.0), "above": (bound, None)}).count
            == ((below >= 75.0) & (above >= bound)).sum()
        )
    assert bench.count({"below": (None, 76.0), "above": (-0.1, None)}).count == len(ROWS)
    assert bench.count({"below": (76.0, None)}).count == bench.count({"above": (None, -0.1)}).count == 0
    front = bench.pareto_front(["below", "above"])
    dominated = [
        ((below >= b) & (above <= a) & ((below > b) | (above < a))).any() for b, a in zip(below, above, strict=True)
    ]
    assert len(front.architectures) == len(ROWS) - sum(dominated)
    for metric, own in values.items():
        found = bench.distribution(metric, bins=100)
        assert (found.counts == np.histogram(own, found.edges)[0]).all()
        assert (np.diff(found.edges) > 0).all()


@pytest.mark.parametrize("link", ["capped", "floored"])
def test_architectures_at_a_ceiling_or_floor_are_equal(tmp_path, link):
    random = np.random.default_rng(5)
    direction = "maximise" if link == "capped" else "minimise"
    sets = [[0, 1, 2], [2, 4, 6], [3, 5, 6]]
    for name, limit in (("end", 0.25 if link == "capped" else 4.0), ("other", None)):
        cells = [random.normal(size=(1, size)) for size in (48, 60, 30)]
        sums = _core.Surrogate.from_tables(SPACE._core, [4.0], sets, cells)
        write_surrogate(tmp_path, name, sums, direction, link if limit else "identity", limit)
    bench = accelnas.load(tmp_path)
    values = bench.predict(ROWS, ["end", "other"], dtype="float64")
    end, sign = values["end"], 1 if direction == "maximise" else -1
    limit = bench.metrics["end"].limit
    ties = np.flatnonzero(end == limit)
    assert 0.2 < len(ties) / len(ROWS) < 0.8
    assert (sign * end <= sign * limit).all()
    for k in (1, 7, 500):
        found = bench.best("end", k=k)
        assert (found.architectures == ROWS[ties[:k]]).all()  # the first of the space
        assert (found.values == limit).all()
        assert found.certificate.verify(bench, samples=500, rerun=True).passed
    assert bench.count({"end": (limit, limit)}).count == len(ties)
    assert bench.count({"end": (limit + sign * 1e-9, None) if sign > 0 else (None, limit - 1e-9)}).count == 0
    ranks = bench.rank(ROWS[:300], "end")
    assert (ranks.better == (sign * end > sign * end[:300, None]).sum(axis=1)).all()
    assert (ranks.ties == (end == end[:300, None]).sum(axis=1)).all()
    for direction in ("maximise", "minimise"):
        points = np.stack([sign * end, values["other"] * (1 if direction == "maximise" else -1)], axis=1)
        covers = (points[:, None] >= points[None]).all(axis=2)
        kept = ~(covers & ~covers.T).any(axis=0)
        front = bench.pareto_front(["end", ("other", direction)])
        expected = {(end[i], values["other"][i]) for i in np.flatnonzero(kept)}
        assert set(map(tuple, front.values.tolist())) == expected
        assert front.ties.sum() == kept.sum()
    for bins in (1, 9, 1000):
        drawn = bench.distribution("end", bins=bins)
        assert (np.diff(drawn.edges) > 0).all()
        assert (drawn.counts == np.histogram(end, drawn.edges)[0]).all()
        assert limit == drawn.edges[-1 if sign > 0 else 0]


def test_values_that_meet_the_limit_in_float64_are_counted_but_not_binned(tmp_path):
    bench = benchmark(tmp_path, centre=36.0)
    below = bench.predict(ROWS, "below", dtype="float64")
    assert 0 < (below == 76.0).sum() < len(ROWS)
    assert bench.best("below").values[0] == 76.0
    assert bench.count({"below": (76.0, None)}).count == (below == 76.0).sum()
    with pytest.raises(MetricError, match='"below" comes so close to its limit 76 that bins there would be equal'):
        bench.distribution("below", bins=10)
