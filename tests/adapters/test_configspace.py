import string

import numpy as np
import pytest
from ConfigSpace import (
    CategoricalHyperparameter,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    ForbiddenEqualsClause,
    OrdinalHyperparameter,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)
from hypothesis import given
from hypothesis import strategies as st

import accelnas
from accelnas.adapters.configspace import (
    decode_configurations,
    encode_configurations,
    from_configspace,
    to_configspace,
)

words = st.text(string.ascii_lowercase + "_- ", min_size=1, max_size=6).map(str.strip).filter(bool)
choice_lists = st.one_of(
    st.lists(st.integers(-99, 99), min_size=1, max_size=6, unique=True),
    st.lists(words, min_size=1, max_size=6, unique=True),
    st.just([False, True]),
)


@st.composite
def configspaces(draw):
    """Finite products of every supported kind of hyperparameter."""
    result = ConfigurationSpace(name=draw(words))
    for name in draw(st.lists(words, min_size=1, max_size=6, unique=True)):
        choices = draw(choice_lists)
        kinds = [CategoricalHyperparameter(name, choices), OrdinalHyperparameter(name, choices)]
        kinds.append(Constant(name, choices[0]))
        lower = draw(st.integers(-50, 50))
        kinds.append(UniformIntegerHyperparameter(name, lower, lower + draw(st.integers(1, 99))))
        result.add(draw(st.sampled_from(kinds)))
    return result


def definition(space):
    return space.name, [(v.name, tuple(v.choices), v.symbol, v.block) for v in space.variables]


def test_space_round_trip():
    space = accelnas.mnasnet_space()
    again = from_configspace(to_configspace(space))
    assert definition(again) == definition(space)
    assert again.sha256 == space.sha256


def test_json_round_trip(tmp_path):
    space = accelnas.mnasnet_space()
    to_configspace(space).to_json(tmp_path / "space.json")
    again = from_configspace(ConfigurationSpace.from_json(tmp_path / "space.json"))
    assert definition(again) == definition(space)


@given(configspaces())
def test_any_finite_product_round_trips(configspace):
    space = from_configspace(configspace)
    assert [v.name for v in space.variables] == list(configspace)
    again = from_configspace(to_configspace(space))
    assert definition(again) == definition(space)
    assert again.sha256 == space.sha256
    archs = space.sample(20, seed=1)
    assert np.array_equal(space.parse(space.format(archs)), archs)


@given(configspaces(), st.integers(0, 99))
def test_configurations_round_trip(configspace, seed):
    space = from_configspace(configspace)
    archs = space.sample(20, seed=seed)
    configurations = decode_configurations(space, archs, configspace)
    assert np.array_equal(encode_configurations(space, configurations), archs)
    for configuration, choices in zip(configurations, space.decode(archs), strict=True):
        assert dict(configuration) == choices


def test_sampled_configurations_are_architectures():
    space = accelnas.mnasnet_space()
    sampled = to_configspace(space, seed=1).sample_configuration(50)
    decoded = space.decode(encode_configurations(space, sampled))
    assert decoded == [dict(configuration) for configuration in sampled]


def test_no_configurations():
    space = accelnas.mnasnet_space()
    assert encode_configurations(space, []).shape == (0, 28)
    assert decode_configurations(space, np.empty((0, 28), np.uint8), to_configspace(space)) == []


def toy(*hyperparameters):
    result = ConfigurationSpace(name="toy")
    result.add(CategoricalHyperparameter("op", ["conv", "pool"]), *hyperparameters)
    return result


@pytest.mark.parametrize(
    ("hyperparameter", "reason"),
    [
        (UniformFloatHyperparameter("x", 0, 1), "x is a UniformFloatHyperparameter"),
        (UniformIntegerHyperparameter("x", 1, 64, log=True), "x is a UniformIntegerHyperparameter"),
        (UniformIntegerHyperparameter("x", 0, 256), "x has 257 values; .* at most 256"),
        (CategoricalHyperparameter("x", [1, 2], weights=[1, 3]), r"x has weights \[0.25, 0.75\]"),
    ],
)
def test_unsupported_hyperparameters_are_refused(hyperparameter, reason):
    with pytest.raises(accelnas.SpaceError, match=reason):
        from_configspace(toy(hyperparameter))


def test_conditions_are_refused():
    kernel = OrdinalHyperparameter("kernel", [3, 5])
    configspace = toy(kernel)
    configspace.add(EqualsCondition(kernel, configspace["op"], "conv"))
    with pytest.raises(accelnas.SpaceError, match=r"1 conditions .*plain products"):
        from_configspace(configspace)


def test_forbidden_clauses_are_refused():
    configspace = toy()
    configspace.add(ForbiddenEqualsClause(configspace["op"], "pool"))
    with pytest.raises(accelnas.SpaceError, match=r"1 forbidden clauses .*plain products"):
        from_configspace(configspace)


def test_other_variables_are_refused():
    space = accelnas.mnasnet_space()
    with pytest.raises(accelnas.SpaceError, match="do not both have block0_e"):
        decode_configurations(space, space.sample(1), toy())


def test_other_choices_are_refused():
    space = from_configspace(toy())
    other = ConfigurationSpace(space={"op": ["conv", "skip"]})
    with pytest.raises(accelnas.SpaceError, match=r"op has choices \('conv', 'skip'\)"):
        encode_configurations(space, other.sample_configuration(2))
