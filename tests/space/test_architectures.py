"""Every form of an architecture is read as what it is, or refused by what it is."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import accelnas
from accelnas import Frame, Space, SpaceError

MNASNET = accelnas.mnasnet_space()
ROWS = MNASNET.sample(5, seed=3)
TEXTS = MNASNET.format(ROWS)
PANDAS, POLARS = pd.DataFrame(MNASNET.decode(ROWS)), pl.DataFrame(MNASNET.decode(ROWS))
# the number 1 is a choice of each variable but another one than choice index 1
OFFSET = Space('[space]\nname = "t"\n[[space.blocks]]\nname = "a"\nvariables = [{name = "x", symbol = "x", '
               'choices = [1, 2, 3]}, {name = "y", symbol = "y", choices = [1, 0]}]')  # fmt: skip


ARROW = pa.Table.from_pylist(MNASNET.decode(ROWS))


class Capsule:
    """What speaks Arrow's capsule protocol, and nothing else."""

    def __init__(self, of, name="__arrow_c_stream__"):
        setattr(self, name, getattr(of, name))


SAME = {
    "pandas": PANDAS,
    "reversed columns": PANDAS[PANDAS.columns[::-1]],
    "further columns": Frame(PANDAS.assign(accuracy=1.0), ignore_others=True),
    "other names": Frame(PANDAS.rename(columns="x_{}".format), {f"x_{name}": name for name in PANDAS.columns}),
    "lists by name": Frame({name: PANDAS[name].tolist() for name in PANDAS.columns}),
    "arrays by name": Frame({name: PANDAS[name].to_numpy() for name in PANDAS.columns}),
    "texts": PANDAS.astype(str),
    "numbers for truth": PANDAS.astype(np.int8),
    "nullable": PANDAS.convert_dtypes(),
    "objects": PANDAS.astype(object),
    "categories": PANDAS.astype("category"),
    "polars": POLARS,
    "lazy": POLARS.lazy(),
    "unsigned": POLARS.cast({pl.Int64: pl.UInt64}),
    "128 bits": POLARS.cast(pl.Int128),
    "decimals": POLARS.cast({pl.Int64: pl.Decimal(5, 1)}),
    "arrow": ARROW,
    "arrow dictionaries": pa.table([column.dictionary_encode() for column in ARROW.itercolumns()], ARROW.schema.names),
    "arrow batch": ARROW.to_batches()[0],
    "stream": Capsule(POLARS),
    "array": Capsule(ARROW.to_batches()[0], "__arrow_c_array__"),
    "stream of texts": Capsule(pl.Series(TEXTS)),
    "column of texts": pd.DataFrame({"architecture": TEXTS}),
    "polars column of texts": Frame(pl.DataFrame({"net": TEXTS}), {"net": "architecture"}),
    "arrow column of texts": pa.chunked_array([TEXTS]),
    "series of texts": pd.Series(TEXTS, index=[5, 1, 2, 3, 4]),
    "column of indices": pd.DataFrame({"index": MNASNET.index(ROWS)}),
    "column of texts of indices": pl.DataFrame({"index": MNASNET.index(ROWS)}).cast(pl.String),
    "list of rows": [row for _, row in PANDAS.iterrows()],
    "int64": ROWS.astype(np.int64),
    "big endian": ROWS.astype(">i4"),
    "uint64": ROWS.astype(np.uint64),
    "lists": ROWS.tolist(),
    "tuples": [tuple(row) for row in ROWS.astype(np.int16)],
}


@pytest.mark.parametrize("name", SAME)
def test_forms_that_other_libraries_give(name: str) -> None:
    np.testing.assert_array_equal(MNASNET.encode(SAME[name]), ROWS)


def test_one_row_of_a_frame_gives_one_number() -> None:
    bench = accelnas.load()
    want = bench.predict(ROWS, "accuracy")
    for one in (PANDAS.iloc[2], pd.DataFrame(ROWS).iloc[2], pl.Series(ROWS[2])):
        assert bench.predict(one, "accuracy") == want[2]
        assert bench.query(one, "accuracy", seed=1) == bench.query(ROWS, "accuracy", seed=1)[2]
    assert bench.predict(PANDAS[2:3], "accuracy").tolist() == [want[2]]
    assert bench.predict(PANDAS.head(0), "accuracy").shape == (0,)


@pytest.mark.parametrize("value", [256, 2, -1, 2**40, 2**64 - 256])
@pytest.mark.parametrize("form", [np.asarray, np.asfortranarray, np.ndarray.tolist])
def test_numbers_out_of_range_do_not_wrap(value: int, form: object) -> None:
    matrix = ROWS.astype(np.uint64 if value >= 2**63 else np.int64)
    matrix[2, 3] = value
    with pytest.raises(SpaceError, match=rf"row 2: block0_se has choice index {value}; choose one of 0 to 1"):
        MNASNET.encode(form(matrix))  # type: ignore[operator]


