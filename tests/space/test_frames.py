"""Data frames of any space and library are read as the choice indices that they were made of, or refused by cell."""

import itertools
import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import accelnas
from accelnas import Frame, ParameterError, SpaceError
from accelnas.space.definition import defined

WORDS = st.text("abcdef_0. ~", max_size=6).filter(lambda text: text == text.strip() != "")
KINDS = {
    "int": st.integers(-(2**40), 2**40) | st.integers(-3, 9),
    "float": st.floats(allow_nan=False, allow_infinity=False, width=32).filter(lambda x: not x.is_integer()),
    "bool": st.booleans(),
    "text": WORDS,
}
KINDS["mixed"] = st.one_of(*KINDS.values())


def written(choice):
    """What no two choices of a variable may share."""
    return str(int(choice)) if isinstance(choice, bool) else str(choice)


@st.composite
def spaces(draw):
    """Random variables, some of them active under a choice of the one before."""
    variables, conditions = [], []
    for number in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(list(KINDS)))
        choices = draw(st.lists(KINDS[kind], min_size=1, max_size=5, unique_by=written))
        name = f"v{number}"
        variables.append({"name": name, "choices": choices, "labels": [f"Q{i}" for i in range(len(choices))]})
        if number and draw(st.booleans()):
            before = variables[-2]
            conditions.append(
                {"variables": [name], "when": {before["name"]: [draw(st.sampled_from(before["choices"]))]}}
            )
    return defined("random", {"block": variables}, conditions=conditions)


def forms(variable, choices):
    """Ways of writing cells of a variable that every library can hold."""
    labels = {choice: f"Q{i}" for i, choice in enumerate(variable.choices)}
    ways = {
        "text": [None if choice is None else str(choice) for choice in choices],
        "label": [None if choice is None else labels[choice] for choice in choices],
    }
    if len({type(choice) for choice in variable.choices}) == 1:
        ways["choice"] = choices
    if all(type(choice) is int for choice in variable.choices):
        ways["float"] = [None if choice is None else float(choice) for choice in choices]
    if all(type(choice) is bool for choice in variable.choices):
        ways["number"] = [None if choice is None else int(choice) for choice in choices]
    return ways


def to_pandas(columns, encoded):
    made = {name: pd.Series(cells, dtype="category" if name in encoded else None) for name, cells in columns.items()}
    return pd.DataFrame(made).set_axis(np.arange(len(next(iter(columns.values()))))[::-1] * 7)


def to_polars(columns, encoded):
    made = [pl.Series(name, cells) for name, cells in columns.items()]
    return pl.DataFrame([s.cast(pl.Categorical) if s.name in encoded and s.dtype == pl.String else s for s in made])


def to_arrow(columns, encoded):
    made = {name: pa.array(cells) for name, cells in columns.items()}
    made = {name: column.dictionary_encode() if name in encoded else column for name, column in made.items()}
    return pa.table({name: pa.chunked_array([column[:2], column[2:]]) for name, column in made.items()})


def to_lists(columns, encoded):
    return Frame({name: np.array(cells, object) if name in encoded else cells for name, cells in columns.items()})


LIBRARIES = [to_pandas, to_polars, lambda *given: to_polars(*given).lazy(), to_arrow, to_lists]


@st.composite
def tables(draw):
    """A space, architectures of it, and their cells in columns of any order and spelling."""
    space = draw(spaces())
    rows = space.sample(draw(st.integers(1, 12)), draw(st.integers(0, 2**32)))
    decoded = space.decode(rows)
    columns = {}
    for variable in draw(st.permutations(space.variables)):
        ways = forms(variable, [arch[variable.name] for arch in decoded])
        columns[variable.name] = ways[draw(st.sampled_from(list(ways)))]
    return space, rows, columns, draw(st.sets(st.sampled_from(list(columns))))


@given(tables())
def test_every_library_gives_the_choice_indices_that_a_frame_was_made_of(table) -> None:
    space, rows, columns, encoded = table
    for make in LIBRARIES:
        np.testing.assert_array_equal(space.encode(make(columns, encoded)), rows)
    objects = pd.DataFrame(
        {name: pd.Series([arch[name] for arch in space.decode(rows)], dtype=object) for name in columns}
    )
    np.testing.assert_array_equal(space.encode(objects), rows)
    for form in ({"architecture": space.format(rows)}, {"index": space.index(rows)}):
        for make in LIBRARIES:
            np.testing.assert_array_equal(space.encode(make(form, ())), rows)
    theirs = Frame(
        to_pandas({f"their {name}": cells for name, cells in columns.items()}, ()).assign(note="x"),
        {f"their {name}": name for name in columns},
        ignore_others=True,
    )
    np.testing.assert_array_equal(space.encode(theirs), rows)


