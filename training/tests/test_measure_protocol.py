import pytest

from accelnas_training.errors import SchemeError
from accelnas_training.measure import SHIPPED, Command, Protocol, load_protocol


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_protocols_survive_a_round_trip(name):
    protocol = load_protocol(name)
    assert protocol.name == name
    assert Protocol.from_dict(protocol.to_dict()) == protocol
    assert len(protocol.digest) == 64


def test_the_digest_names_what_changes_a_measurement():
    protocol = load_protocol("cpu_latency")
    assert protocol.changed(name="other", metric="latency_epyc", here="/elsewhere").digest == protocol.digest
    digests = {protocol.changed(**each).digest for each in ({"batch": 2}, {"timing.passes": 7}, {"threads": 2})}
    assert len(digests | {protocol.digest}) == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": "speed"}, "metric is 'speed'; expected latency_DEVICE or throughput_DEVICE"),
        ({"precision": "float16"}, "precision is 'float16'; backend onnxruntime has float32, int8"),
        ({"mode": "graph"}, "mode is 'graph'; backend onnxruntime has eager"),
        ({"backend": "tpu"}, "backend is 'tpu'; expected one of onnxruntime, torch, torch-cuda, torch-xla, command"),
        ({"backend": "command"}, r"command.run is \[\] with backend command; give both or none"),
        ({"command.run": ["x"]}, r"command.run is \['x'\] with backend onnxruntime; give both or none"),
        ({"timing.passes": 0}, "timing.passes is 0; expected at least 1"),
        ({"timing.pases": 3}, "unknown key timing.pases; is passes meant"),
        ({"batch.size": 3}, "unknown key batch.size; batch holds no others"),
    ],
)
def test_mistakes_are_named(changes, message):
    with pytest.raises(SchemeError, match=message):
        load_protocol("cpu_latency").changed(**changes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("run {onnx}", r"command.run is 'run \{onnx\}'; expected a list"),
        (["run", "{model}"], r"'\{model\}' has \{model\}; choose from \{onnx\}, \{folder\}"),
        (["run", "{"], "double a brace that is meant"),
        (["run", 3], r"command.run is 3; expected a string"),
    ],
)
def test_arguments_are_checked_before_anything_runs(arguments, message):
    with pytest.raises(SchemeError, match=message):
        Command(run=arguments)
    with pytest.raises(SchemeError, match=message.replace("command.run", "command.prepare")):
        Command(prepare=[arguments], run=["run"])


def test_a_file_knows_its_folder(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('name = "mine"\nmetric = "latency_mine"\nbackend = "command"\ncommand = { run = ["go", "{here}"] }')
    assert load_protocol(file).here == str(tmp_path)
    assert load_protocol(file).command.run == ("go", "{here}")


def test_files_that_are_no_protocols(tmp_path):
    with pytest.raises(SchemeError, match="paired is true; with backend command"):
        load_protocol("cpu_latency").changed(backend="command", **{"command.run": ["run"]})
    with pytest.raises(SchemeError, match="no protocol cpu; choose one of cpu_latency"):
        load_protocol("cpu")
    with pytest.raises(SchemeError, match=r"is a folder, no regular file; .* TOML file of a protocol"):
        load_protocol(tmp_path)
    file = tmp_path / "mine.toml"
    file.write_text("name = ")
    with pytest.raises(SchemeError, match="is not valid TOML"):
        load_protocol(file)
    file.write_text('name = "mine"')
    with pytest.raises(SchemeError, match=r"mine.toml: metric is missing"):
        load_protocol(file)
