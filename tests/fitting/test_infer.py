"""The search space of a table: what was planted is found, whatever the names, types, rows and blocks."""

import json
import math
import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelnas
from accelnas import DataError, Space, _core
from accelnas.fitting.dataset import from_table
from accelnas.fitting.infer import infer_space
from accelnas.fitting.layout import blocks_of
from accelnas.space.definition import defined
from command_line import failure, run
from data_samples import sample_table

CHOICES = [[3, 5, 7], [False, True], ["conv_3x3", "skip-connect", "none"], [0.1, 0.25], [-1, 0, 1], [16, 32, 64, 128]]
NAMES = [
    [f"block{b}_{local}" for b in range(2) for local in ("e", "k", "se")],
    [f"stage{b}.{local}" for local in ("kernel", "op", "width") for b in range(2)],
    [f"layer{b}" for b in range(6)],
    [f"edge_{a}_{b}" for b in range(1, 4) for a in range(b)],
    [f"{local}_{b}" for b in range(3) for local in ("kernel", "width")],
    ["kernel", "kernel size", "kernel-size", "Kernel", "1", "größe"],
]


def planted(names, choices, rows=None, seed=0):
    """A table of a space, complete or sampled, in random order, with measurements, and that space."""
    space = defined("table", blocks_of(dict(zip(names, choices, strict=True))))
    chance = np.random.default_rng(seed)
    archs = space.range(0, space.size) if rows is None else space.sample(rows, seed)
    archs = archs[chance.permutation(len(archs))]
    columns = {v.name: [v.choices[c] for c in archs[:, i]] for i, v in enumerate(space.variables)}
    columns["quality"] = chance.normal(70, 5, len(archs))
    columns |= {f"top1_seed{s}": chance.normal(70, 5, len(archs)) for s in range(2)}
    columns["cells"] = archs.sum(axis=1) + 3  # a whole number that follows from the architecture, of few values
    return pl.DataFrame(columns), space


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("form", ["csv", "json", "jsonl", "parquet"])
def test_a_planted_space_is_found(names, form, tmp_path):
    table, space = planted(names, CHOICES)
    path = tmp_path / f"table.{form}"
    records = [json.dumps(row) for row in table.iter_rows(named=True)]
    match form:
        case "csv":
            table.write_csv(path)
        case "parquet":
            table.write_parquet(path)
        case _:
            path.write_text("\n".join(records) if form == "jsonl" else f"[{','.join(records)}]")
    shown = run("space", "infer", path, "-o", tmp_path / "s.toml").output
    found = Space.from_toml(tmp_path / "s.toml")
    expected = {v.name: sorted(v.choices) for v in space.variables}
    assert {v.name: list(v.choices) for v in found.variables} == expected
    assert max(block.size for block in found.blocks) <= _core.BYTE_STATES
    archs = found.range(0, found.size)
    texts = found.format(archs)
    assert len(set(texts)) == found.size
    assert np.array_equal(found.parse(texts), archs)
    assert "the table has all 432 architectures" in shown
    ends = "--maximise quality,top1,cells -o"
    assert re.search(rf"accelnas tabulate \S+ --space \S+ {ends}", shown), shown
    assert from_table(table, found).report.architectures == found.size  # what fit and tabulate read


def test_blocks_and_symbols_follow_names():
    table, space = sample_table(), accelnas.mnasnet_space()
    shuffled = table.select(["accuracy", *sorted(v.name for v in space.variables)[::-1]])
    for some in (table, shuffled):
        found = infer_space(some).space
        assert {b.name: set(b.variables) for b in found.blocks} == {b.name: set(b.variables) for b in space.blocks}
        assert {v.name: (v.choices, v.symbol) for v in found.variables} == {
            v.name: (v.choices, v.symbol) for v in space.variables
        }
    assert infer_space(table, "mnasnet").space == space  # to the byte, as the columns stand in its order


@settings(deadline=None)
@given(st.data())
def test_symbols_are_unique_and_strings_parse_back(data):
    name = st.text("ab1_.- é", min_size=1, max_size=8).map(str.strip).filter(bool)
    names = data.draw(st.lists(name, min_size=1, max_size=8, unique=True))
    value = st.one_of(
        st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=9, unique=True),
        st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=9, unique=True),
        st.lists(st.text("a_b- \x01\x7fö", max_size=5), min_size=1, max_size=9, unique=True),
        st.just([False, True]),
    )
    blocks = blocks_of({name: data.draw(value) for name in names})
    space = defined("any", blocks)
    assert sorted(v.name for v in space.variables) == sorted(names)
    assert all(math.prod(len(v["choices"]) for v in inside) <= _core.BYTE_STATES for inside in blocks.values())
    for inside in blocks.values():
        assert len({v["symbol"] for v in inside}) == len(inside)
    archs = space.sample(20, 1)
    texts = space.format(archs)
    assert np.array_equal(space.parse(texts), archs)
    assert not re.search(r"\s", "".join(texts))