REFUSED = {
    "row of choice indices": (ROWS[0].tolist(), "28 integers can be the choice indices of one architecture or 28"),
    "int64 row": (pd.DataFrame(ROWS.astype(np.int64)).iloc[0], "or 28 indices into the space; pass choice indices"),
    "numbered": (pd.DataFrame(ROWS), "columns 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 18 more; give the 28"),
    "numbered polars": (pl.DataFrame(ROWS), "choice indices are given as an integer array, frame.to_numpy()"),
    "floats": (ROWS.astype(float), "array has dtype float64"),
    "truth matrix": (ROWS > 0, "array has dtype bool"),
    "further columns": (PANDAS.assign(accuracy=1.0), "columns that are no variables of mnasnet: accuracy; leave them"),
    "missing value": (PANDAS.assign(block0_k=[3, None, 5, 3, 3]), "row 1: block0_k is empty; choose one of 3, 5"),
    "missing of a dictionary": (
        ARROW.set_column(1, "block0_k", pa.array(["3", None, "5", "3", "3"]).dictionary_encode()),
        "row 1: block0_k is empty; choose one of 3, 5",
    ),
    "first of several": (PANDAS.assign(block0_k=[3, 3, 3, 4, 3], block6_l=[1, 1, 9, 1, 1]), "row 2: block6_l is 9"),
    "renamed": (
        Frame(PANDAS.rename(columns={"block0_k": "kernel"}).assign(kernel=7), {"kernel": "block0_k"}),
        "row 0: kernel (block0_k) is 7; choose one of 3, 5",
    ),
    "renamed to two of a name": (Frame(PANDAS, {"block0_k": "block1_k"}, True), "column block0_k is missing"),
    "renamed from nothing": (Frame(PANDAS, {"kernel": "block0_k"}), "no column kernel, which is to be renamed"),
    "long number": (PANDAS.assign(block0_k=10**5000), "row 0: block0_k is an integer of thousands of digits"),
    "bytes in a column": (ARROW.cast(pa.schema([(name, pa.string()) for name in PANDAS])).set_column(
        1, "block0_k", pa.array([b"3"] * 5)), "row 0: block0_k is b'3'; choose one of 3, 5"),
    "matrix in a column": (Frame({**dict(PANDAS), "block0_k": ROWS}), "row 0: block0_k is [2, "),
    "masked in a column": (
        Frame({**dict(PANDAS), "block0_k": np.ma.masked_array([3] * 5, [0, 1, 0, 0, 0])}),
        "row 1: block0_k is empty",
    ),
    "text for a column": (Frame({**dict(PANDAS), "block0_k": "33333"}), "column block0_k is '33333'; give a list"),
    "lengths": (Frame({**dict(PANDAS), "block0_k": [3]}), "columns have 1 and 5 rows"),
    "lists in a column": (POLARS.with_columns(block0_k=pl.Series([[3]] * 5)), "row 0: block0_k is [3]"),
    "truth for numbers": (PANDAS.assign(block0_e=True), "row 0: block0_e is True; choose one of 1, 4, 6"),
    "numbers for truth": (PANDAS.assign(block0_se=2), "row 0: block0_se is 2; choose one of False, True"),
    "two of a name": (pd.concat([PANDAS, PANDAS], axis=1), "two columns block0_e"),
    "other names": (PANDAS.rename(columns="x_{}".format), "no architectures in columns x_block0_e, x_block0_k"),
    "texts of no name": (pl.DataFrame({"net": TEXTS}), "no architectures in columns net; give the 28 variables"),
    "null text": (pl.DataFrame({"architecture": [TEXTS[0], None]}), "row 1: architecture is empty; give a string such"),
    "null index": (pl.DataFrame({"index": [3, None]}), "row 1: index is empty; give an integer from 0 to 104485552127"),
    "fraction for an index": (pd.DataFrame({"index": [3, 0.5]}), "row 1: index is 0.5; give an integer from 0"),
    "wide index": (pl.DataFrame({"index": [3, 2**63]}), "row 1: index 9223372036854775808 is outside the space"),
    "short list": ([[0, 1]], "row 0: got 2 numbers for 28 variables"),
    "truth in a list": ([[True] * 28], "row 0: block0_e has choice index True"),
    "truth values": ([True, False], "sequence of bool"),
    "bytes": (bytes(ROWS[0]), "got a bytes"),
    "masked": (np.ma.masked_array(ROWS, ROWS == 0), "masked values"),
    "ragged": ([ROWS[0], ROWS[0][:4]], "arrays of shapes (4,) and (28,)"),
    "width": (ROWS[:, :9].astype(np.int64), "28 variables, the int64 array has 9 columns"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_be_meant_in_two_ways_is_refused(name: str) -> None:
    value, message = REFUSED[name]
    with pytest.raises(SpaceError, match=re.escape(message)):
        MNASNET.encode(value)


def test_a_row_of_numbers_that_could_be_two_things_is_refused() -> None:
    # indices as the space gives them are indices, whatever their number
    assert OFFSET.encode(OFFSET.index([[0, 1], [0, 0]])).tolist() == [[0, 1], [0, 0]]
    with pytest.raises(SpaceError, match="can be the choice indices"):
        OFFSET.encode([0, 1])
