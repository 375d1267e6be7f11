import itertools
import string

import numpy as np
import pytest
from ConfigSpace import (
    AndConjunction,
    CategoricalHyperparameter,
    Configuration,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    ForbiddenEqualsRelation,
    ForbiddenGreaterThanClause,
    ForbiddenInClause,
    ForbiddenLessThanEqualsClause,
    ForbiddenLessThanRelation,
    ForbiddenOrConjunction,
    GreaterThanCondition,
    InCondition,
    LessThanCondition,
    NotEqualsCondition,
    OrConjunction,
    OrdinalHyperparameter,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)
from ConfigSpace.exceptions import ActiveHyperparameterNotSetError, AmbiguousConditionError, ForbiddenValueError
from hypothesis import given, reject
from hypothesis import strategies as st

import accelnas
from accelnas import spaces
from accelnas.adapters.configspace import (
    decode_configurations,
    encode_configurations,
    from_configspace,
    to_configspace,
)
from accelnas.space.definition import defined

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


@st.composite
def ruled_configspaces(draw):
    """Small configuration spaces with every kind of condition and forbidden clause."""
    result = ConfigurationSpace(name="ruled", seed=draw(st.integers(0, 99)))
    kinds = (
        lambda name: CategoricalHyperparameter(name, ["x", "y", "z"]),
        lambda name: OrdinalHyperparameter(name, [2, 4, 8]),
        lambda name: UniformIntegerHyperparameter(name, 1, 3),
        lambda name: Constant(name, 2),
    )
    parameters = [draw(st.sampled_from(kinds))(name) for name in ("c", "a", "d", "b")[: draw(st.integers(2, 4))]]
    result.add(*parameters)

    def values(parameter):
        own = [parameter.to_value(v) for v in vector_values(parameter)]
        return st.lists(st.sampled_from(own), min_size=1, max_size=2, unique=True)

    def condition(child, parents, depth=0):
        if depth < 2 and draw(st.booleans()):
            kind = draw(st.sampled_from([AndConjunction, OrConjunction]))
            return kind(*(condition(child, parents, depth + 1) for _ in range(2)))
        parent = draw(st.sampled_from(parents))
        some = draw(values(parent))
        kind = [EqualsCondition, NotEqualsCondition, InCondition, GreaterThanCondition, LessThanCondition]
        kind = draw(st.sampled_from(kind[:3] if not parent.ORDERABLE else kind))
        return kind(child, parent, some if kind is InCondition else some[0])

    def forbidden(depth=0):
        if depth < 2 and draw(st.booleans()):
            kind = draw(st.sampled_from([ForbiddenAndConjunction, ForbiddenOrConjunction]))
            return kind(*(forbidden(depth + 1) for _ in range(2)))
        parameter, other = draw(st.permutations(parameters))[:2]
        if type(parameter) is type(other) and draw(st.booleans()):
            return draw(st.sampled_from([ForbiddenLessThanRelation, ForbiddenEqualsRelation]))(parameter, other)
        some = draw(values(parameter))
        kind = [ForbiddenEqualsClause, ForbiddenInClause, ForbiddenGreaterThanClause, ForbiddenLessThanEqualsClause]
        kind = draw(st.sampled_from(kind[:2] if not parameter.ORDERABLE else kind))
        return kind(parameter, some if kind is ForbiddenInClause else some[0])

    try:
        result.add(
            *(condition(child, parameters[:i]) for i, child in enumerate(parameters) if i and draw(st.booleans()))
        )
        result.add(*(forbidden() for _ in range(draw(st.integers(0, 2)))))
    except (ActiveHyperparameterNotSetError, AmbiguousConditionError, ForbiddenValueError):  # of the default
        reject()
    return result


def vector_values(parameter):
    if isinstance(parameter, Constant):
        return [parameter.to_vector(parameter.value)]
    if isinstance(parameter, UniformIntegerHyperparameter):
        return [parameter.to_vector(value) for value in range(parameter.lower, parameter.upper + 1)]
    return [float(i) for i in range(parameter.size)]


def legal(configspace):
    """Every legal configuration, by trying all."""
    found = []
    for vector in itertools.product(*([*vector_values(p), np.nan] for p in configspace.values())):
        try:
            configspace.check_configuration_vector_representation(np.array(vector))
        except ValueError:
            continue
        found.append(dict(Configuration(configspace, vector=np.array(vector))))
    return found


def written(configurations):
    return sorted(
        repr(sorted((k, getattr(v, "item", lambda v=v: v)()) for k, v in configuration.items()))
        for configuration in configurations
    )


def active(dicts):
    return [{name: value for name, value in choices.items() if value is not None} for choices in dicts]