def test_each_column_is_named_with_its_reason():
    table, _ = planted(["layer0", "layer1", "op"], [[1, 2, 3], [1, 2, 3], ["conv", "pool"]], rows=400)
    n = table.height
    table = table.with_columns(
        pl.Series("", range(n)),
        pl.Series("id", range(n)),
        pl.Series("job", np.random.default_rng(0).permutation(n) * 7),
        pl.Series("uid", [f"net{i}" for i in range(n)]),
        pl.Series("architecture", ["x"] * n),
        pl.Series("scheme", ["cheap"] * n),
        pl.Series("nothing", [None] * n, pl.Float64),
        pl.Series("curve", [[1.0, 2.0]] * n),
        pl.Series("seed", [i % 3 for i in range(n)]),
        pl.Series("quality_std", [0.5 + i / n for i in range(n)]),
        pl.Series("quality_threads", [1 + i % 2 for i in range(n)]),
        pl.Series("params", [i % 4 for i in range(n)]),
        pl.Series("speed", [f"{i}.5 ms" for i in range(n)]),
        pl.Series("typed", [str(i % 5) for i in range(n)]),
    )
    found = {column.name: column for column in infer_space(table, metrics=["cells"]).columns}
    assert list(found) == table.columns
    ignored = {
        "": "row number",
        "id": "names the rows",
        "job": "another whole number in every row",
        "uid": "text of a different value in every row",
        "architecture": "whole architectures",
        "scheme": "constant: cheap in every row",
        "nothing": "empty in every row",
        "curve": r"holds List\(Float64\)",
        "seed": "repeats",
        "quality_std": "deviation",
        "quality_threads": "how that was measured",
        "speed": "row 0: speed is '0.5 ms'; write the number alone",
    }
    for name, reason in ignored.items():
        assert found[name].role == "ignored", name
        assert re.search(reason, found[name].reason), name
    assert {name for name, column in found.items() if column.role == "variable"} == {"layer0", "layer1", "op", "typed"}
    assert found["typed"].choices == (0, 1, 2, 3, 4)
    again = infer_space(table, choices=["params", "scheme"], metrics=["layer0", "top1", "cells"])
    roles = {column.name: column.role for column in again.columns}
    assert (roles["params"], roles["scheme"], roles["layer0"]) == ("variable", "variable", "metric")
    assert again.metrics == dict.fromkeys(["layer0", "quality", "top1", "cells"], "maximise")


def test_numbers_that_follow_from_the_others_are_metrics_but_layers_alike_are_not():
    layers = [(a, b) for a in range(3) for b in range(3)] * 4
    table = pl.DataFrame({"layer0": [a for a, _ in layers], "layer1": [b for _, b in layers]})
    grown = table.with_columns(stages=pl.col("layer0") // 2 + 1, cells=pl.col("layer0") + 2 * pl.col("layer1"))
    roles = {column.name: column.role for column in infer_space(grown).columns}
    assert roles == {"layer0": "variable", "layer1": "variable", "stages": "metric", "cells": "metric"}
    alike = infer_space(table.with_columns(layer2=pl.col("layer1"), top1=pl.Series([1.5, math.inf] * 18)))
    assert [v.name for v in alike.space.variables] == ["layer0", "layer1", "layer2"]
    assert not alike.complete


def test_infinite_and_missing_numbers_are_no_choices():
    table = pl.DataFrame({"op": ["a", "b"] * 8, "far": [1.0, math.inf] * 8, "gap": [2.0, math.nan, 4.0, 2.0] * 4})
    found = {column.name: column for column in infer_space(table).columns}
    assert (found["far"].role, found["gap"].role, found["gap"].choices) == ("metric", "variable", (2, 4))
    assert "some of them infinite" in found["far"].reason
    assert "empty in 4 rows, the first is row 1" in found["gap"].reason


def test_empty_choices_and_wrong_words_are_refused(tmp_path):
    table = pl.DataFrame({"x": [1, None, 2, 1, 2, 1], "y": list("abacbc"), "t": [1.5, 2, 3, 4, 5, 6]})
    (column, *_) = infer_space(table).columns
    assert "empty in 1 rows, the first is row 1" in column.reason
    table.write_csv(tmp_path / "t.csv")
    for options, message in [
        (("--choices", "z"), "no column 'z'; the table has 'x', 'y', 't'"),
        (("--choices", "x", "--metrics", "x"), "'x' is named as a variable and as a metric"),
        (("--metrics", "y"), "y is named as a metric but holds 'a'"),
        (("--metrics", "x,y,t"), "y is named as a metric"),
    ]:
        assert message in failure("space", "infer", tmp_path / "t.csv", *options, "-o", tmp_path / "s.toml")
    many = pl.DataFrame({"x": range(300), "y": [1, 2] * 150, "when": pl.Series([0] * 300).cast(pl.Date)})
    with pytest.raises(DataError, match="x has 300 distinct values; a variable has 1 to 256"):
        infer_space(many, choices=["x"])
    with pytest.raises(DataError, match="when holds Date"):
        infer_space(many, choices=["when"])
    with pytest.raises(DataError, match=r"no column looks like a variable \(x: "):
        infer_space(many.select("x"))
    with pytest.raises(DataError, match="no rows"):
        infer_space(many.clear())
    assert not (tmp_path / "s.toml").exists()
