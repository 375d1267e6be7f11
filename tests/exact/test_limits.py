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


def test_values_that_meet_the_limit_in_float64_are_counted_but_not_binned(tmp_path):
    bench = benchmark(tmp_path, centre=36.0)
    below = bench.predict(ROWS, "below", dtype="float64")
    assert 0 < (below == 76.0).sum() < len(ROWS)
    assert bench.best("below").values[0] == 76.0
    assert bench.count({"below": (76.0, None)}).count == (below == 76.0).sum()
    with pytest.raises(MetricError, match='"below" comes so close to its limit 76 that bins there would be equal'):
        bench.distribution("below", bins=10)