@given(ruled_configspaces())
def test_rules_allow_what_configspace_allows(configspace):
    space = from_configspace(configspace)
    everything = space.range(0, space.size)
    expected = written(legal(configspace))
    assert written(active(space.decode(everything))) == expected
    again = to_configspace(space)
    assert written(legal(again)) == expected
    assert from_configspace(again) == space
    assert from_configspace(ConfigurationSpace.from_serialized_dict(again.to_serialized_dict())) == space
    for one in (configspace, again):
        assert np.array_equal(encode_configurations(space, decode_configurations(space, everything, one)), everything)


@pytest.mark.parametrize("name", ["darts", "ofa-mobilenetv3", "transnas-macro"])
def test_spaces_with_rules_round_trip(name):
    space = spaces.load(name)
    configspace = to_configspace(space, seed=1)
    assert from_configspace(configspace) == space
    sampled = configspace.sample_configuration(1000)
    archs = encode_configurations(space, sampled)
    assert active(space.decode(archs)) == [
        {v.name: c[v.name] for v in space.variables if v.name in c} for c in map(dict, sampled)
    ]
    archs = space.sample(1000, seed=1)
    found = decode_configurations(space, archs, configspace)
    assert np.array_equal(encode_configurations(space, found), archs)
    for parameter in configspace.values():  # as one by other hands, blocks are found
        parameter.meta = None
    plain = from_configspace(configspace)
    assert plain.size == space.size
    assert max(block.size for block in plain.blocks) <= 4096
    assert plain.check(space.decode(archs)) is None


def test_equivalences_forbid_all_but_one_form():
    variables = [{"name": name, "choices": ["x", "y"]} for name in "ab"]
    same = [{"when": {"a": "x"}, "same_as": {"b": "y"}}]
    space = defined("same", {"block": variables}, equivalences=same)
    configspace = to_configspace(space)
    assert written(legal(configspace)) == written(space.decode(space.range(0, space.size)))
    assert len(legal(configspace)) == 3
    assert from_configspace(configspace) == space
    configspace.add(ForbiddenEqualsClause(configspace["a"], "y"))  # the notes no longer say what holds
    with pytest.raises(accelnas.SpaceError, match="row 0 is not allowed in the configuration space"):
        decode_configurations(space, {"a": "y", "b": "x"}, configspace)
    assert from_configspace(configspace).size == 1


def test_relations_of_what_cannot_be_compared_are_refused():
    configspace = toy(OrdinalHyperparameter("k", [3, 5]))
    relation = ForbiddenLessThanRelation(configspace["op"], configspace["k"])
    with pytest.raises(TypeError):
        configspace.add(relation)
    with pytest.raises(accelnas.SpaceError, match=r"op < k.*; compare numbers with numbers"):
        from_configspace(configspace)


def test_classes_are_refused():
    with pytest.raises(accelnas.SpaceError, match=r"1350 classes .* cannot state; leave them out, or state them"):
        to_configspace(spaces.load("nasbench201-distinct"))


def test_leaving_out():
    configspace = toy(UniformIntegerHyperparameter("epoch", 1, 98), UniformFloatHyperparameter("rate", 0, 1))
    assert from_configspace(configspace, leave_out=["epoch", "rate"]).size == 2
    assert from_configspace(toy(UniformFloatHyperparameter("p", 0, 1)), leave_out="p").size == 2
    with pytest.raises(accelnas.SpaceError, match="there is no epochs to leave out; choose from epoch, op, rate"):
        from_configspace(configspace, leave_out=["epochs"])
    configspace.add(EqualsCondition(configspace["op"], configspace["epoch"], 9))
    with pytest.raises(accelnas.SpaceError, match=r"epoch is left out, but \(op \| epoch == 9\) names it"):
        from_configspace(configspace, leave_out=["epoch", "rate"])


def test_inactive_where_a_space_has_no_rules():
    configspace = toy(OrdinalHyperparameter("k", [3, 5]))
    space = from_configspace(configspace)
    configspace.add(EqualsCondition(configspace["k"], configspace["op"], "conv"))
    pool = Configuration(configspace, {"op": "pool"})
    with pytest.raises(accelnas.SpaceError, match="row 0: k is inactive, which it never is in toy"):
        encode_configurations(space, [pool])


def test_other_variables_are_refused():
    space = accelnas.mnasnet_space()
    with pytest.raises(accelnas.SpaceError, match="do not both have block0_e"):
        decode_configurations(space, space.sample(1), toy())


def test_other_choices_are_refused():
    space = from_configspace(toy())
    other = ConfigurationSpace(space={"op": ["conv", "skip"]})
    with pytest.raises(accelnas.SpaceError, match=r"op has choices \('conv', 'skip'\)"):
        encode_configurations(space, other.sample_configuration(2))