@given(tables(), st.data())
def test_a_wrong_or_empty_cell_is_named_by_row_and_column(table, data) -> None:
    space, rows, columns, encoded = table
    variable = data.draw(st.sampled_from(space.variables))
    row = data.draw(st.integers(0, len(rows) - 1))
    cells = list(columns[variable.name])
    kinds = {type(cell) for cell in cells} - {type(None)}
    wrong = {str: "zz", int: 2**41, float: 0.123456789, bool: None}[kinds.pop() if kinds else str]
    if not variable.conditional and data.draw(st.booleans()):
        wrong = None
    if wrong is None and variable.conditional:
        return
    cells[row] = wrong
    shown = "empty" if wrong is None else str(wrong).removesuffix(".0")
    message = f"row {row}: {variable.name} is {shown}[.0]*; choose one of "
    message += re.escape(", ".join(map(str, variable.choices)))
    for make in LIBRARIES:
        with pytest.raises(SpaceError, match=message):
            space.encode(make({**columns, variable.name: cells}, encoded))


@given(spaces(), st.integers(0, 2**32), st.sampled_from("bhilqBHILQ"), st.data())
def test_matrices_of_any_integers_and_strides_are_choice_indices(space, seed, kind, data) -> None:
    rows = space.sample(6, seed)
    whole = np.full((12, 2 * len(space.variables)), 99, kind)
    views = [rows.astype(kind), np.asfortranarray(rows.astype(kind)), whole[::-2, ::2], whole[:6, -1::-2]]
    for view in views[2:]:
        view[...] = rows
    for view in views:
        np.testing.assert_array_equal(space.encode(view), rows)
    row, column = data.draw(st.integers(0, 5)), data.draw(st.integers(0, len(space.variables) - 1))
    wrong = data.draw(st.sampled_from([99, 127, np.iinfo(kind).max, np.iinfo(kind).min])) or 99
    for view in views:
        view[row, column] = wrong
        with pytest.raises(SpaceError, match=f"row {row}: v{column} has choice index {wrong}"):
            space.check(view)
    for refused in (rows.astype(float), rows.astype(bool)):
        with pytest.raises(SpaceError, match=f"array has dtype {refused.dtype}"):
            space.check(refused)


def test_results_are_frames_of_the_library_that_was_given(bench) -> None:
    rows = bench.space.sample(5, seed=3)
    decoded = bench.space.decode(rows)
    frames = {
        "pandas": pd.DataFrame(decoded, index=list("edcba")),
        "polars": pl.DataFrame(decoded),
        "lazy": pl.LazyFrame(decoded),
        "arrow": pa.Table.from_pylist(decoded),
        "batch": pa.RecordBatch.from_pylist(decoded),
        "frame": Frame(pl.DataFrame(decoded).with_columns(note=pl.lit("x")), ignore_others=True),
    }
    mean, std = bench.predict(rows, "accuracy", return_std=True)
    lower, upper = bench.predict_interval(rows, "accuracy")
    far, distance = bench.is_far(rows, "accuracy"), bench.distance(rows, "accuracy")
    measured = bench.query(rows, "accuracy", seed=1)
    asked = {
        lambda a: bench.predict(a, "accuracy", output="frame"): {"accuracy": mean},
        lambda a: bench.predict(a, ["accuracy"], return_std=True, output="frame"): {
            "accuracy": mean,
            "accuracy_std": std,
        },
        lambda a: bench.query(a, "accuracy", seed=1, output="frame"): {"accuracy_measured": measured},
        lambda a: bench.predict_interval(a, "accuracy", output="frame"): {
            "accuracy_lower": lower,
            "accuracy_upper": upper,
        },
        lambda a: bench.distance(a, "accuracy", output="frame"): {"accuracy_distance": distance},
        lambda a: bench.is_far(a, "accuracy", output="frame"): {"accuracy_is_far": far},
    }
    for (name, frame), (ask, columns) in itertools.product(frames.items(), asked.items()):
        found = ask(frame)
        assert type(found) is type(frame.frame if isinstance(frame, Frame) else frame), name
        if name == "pandas":
            assert found.index.equals(frame.index)
        found = found.collect() if name == "lazy" else found
        for column, values in columns.items():
            np.testing.assert_array_equal(np.asarray(found[column]), values)
            assert np.asarray(found[column]).dtype == values.dtype
    for given_ in (rows, decoded, bench.space.format(rows), Frame({"architecture": bench.space.format(rows)})):
        with pytest.raises(ParameterError, match="output is 'frame', and architectures are a"):
            bench.predict(given_, "accuracy", output="frame")
    with pytest.raises(ParameterError, match="output is 'series'; choose 'array' or 'frame'"):
        bench.predict(rows, "accuracy", output="series")
    cells = accelnas.load("nasbench201")
    rows = cells.space.sample(5, seed=3)
    ranks = [cells.rank(archs, "cifar10").rank.tolist() for archs in (rows, pd.DataFrame(cells.space.decode(rows)))]
    assert ranks[0] == ranks[1]


@pytest.mark.parametrize("make", LIBRARIES)
def test_an_empty_cell_is_no_choice_that_is_called_none(make) -> None:
    space = accelnas.load("nasbench201").space
    columns = {variable.name: ["none", "skip_connect"] for variable in space.variables}
    assert space.encode(make(columns, ()))[0].tolist() == [0] * 6
    columns[space.variables[3].name] = ["skip_connect", None]
    with pytest.raises(SpaceError, match=r"row 1: .* is empty; choose one of none"):
        space.encode(make(columns, ()))
