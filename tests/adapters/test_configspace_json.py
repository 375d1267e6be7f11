import json
import sys
from itertools import combinations

import pytest
from ConfigSpace import ConfigurationSpace

import accelnas
from accelnas import spaces
from accelnas.adapters.configspace import from_configspace_json, to_configspace
from command_line import failure, run


def old_darts():
    """A file of the shape of NAS-Bench-301's, as ConfigSpace 0.4 wrote it."""
    prefix = "Selector_COLON_darts_COLON_"
    operations = [f"op_{i}" for i in range(7)]
    parameters, conditions = [{"name": "epoch", "type": "uniform_int", "log": False, "lower": 1, "upper": 98}], []

    def categorical(name, choices):
        parameters.append({"name": prefix + name, "type": "categorical", "choices": choices, "probabilities": None})

    for cell in ("normal", "reduce"):
        for edge in range(14):
            categorical(f"edge_{cell}_{edge}", operations)
        first = 2
        for node in (3, 4, 5):
            inputs = [f"{a}_{b}" for a, b in combinations(range(node), 2)]
            categorical(f"inputs_node_{cell}_{node}", inputs)
            conditions += [
                {
                    "child": f"{prefix}edge_{cell}_{first + source}",
                    "parent": f"{prefix}inputs_node_{cell}_{node}",
                    "type": "IN",
                    "values": [text for text in inputs if str(source) in text],
                }
                for source in range(node)
            ]
            first += node
    for parameter in parameters:
        parameter["default"] = parameter.get("choices", [1])[0]
    return {"hyperparameters": parameters, "conditions": conditions, "forbiddens": [], "json_format_version": 0.2}


def test_old_darts(tmp_path):
    path, output = tmp_path / "old.json", tmp_path / "space.toml"
    path.write_text(json.dumps(old_darts()))
    said = run("space", "from-configspace", path, "--leave-out", "epoch", "--name", "nb301", "-o", output).stdout
    space = accelnas.Space.from_toml(output)
    assert space.size == (49 * 147 * 294 * 490) ** 2 == spaces.load("darts").size == 1_076_746_950_455_072_400
    assert (space.name, len(space.variables), max(block.size for block in space.blocks)) == ("nb301", 34, 490)
    assert f"{space.size:,} architectures" in said
    with_epochs = from_configspace_json(path)
    assert with_epochs.size == 98 * space.size
    (epoch,) = (variable for variable in with_epochs.variables if variable.name == "epoch")
    assert epoch.choices == tuple(range(1, 99))


def test_new_files(tmp_path):
    space = spaces.load("transnas-macro")
    to_configspace(space).to_json(tmp_path / "new.json")
    assert from_configspace_json(tmp_path / "new.json") == space


def test_old_fields(tmp_path):
    parameters = [
        {"name": "width", "type": "uniform_int", "lower": 8, "upper": 32, "q": 8, "log": False, "default": 16},
        {"name": "rate", "type": "uniform_float", "lower": 0.1, "upper": 0.5, "q": 0.1, "log": False, "default": 0.25},
        {"name": "depth", "type": "uniform_int", "lower": 2, "upper": 4, "q": None, "log": False, "default": 2},
        {"name": "op", "type": "categorical", "choices": ["a", "b"], "default": "b", "probabilities": [0.5, 0.5]},
        {"name": "kind", "type": "constant", "value": "k"},
    ]
    forbidden = [
        {"type": "AND", "clauses": [{"name": "op", "type": "EQUALS", "value": "a"},
                                    {"name": "width", "type": "IN", "values": [8, 32]}]},
        {"type": "RELATION", "lambda": "LT", "left": "depth", "right": "rate"},
    ]  # fmt: skip
    stored = {"hyperparameters": parameters, "conditions": [], "forbiddens": forbidden}
    (tmp_path / "old.json").write_text(json.dumps(stored))
    space = from_configspace_json(tmp_path / "old.json")
    choices = {variable.name: variable.choices for variable in space.variables}
    assert choices.pop("rate") == (0.1, 0.2, 0.3, 0.4, 0.5)
    assert choices == {"width": (8, 16, 24, 32), "depth": (2, 3, 4), "op": ("a", "b"), "kind": ("k",)}
    assert space.size == (4 * 2 - 2) * 5 * 3


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "no configuration space .*JSONDecodeError"),
        ("[" * 100_000, "no configuration space .*RecursionError"),
        ("[]", "no configuration space"),
        ("{}", "no configuration space .*hyperparameters"),
        ('{"hyperparameters": 3}', "no configuration space"),
        ('{"hyperparameters": [3]}', "no configuration space"),
        ('{"hyperparameters": [{"name": "a", "type": "odd"}]}', "no configuration space .*odd"),
        ('{"hyperparameters": [], "conditions": [{"type": "EQ", "child": "a", "parent": "b", "value": 1}]}', "no conf"),
        ('{"hyperparameters": [{"name": "a", "type": "uniform_int", "lower": 1, "upper": 1e9, "q": 2}]}', "values"),
        ('{"hyperparameters": [{"name": "a", "type": "uniform_int", "lower": 1, "upper": 999}]}', "a has 999 values"),
    ],
)
def test_what_is_none(tmp_path, text, reason):
    path = tmp_path / "space.json"
    path.write_text(text)
    with pytest.raises(accelnas.SpaceError, match=f"space.json: .*{reason}"):
        from_configspace_json(path)


def test_leaving_out_nothing_known(tmp_path):
    ConfigurationSpace({"op": ["a", "b"]}).to_json(tmp_path / "c.json")
    said = failure("space", "from-configspace", tmp_path / "c.json", "--leave-out", "epoch")
    assert said.endswith("c.json: there is no epoch to leave out; choose from op")


def test_missing_configspace(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ConfigSpace", None)
    with pytest.raises(accelnas.MissingExtraError, match=r"pip install 'accelnas\[configspace\]'"):
        from_configspace_json(tmp_path / "c.json")
