"""The complete tables of the package are made again from files in their authors' form."""

import json

import numpy as np
import polars as pl

import accelnas
from studies.tabulated import make


def test_nasbench201_is_made_from_its_columns(tmp_path):
    bench = accelnas.load("nasbench201")
    rows = bench.space.range(0, bench.space.size)[::-1]
    columns = {v.name: [v.choices[c] for c in rows[:, i]] for i, v in enumerate(bench.space.variables)}
    for name in bench.metrics:
        values = bench.predict(rows, name, dtype="float64")
        columns |= {f"{name}_seed0": values - 0.5, f"{name}_seed1": values + 0.5, f"{name}_seed2": [None, *values[1:]]}
    pl.DataFrame(columns).write_parquet(tmp_path / "t.parquet")
    found = make("nasbench201", tmp_path / "t.parquet", tmp_path / "b")
    assert [(metric.name, metric.repeats, metric.filled) for metric in found] == [(n, (2, 3), 0) for n in bench.metrics]
    again = accelnas.load(tmp_path / "b")
    assert again.space == bench.space
    for name in bench.metrics:
        expected = bench.predict(rows, name, dtype="float64")
        np.testing.assert_allclose(again.predict(rows, name, dtype="float64"), expected, rtol=1e-14)


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
