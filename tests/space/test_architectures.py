"""Every form of an architecture is read as what it is, or refused by what it is."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest

import accelnas
from accelnas import Space, SpaceError

MNASNET = accelnas.mnasnet_space()
ROWS = MNASNET.sample(5, seed=3)
TEXTS = MNASNET.format(ROWS)
PANDAS, POLARS = pd.DataFrame(MNASNET.decode(ROWS)), pl.DataFrame(MNASNET.decode(ROWS))
# the number 1 is a choice of each variable but another one than choice index 1
OFFSET = Space('[space]\nname = "t"\n[[space.blocks]]\nname = "a"\nvariables = [{name = "x", symbol = "x", '
               'choices = [1, 2, 3]}, {name = "y", symbol = "y", choices = [1, 0]}]')  # fmt: skip


class Stream:
    """What speaks Arrow's capsule protocol, and nothing else."""

    def __init__(self, of):
        self.__arrow_c_stream__ = of.__arrow_c_stream__


SAME = {
    "pandas": PANDAS,
    "reversed columns": PANDAS[PANDAS.columns[::-1]],
    "further columns": PANDAS.assign(accuracy=1.0),
    "nullable": PANDAS.convert_dtypes(),
    "objects": PANDAS.astype(object),
    "categories": PANDAS.astype("category"),
    "polars": POLARS,
    "lazy": POLARS.lazy(),
    "stream": Stream(POLARS),
    "stream of texts": Stream(pl.Series(TEXTS)),
    "column of texts": pd.DataFrame({"net": TEXTS}),
    "polars column of texts": pl.DataFrame({"net": TEXTS}),
    "series of texts": pd.Series(TEXTS, index=[5, 1, 2, 3, 4]),
    "column of indices": pd.DataFrame({"index": MNASNET.index(ROWS), "note": "x"}),
    "numbered": pd.DataFrame(ROWS),
    "numbered int64": pd.DataFrame(ROWS.astype(np.int64)),
    "numbered nullable": pd.DataFrame(ROWS).astype("Int16"),
    "numbered polars": pl.DataFrame(ROWS),
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
@pytest.mark.parametrize("form", [np.asarray, np.ndarray.tolist, pd.DataFrame, pl.DataFrame])
def test_numbers_out_of_range_do_not_wrap(value: int, form: object) -> None:
    matrix = ROWS.astype(np.uint64 if value >= 2**63 else np.int64)
    matrix[2, 3] = value
    with pytest.raises(SpaceError, match=rf"row 2: block0_se has choice index {value}; choose one of 0 to 1"):
        MNASNET.encode(form(matrix))  # type: ignore[operator]


REFUSED = {
    "row of choice indices": (ROWS[0].tolist(), "28 integers can be the choice indices of one architecture or 28"),
    "int64 row": (pd.DataFrame(ROWS.astype(np.int64)).iloc[0], "or 28 indices into the space; pass choice indices"),
    "floats": (pd.DataFrame(ROWS.astype(float)), "row 0: block0_e is 2.0 in a data frame without column names"),
    "missing value": (PANDAS.assign(block0_k=[3, None, 5, 3, 3]), "row 1: block0_k is nan; choose one of 3, 5"),
    "lists in a column": (POLARS.with_columns(block0_k=pl.Series([[3]] * 5)), "row 0: block0_k is [3]"),
    "numbers for truth": (PANDAS.assign(block0_se=1), "row 0: block0_se is 1; choose one of false, true"),
    "two of a name": (pd.concat([PANDAS, PANDAS], axis=1), "two columns block0_e"),
    "other names": (PANDAS.rename(columns="x_{}".format), "lacks the columns block0_e"),
    "other order": (pd.DataFrame(ROWS)[range(27, -1, -1)], "lacks the columns block0_e"),
    "null text": (pl.DataFrame({"architecture": [TEXTS[0], None]}), "row 1: None is not an architecture"),
    "null index": (pl.DataFrame({"index": [3, None]}), "row 1: index None is outside"),
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


def test_numbers_without_names_that_could_be_choices_are_refused() -> None:
    with pytest.raises(SpaceError, match="can be choices or choice indices"):
        OFFSET.encode(pd.DataFrame([[1, 1], [2, 0]]))
    assert OFFSET.encode(pd.DataFrame([[0, 1], [2, 0]])).tolist() == [[0, 1], [2, 0]]
    with pytest.raises(SpaceError, match="row 0: x has choice index 3"):
        OFFSET.encode(pd.DataFrame([[3, 1]]))
    # indices as the space gives them are indices, whatever their number
    assert OFFSET.encode(OFFSET.index([[0, 1], [0, 0]])).tolist() == [[0, 1], [0, 0]]
