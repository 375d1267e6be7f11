"""Every float is counted: tables at the edges of float64 against enumeration."""

import itertools
import math

import numpy as np
import pytest

import accelnas
from accelnas import MetricError, SearchError, _core

SPACE = accelnas.Space(
    """
[space]
name = "tiny"
[[space.blocks]]
name = "a"
variables = [{ name = "a0", choices = [1, 2, 3] }]
[[space.blocks]]
name = "b"
variables = [{ name = "b0", choices = [1, 2] }, { name = "b1", choices = [1, 2] }]
[[space.blocks]]
name = "c"
variables = [{ name = "c0", choices = [1, 2, 3, 4] }]
[[space.blocks]]
name = "d"
variables = [{ name = "d0", choices = [1, 2, 3] }]
[[space.blocks]]
name = "e"
variables = [{ name = "e0", choices = [1, 2] }, { name = "e1", choices = [1, 2] }]
"""
)
SETS = [[0], [1, 3], [0, 3, 4], [2, 5], [1, 4, 5]]
SHAPES = [3, 8, 36, 4, 12]
PARTS = [
    {},
    {"a0": 2, "b1": [1, 2], "c0": 3, "d0": [1, 3]},
    {"a0": 1, "b0": 1, "b1": 2, "c0": 4, "d0": 2, "e0": 1, "e1": 1},
    {"c0": [2, 4], "d0": 2},
]
# link, constant, size of cells: large beside their spread, tiny, huge, where exp and log lose digits
SCALES = [
    ("identity", 1e6, 1e-10),
    ("identity", -3e15, 0.125),
    ("identity", 0.1, 1e-17),
    ("identity", 0.0, 1e-310),
    ("identity", 0.0, 5e-324),
    ("identity", 1e149, 1e136),
    ("identity", 2.5, 0.0),
    ("identity", 0.0, 0.0),
    ("log", 0.0, 1e-17),
    ("log", 0.0, 2e-16),
    ("log", 1e-12, 1e-16),
    ("log", -1e-15, 3e-17),
    ("log", 0.0, 0.3),
    ("log", -744.0, 0.2),
    ("log", -738.0, 1.0),
    ("log", 709.0, 0.1),
    ("log", 1e-300, 1e-310),
    ("reciprocal", 1.0, 1e-16),
    ("reciprocal", 7.0, 0.3),
    ("reciprocal", 1e-300, 1e-317),
    ("reciprocal", 1e149, 1e133),
    ("reciprocal", 1e9, 1e-7),
    (("capped", 1 / 7), 7.0, 0.3),
    (("capped", 2.0), 0.0, 0.3),  # times below 0, too
    (("capped", 1e-9), 1e9, 1e-7),
    (("capped", 1e300), 1e-300, 1e-317),
    (("capped", 1e9), 1.0, 0.3),  # which none reaches
    (("capped", 1e-3), 1.0, 0.3),  # which all do
    (("floored", 1e6), 1e6, 1e-10),
    (("floored", -3e15), -3e15, 0.125),
    (("floored", 0.0), 0.0, 5e-324),
]


def written(folder, scales, seed):
    """A benchmark of a metric a scale; cells are small whole numbers of a size, so that many values tie."""
    for i, (link, constant, size) in enumerate(scales):
        random = np.random.default_rng([seed, i])
        cells = [size * random.integers(-1, 2, (1, count)).astype(float) for count in SHAPES]
        surrogate = _core.Surrogate.from_tables(SPACE._core, [constant], SETS, cells)
        link, limit = link if isinstance(link, tuple) else (link, None)
        texts = {"unit": "", "direction": "maximise", "link": link, "limit": limit, "description": ""}
        _core.write_metric(folder, f"m{i}", surrogate, noise=None, provenance={}, **texts)
    return accelnas.load(folder)


def enumerated(bench, within):
    rows = SPACE.range(0, SPACE.size)
    for v, variable in enumerate(SPACE.variables):
        if variable.name in within:
            wanted = within[variable.name]
            wanted = wanted if isinstance(wanted, list) else [wanted]
            rows = rows[np.isin(rows[:, v], [variable.choices.index(c) for c in wanted])]
    return rows, bench.predict(rows, list(bench.metrics), dtype="float64")


