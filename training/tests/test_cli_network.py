"""``accelnas-training network``."""

import csv

import pytest
from typer.testing import CliRunner

import accelnas
from accelnas_training.cli import app

B0 = "e1_k3_l1_se1-e6_k3_l2_se1-e6_k5_l2_se1-e6_k3_l3_se1-e6_k5_l3_se1-e6_k5_l4_se1-e6_k3_l1_se1"


def invoke(*arguments):
    return CliRunner().invoke(app, ["network", *map(str, arguments)])


def test_show():
    result = invoke("show", B0)
    assert result.exit_code == 0
    assert "385,814,752 multiply-accumulates and 5,288,548 parameters at 224 pixels" in result.output
    assert "1280 × 7 × 7" in result.output
    options = ("--num-classes", 7, "--in-channels", 1, "--width", 0.5, "--head", 100, "--activation", "silu", "-r", 32)
    result = invoke("show", B0, *options)
    assert "at 32 pixels" in result.output
    assert " 48 × 1 × 1" in result.output  # the head: half of 100, in eights


def test_show_of_another_family_of_the_package():
    result = invoke("show", "c3_c3_c1-skip_c3_c3", "--family", "nasbench201")
    assert result.exit_code == 0, result.output
    assert "153,272,960 multiply-accumulates and 1,073,466 parameters at 32 pixels" in result.output
    result = invoke("show", "0", "--family", "ofa-mobilenetv3")
    assert "121,278,672 multiply-accumulates and 3,410,792 parameters at 224 pixels" in result.output
    result = invoke("show", "0", "--family", "nasbench201", "--head", 100)
    assert result.exit_code == 1
    assert "head is 100, but networks of builder 'nasbench201' have it fixed; leave it out" in result.output


def test_export(tmp_path, toy):
    path = tmp_path / "b0.onnx"
    (tmp_path / "nets.py").write_text(
        "from torch import nn\n"
        "def build(architecture, options):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(16 * options.in_channels, options.num_classes))\n"
    )
    family = tmp_path / "family.toml"
    family.write_text('builder = "nets.py:build"\n' + toy.to_toml())
    options = ("--family", family, "--resolution", 4, "--batch", 0, "--num-classes", 3, "--in-channels", 1)
    result = invoke("export", toy.format(toy.at([0]))[0], path, *options)
    assert result.exit_code == 0, result.output
    assert "onnxruntime differs from PyTorch by" in result.output
    assert path.is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "e9"), 'row 0: "e9" is not an architecture of "mnasnet"'),
        (("show", B0, "--activation", "best"), "activation is 'best'"),
        (("show", B0, "--family", "gone.toml"), "gone.toml: No such file"),
    ],
)
def test_errors_are_one_line(arguments, message):
    result = invoke(*arguments)
    assert result.exit_code == 1
    assert message in result.output


def write_table(path, params):
    """Write EfficientNet-B0 twice, with its true MACs."""
    space = accelnas.mnasnet_space()
    row = {**space.decode([B0])[0], "params": params, "macs": 415.145024}
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerow({**row, "params": 5.288548})
        writer.writerow(row)


def test_check(tmp_path):
    path = tmp_path / "data.csv"
    write_table(path, 5.288548)
    result = invoke("check", path)
    assert result.exit_code == 0, result.output
    assert "all 1 networks have the parameters and the MACs that the data set states" in result.output
    write_table(path, 5.3)
    result = invoke("check", path)
    assert result.exit_code == 1
    assert (
        "id 1: params is 5.3 million in the data set, but 5.288548 million in the network (1 of 2 rows" in result.output
    )


def test_check_of_another_family_of_the_package(tmp_path):
    path = tmp_path / "costs.csv"
    names = ",".join(f"layer{i}" for i in range(8))
    largest = ",".join(["mb6_k5"] * 8)
    path.write_text(f"{names},params,macs\n{largest},2.932586,105.660928\n")
    result = invoke("check", path, "--family", "nasbench-macro")
    assert result.exit_code == 0, result.output
    assert "all 1 networks have the parameters and the MACs that the data set states" in result.output
    path.write_text(f"{names},params,macs\n{largest},2.932586,105.7\n")
    result = invoke("check", path, "--family", "nasbench-macro")
    assert result.exit_code == 1
    assert "macs is 105.7 million in the data set, but 105.660928 million in the network" in result.output
