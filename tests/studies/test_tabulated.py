"""The complete tables of the package are made again from files in their authors' form."""

import json

import numpy as np
import polars as pl
import pytest

import accelnas
from studies.tabulated import make

ACCURACIES = ("cifar10", "cifar100", "imagenet16_120")


def test_nasbench201_is_made_from_its_columns(tmp_path):
    bench = accelnas.load("nasbench201")
    rows = bench.space.range(0, bench.space.size)[::-1]
    columns = {v.name: [v.choices[c] for c in rows[:, i]] for i, v in enumerate(bench.space.variables)}
    for name in ACCURACIES:
        values = bench.predict(rows, name, dtype="float64")
        columns |= {f"{name}_seed0": values - 0.5, f"{name}_seed1": values + 0.5, f"{name}_seed2": [None, *values[1:]]}
    pl.DataFrame(columns).write_parquet(tmp_path / "t.parquet")
    found = make("nasbench201", tmp_path / "t.parquet", tmp_path / "b")
    expected = [(name, (2, 3), 0) for name in ACCURACIES] + [(name, (1, 1), 0) for name in ("params", "macs")]
    assert [(metric.name, metric.repeats, metric.filled) for metric in found] == expected
    again = accelnas.load(tmp_path / "b")
    assert again.space == bench.space
    assert list(again.metrics) == list(bench.metrics)
    for name in ACCURACIES:
        expected = bench.predict(rows, name, dtype="float64")
        np.testing.assert_allclose(again.predict(rows, name, dtype="float64"), expected, rtol=1e-14)
    for name in ("params", "macs"):
        assert np.array_equal(again.predict(rows, name, dtype="float64"), bench.predict(rows, name, dtype="float64"))


def test_costs_of_nasbench201_are_those_published():
    bench = accelnas.load("nasbench201")
    published = {  # in millions
        "none_none_none-none_none_none": (0.073306, 7.78304),
        "skip_pool_skip-pool_skip_none": (0.073306, 7.78304),
        "c3_c3_c1-skip_c3_c3": (1.073466, 153.27296),
        "c3_c3_c3-skip_c3_c3": (1.288506, 184.73024),
        "c3_c3_c3-c3_c3_c3": (1.531546, 220.11968),
    }
    for architecture, costs in published.items():
        assert tuple(bench.predict(architecture, name, dtype="float64") for name in ("params", "macs")) == costs
    for name, smallest, largest in (("params", 0.073306, 1.531546), ("macs", 7.78304, 220.11968)):
        metric, values = bench.metrics[name], bench.predict(range(bench.space.size), name, dtype="float64")
        assert (metric.unit, metric.direction, metric.noise) == ("M", "minimise", 0)
        assert (values.min(), values.max(), len(np.unique(values))) == (smallest, largest, 28)  # 0 to 6 of two kinds


@pytest.mark.parametrize("cost", ["params", "macs"])
def test_fronts_of_accuracy_and_cost_are_those_of_enumeration(cost):
    bench = accelnas.load("nasbench201")
    every = range(bench.space.size)
    values = bench.predict(every, ["cifar10", cost], dtype="float64")
    front = bench.pareto_front(["cifar10", cost])
    best, kept = -np.inf, []
    for price, accuracy in sorted(zip(values[cost], -values["cifar10"], strict=True)):
        if -accuracy > best:
            best = -accuracy
            kept.append((best, price))
    found = zip(front.metric_values["cifar10"], front.metric_values[cost], strict=True)
    assert sorted(set(found)) == kept
    assert len(kept) > 10
    assert front.certificate.verify(bench, rerun=True).passed
    limit = float(np.median(values[cost]))
    (found,) = bench.best("cifar10", subject_to=f"{cost} <= {limit!r}").values
    assert found == values["cifar10"][values[cost] <= limit].max()


def test_macro_is_made_from_its_keys(tmp_path):
    bench = accelnas.load("nasbench-macro")
    rows = bench.space.range(0, bench.space.size)
    values = bench.predict(rows, dtype="float64")
    columns = [values[name].tolist() for name in ("accuracy", "params", "macs")]
    content = {
        "".join(map(str, row)): {"test_acc": [a, a, a], "params": round(p * 1e6), "flops": round(m * 1e6)}
        for row, a, p, m in zip(rows.tolist(), *columns, strict=True)
    }
    (tmp_path / "t.json").write_text(json.dumps(content))
    make("nasbench-macro", tmp_path / "t.json", tmp_path / "b")
    again = accelnas.load(tmp_path / "b")
    assert again.space == bench.space
    for name in ("params", "macs"):
        assert np.array_equal(again.predict(rows, name, dtype="float64"), values[name])
    np.testing.assert_allclose(again.predict(rows, "accuracy", dtype="float64"), values["accuracy"], rtol=1e-14)
