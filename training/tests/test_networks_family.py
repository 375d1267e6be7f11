"""Other spaces: builders of files and modules, and families that travel to other processes."""

import copy
import json
import os
from pathlib import Path

import pytest
import torch

import accelnas
from accelnas_training.errors import NetworkError
from accelnas_training.networks import NetworkFamily, NetworkOptions, load_family
from accelnas_training.networks.complexity import complexities

BUILDER = """
from __future__ import annotations
from dataclasses import dataclass
from torch import nn

@dataclass
class Plan:
    width: int

def build(architecture, options):
    plan = Plan(8 * architecture["v0"] + 8)
    return nn.Sequential(
        nn.Conv2d(options.in_channels, plan.width, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(plan.width, options.num_classes),
    )

def fail(architecture, options):
    return 1 // architecture["v0"]

def nothing(architecture, options):
    return None
"""


@pytest.fixture
def builder(tmp_path):
    path = tmp_path / "nets.py"
    path.write_text(BUILDER)
    return path


@pytest.fixture
def family(builder, toy):
    return NetworkFamily(toy, f"{builder}:build", NetworkOptions(num_classes=3, in_channels=1))


def test_a_file_builds_networks(family):
    network = family.build(family.space.encode([{"v0": 1, "v1": 0, "v2": 0, "v3": 0}])[0])
    assert network(torch.zeros(1, 1, 8, 8)).shape == (1, 3)
    (cost,) = complexities(family, family.space.at([0]), 8)
    macs, params = cost.macs, cost.params
    assert (macs, params) == (6 * 6 * 9 * 8 + 24, 8 * 9 + 8 + 27)


def test_a_module_builds_networks():
    by_name = NetworkFamily(accelnas.mnasnet_space(), "accelnas_training.networks.mnasnet:build")
    assert by_name.build(by_name.space.at([0])[0]).num_classes == 1000
    assert by_name.digest != load_family().digest


def test_toml_names_space_builder_and_options(builder, toy):
    folder = builder.parent
    inline = folder / "inline.toml"
    inline.write_text('builder = "nets.py:build"\n[options]\nnum_classes = 5\n' + toy.to_toml())
    (folder / "space.toml").write_text(toy.to_toml())
    named = folder / "named.toml"
    named.write_text('space = "space.toml"\nbuilder = "nets.py:build"\noptions = { num_classes = 5 }\n')
    families = [load_family(inline), load_family(str(named))]
    assert families[0].digest == families[1].digest
    assert families[0].space == toy
    assert families[0].options == NetworkOptions(num_classes=5)
    narrow = folder / "narrow.toml"
    narrow.write_text("[options]\nwidth = 0.5\n")
    assert load_family(narrow).digest == load_family().with_options(width=0.5).digest


def test_a_family_travels(family, monkeypatch):
    monkeypatch.chdir(Path(family.builder.partition(":")[0]).parent)
    relative = NetworkFamily(family.space, "nets.py:build", family.options)
    content = json.loads(json.dumps(relative.to_dict()))
    monkeypatch.chdir("/")
    back = NetworkFamily.from_dict(content)
    assert back.digest == family.digest
    assert back.options == family.options
    assert back.build(back.space.at([0])[0])[3].out_features == 3
    assert copy.deepcopy(family).digest == family.digest


def test_the_digest_is_of_what_is_built(family, tmp_path, other_toy):
    moved = tmp_path / "elsewhere.py"
    moved.write_text(BUILDER)
    same = NetworkFamily(family.space, f"{moved}:build", family.options)
    assert same.digest == family.digest
    assert load_family().digest.startswith("0ac7a0c48908")  # stores hold it
    others = [
        family.with_options(num_classes=4),
        NetworkFamily(other_toy, family.builder, family.options),
        NetworkFamily(family.space, f"{moved}:fail", family.options),
    ]
    assert len({family.digest, *(other.digest for other in others)}) == 4


def test_a_changed_file_is_an_error_in_workers(family, builder):
    family.build(family.space.at([0])[0])
    content = family.to_dict()
    when = builder.stat().st_mtime
    builder.write_text(BUILDER.replace("8 * arch", "9 * arch"))
    os.utime(builder, (when, when))  # of the same size and age, as far as compiled files tell
    with pytest.raises(NetworkError, match=r"nets.py:build is not what it was: .* digest .* bring the file back"):
        NetworkFamily.from_dict(content)
    network = family.build(family.space.encode([{"v0": 1, "v1": 0, "v2": 0, "v3": 0}])[0])
    assert network[0].out_channels == 17


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("efficientnet", "builder is 'efficientnet'; use 'mnasnet', 'nasbench201', .*'package.module:function' or"),
        ("nets.py", "builder is 'nets.py'; use"),
        ("no.such.module:build", "builder no.such.module:build: no.such.module can't be imported: ModuleNotFoundError"),
        ("json:build", "json has no function 'build'"),
        (
            "{folder}/gone.py:build",
            "gone.py: No such file or directory; the file must be at this path on every machine",
        ),
        ("{folder}/nets.py:make", r"nets.py:make: .*nets.py has no function 'make'"),
        ("{folder}/broken.py:build", r"builder file .*broken.py can't be imported: SyntaxError"),
        ("{folder}/nets.py:fail", r"nets.py:fail failed on {'v0': 0, .*}: ZeroDivisionError"),
        ("{folder}/nets.py:nothing", "gave a NoneType; it must give a torch.nn.Module"),
    ],
)
def test_what_is_wrong_with_a_builder_is_said(builder, toy, name, message):
    (builder.parent / "broken.py").write_text("def build(:\n")
    with pytest.raises(NetworkError, match=message):
        NetworkFamily(toy, name.format(folder=builder.parent)).build(toy.at([0])[0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file or directory; use 'mnasnet', .* or the path of a TOML file"),
        ("builder = ", "is not valid TOML"),
        ("layers = 3", "unknown field 'layers'; choose from space, builder, options"),
        ("builder = 3", "builder is 3 and options {}; expected a name and a table"),
        ("[options]\nnum_classes = 0", "num_classes is 0"),
        ('builder = "gone.py:build"', "gone.py: No such file"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, text, message):
    path = tmp_path / "family.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(NetworkError, match=message):
        load_family(path)