def near(values):
    """Some values, those next to them, and what no value is."""
    some = np.unique(values)[:: max(1, len(np.unique(values)) // 5)]
    below, above = np.nextafter(some, -np.inf), np.nextafter(some, np.inf)
    special = [0.0, -1.0, -5e-324, 5e-324, 1e-310, 1.0, 1e308, -1e308]
    return [float(x) for x in (*some, *below, *above, *special) if math.isfinite(x)]


@pytest.mark.parametrize("within", PARTS, ids=str)
@pytest.mark.parametrize("scale", SCALES, ids=str)
def test_counts_optima_ranks_and_histograms_equal_enumeration(tmp_path, scale, within):
    bench = written(tmp_path, [scale], 1)
    rows, found = enumerated(bench, within)
    values = found["m0"]
    for bound in near(values):
        assert bench.count({"m0": (bound, None)}, within=within, threads=1).count == np.count_nonzero(values >= bound)
        assert bench.count({"m0": (None, bound)}, within=within, threads=1).count == np.count_nonzero(values <= bound)
        assert bench.count({"m0": (bound, bound)}, within=within, threads=1).count == np.count_nonzero(values == bound)
    best = bench.best("m0", k=7, within=within, threads=1)
    order = np.lexsort((np.arange(len(rows)), -values))[:7]
    assert (best.architectures == rows[order]).all()
    assert (best.values == values[order]).all()
    ranks = bench.rank(rows, "m0", within=within, threads=1)
    assert (ranks.better == (values[None] > values[:, None]).sum(axis=1)).all()
    assert (ranks.ties == (values[None] == values[:, None]).sum(axis=1)).all()
    drawn = bench.distribution("m0", bins=7, within=within, threads=1)
    places = np.clip(np.searchsorted(drawn.edges, values, side="right") - 1, 0, 6)
    assert drawn.edges[0] <= values.min()
    assert values.max() <= drawn.edges[-1]
    assert (drawn.counts == np.bincount(places, minlength=7)).all()


@pytest.mark.parametrize("pair", list(itertools.combinations(range(0, len(SCALES), 3), 2)), ids=str)
def test_fronts_equal_enumeration_whatever_the_scales(tmp_path, pair):
    bench = written(tmp_path, [SCALES[i] for i in pair], 2)
    for within in PARTS[:2]:
        _, found = enumerated(bench, within)
        points = np.stack([found["m0"], -found["m1"]], axis=1)
        covers = (points[:, None] >= points[None]).all(axis=2)
        kept = ~(covers & ~covers.T).any(axis=0)
        expected = {tuple(found[m][i] for m in ("m0", "m1")) for i in np.flatnonzero(kept)}
        front = bench.pareto_front([("m0", "maximise"), ("m1", "minimise")], within=within, threads=1)
        assert set(map(tuple, front.values.tolist())) == expected
        assert int(front.ties.sum()) == np.count_nonzero(kept)


@pytest.mark.parametrize(
    ("text", "all_or_none"),
    [
        ("throughput_a100 <= 0", 0),
        ("throughput_a100 <= -1", 0),
        ("throughput_a100 >= 0", 1),
        ("throughput_a100 >= 1e300", 0),
        ("throughput_a100 <= 1e-320", 0),
        ("throughput_a100 >= 1e-320", 1),
        ("accuracy <= -1e308", 0),
        ("accuracy >= 1e308", 0),
        ("accuracy >= -1e308", 1),
    ],
)
def test_bounds_beyond_a_metric_are_decided_without_a_search(text, all_or_none):
    bench = accelnas.load()
    found = bench.count(text)
    assert (found.count, found.certificate.counts.evaluated) == (all_or_none * bench.space.size, 0)
    if not all_or_none:
        front = bench.pareto_front(["accuracy", "macs"], subject_to=text)
        assert (len(front), front.certificate.counts.evaluated) == (0, 0)
        assert len(bench.best("accuracy", subject_to=text)) == 0
        assert bench.distribution("macs", subject_to=text, bins=3).total == 0


def test_values_that_are_no_numbers_are_refused(tmp_path):
    bench = written(tmp_path / "log", [("log", 709.7, 1.0)], 3)
    for ask in (
        lambda: bench.best("m0"),
        lambda: bench.distribution("m0"),
        lambda: bench.rank(np.zeros((1, 7), np.uint8), "m0"),
    ):
        try:
            found = ask()
        except (MetricError, SearchError):
            continue
        assert np.isfinite(getattr(found, "values", 0.0)).all()
    assert bench.count("m0 >= 0").count == SPACE.size
    with pytest.raises(MetricError, match=r"at most 1e150 is searched"):
        written(tmp_path / "huge", [("identity", 1e155, 1.0)], 3).best("m0")
