"""The space and the equal forms of an architecture, from Python."""

import itertools
import pickle

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import accelnas
from accelnas import Space, SpaceError, mnasnet_space

MNASNET = mnasnet_space()
B0 = "e1_k3_l1_se1-e6_k3_l2_se1-e6_k5_l2_se1-e6_k3_l3_se1-e6_k5_l3_se1-e6_k5_l4_se1-e6_k3_l1_se1"
MIXED = """
[space]
name = "mixed"
[[space.blocks]]
name = "stem"
variables = [
    { name = "act", choices = ["relu", "swish"] },
    { name = "width", symbol = "w", choices = [0.5, 1.0], labels = ["half", "full"] },
]
[[space.blocks]]
name = "body"
variables = [{ name = "depth", symbol = "d", choices = [1, 2, 3] }, { name = "skip", choices = [false, true] }]
"""


def test_the_space_is_that_of_the_paper() -> None:
    assert MNASNET.size == 36**6 * 48 == 104_485_552_128
    assert [block.size for block in MNASNET.blocks] == [36, 36, 36, 36, 36, 48, 36]
    assert MNASNET.variables[22].name == "block5_l"
    assert MNASNET.variables[22].choices == (1, 2, 3, 4)
    assert MNASNET.variables[3].choices == (False, True)


def test_forms_of_one_known_architecture() -> None:
    choices = MNASNET.parse(B0)
    as_dict = MNASNET.decode(choices)[0]
    assert [as_dict[f"block{b}_e"] for b in range(7)] == [1, 6, 6, 6, 6, 6, 6]
    assert [as_dict[f"block{b}_l"] for b in range(7)] == [1, 2, 2, 3, 3, 4, 1]
    assert as_dict["block0_se"] is True
    radices = [len(v.choices) for v in MNASNET.variables]
    index = 0
    for choice, radix in zip(choices[0].tolist(), radices, strict=True):
        index = index * radix + choice
    forms = [B0, [B0], as_dict, [as_dict], index, [index], np.array([index]), choices, choices[0],
             MNASNET.block_states(choices), pl.DataFrame(MNASNET.decode(choices)), np.array([B0]),
             pl.DataFrame({"index": [index]}), pl.DataFrame({"architecture": [B0]})]  # fmt: skip
    for form in forms:
        np.testing.assert_array_equal(MNASNET.encode(form), choices)


@given(seed=st.integers(0, 2**64 - 1), n=st.integers(0, 50))
def test_round_trips(seed: int, n: int) -> None:
    for space in (MNASNET, Space(MIXED)):
        rows = space.sample(n, seed)
        assert rows.shape == (n, len(space.variables))
        for form in (space.decode(rows), space.format(rows), space.index(rows), space.block_states(rows)):
            np.testing.assert_array_equal(space.encode(form), rows)
        if n:
            np.testing.assert_array_equal(space.encode(pl.DataFrame(space.decode(rows))), rows)


def test_enumeration_and_neighbours_against_itertools() -> None:
    space = Space(MIXED)
    everything = [list(c) for c in itertools.product(range(2), range(2), range(3), range(2))]
    assert space.range(0, 24).tolist() == everything
    assert space.range(5, 7).tolist() == everything[5:7]
    near = [c for c in everything if sum(a != b for a, b in zip(c, everything[9], strict=True)) == 1]
    assert sorted(space.neighbours(9).tolist()) == near
    unique = space.sample(24, seed=3, unique=True)
    assert sorted(unique.tolist()) == everything


def test_zero_copy_and_layouts() -> None:
    rows = MNASNET.sample(10)
    assert MNASNET.encode(rows) is rows
    np.testing.assert_array_equal(MNASNET.encode(np.asfortranarray(rows)), rows)
    np.testing.assert_array_equal(MNASNET.encode(rows[::2]), rows[::2])
    assert pickle.loads(pickle.dumps(MNASNET)) == MNASNET


D = MNASNET.decode(MNASNET.sample(2))
WRONG = {
    "value": ([D[0], {**D[1], "block5_l": 5}], r"row 1: block5_l is 5; choose one of 1, 2, 3, 4"),
    "bool is not int": ({**D[0], "block0_e": True}, r"block0_e is True; choose one of 1, 4, 6"),
    "int is not bool": ({**D[0], "block0_se": 1}, r"block0_se is 1; choose one of false, true"),
    "unknown": ({**D[0], "block7_e": 1}, r'unknown variable "block7_e"'),
    "missing": ({k: v for k, v in D[0].items() if k != "block3_k"}, r"block3_k is missing; choose one of 3, 5"),
    "choice index": (np.full((2, 28), 3, np.uint8), r"row 0: block0_e has choice index 3"),
    "block state": (np.full((2, 7), 36, np.uint8), r"row 0: block0 has state 36; choose one of 0 to 35"),
    "width": (np.zeros((2, 9), np.uint8), r"28 variables, the array has 9 columns"),
    "dtype": (np.zeros((2, 28), np.float32), r"dtype float32"),
    "int32": (np.zeros(2, np.int32), r"dtype int32"),
    "dimensions": (np.zeros((2, 2, 28), np.uint8), r"3 dimensions"),
    "index": ([5, MNASNET.size], r"row 1: index 104485552128 is outside"),
    "negative": (-1, r"row 0: index -1 is outside"),
    "text": ([B0, B0.replace("k5", "k7", 1)], r'row 1: .*block2_k is "k7", choose one of k3, k5'),
    "short text": ("e1_k3", r"it has 1 blocks instead of 7"),
    "mixed": ([B0, 5], r"sequence of int, str"),
    "type": (object(), r"got a object"),
    "frame": (pl.DataFrame({"block0_e": [1]}), r"data frame: column block0_k is missing \(27 of 28 variables are\)"),
    "frame value": (
        pl.DataFrame(MNASNET.decode(MNASNET.sample(3))).with_columns(block2_k=pl.Series([3, 4, 5])),
        r"row 1: block2_k is 4",
    ),
    "frame null": (
        pl.DataFrame(MNASNET.decode(MNASNET.sample(2))).with_columns(block2_k=pl.Series([3, None])),
        r"row 1: block2_k is empty",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_architectures_say_what_to_mend(name: str) -> None:
    value, message = WRONG[name]
    with pytest.raises(SpaceError, match=message):
        MNASNET.check(value)


@pytest.mark.parametrize(("n", "seed"), [(-1, 0), (1.5, 0), (True, 0), (1, -1), (1, 2**64)])
def test_wrong_counts_and_seeds(n: object, seed: int) -> None:
    with pytest.raises(SpaceError, match="choose an integer of 0 to"):
        MNASNET.sample(n, seed)  # type: ignore[arg-type]


def test_errors_have_one_base_class() -> None:
    for name in accelnas.errors.__all__:
        assert issubclass(getattr(accelnas, name), (accelnas.AccelnasError, accelnas.AccelnasWarning))
    with pytest.raises(accelnas.FileError, match="no-such-file"):
        Space.from_toml("no-such-file.toml")


def test_texts_that_are_no_unicode_are_refused() -> None:
    space = accelnas.mnasnet_space()
    good = space.format(space.at([5]))[0]
    for ask in (space.parse, space.encode):
        with pytest.raises(SpaceError, match=r"row 1: .* has half a character; give a string such as e1_k3"):
            ask([good, "\ud800"])
    with pytest.raises(SpaceError, match="the definition has half a character"):
        Space("\ud800")
