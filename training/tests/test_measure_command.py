import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from torch import nn

from accelnas_training.measure import MeasurementError, load_protocol, measure_module
from accelnas_training.measure.backends import command
from accelnas_training.measure.backends.command import understand

DEVICES = Path(__file__).parent.parent / "examples" / "devices"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(command, "_PAUSE", 0.0)


@pytest.fixture
def measured(tmp_path):
    """Measure a small module by a program's text."""

    def measure(text, retries=0, timeout=20, prepare="[]"):
        (tmp_path / "run.py").write_text(text)
        (tmp_path / "p.toml").write_text(
            'name = "own"\nmetric = "latency_own"\nbackend = "command"\nresolution = 8\nbatch = 2\n'
            f"[command]\nretries = {retries}\ntimeout = {timeout}\nprepare = {prepare}\n"
            'run = ["{python}", "{here}/run.py", "{onnx}", "{folder}", "{batch}", "{{literal}}"]'
        )
        return measure_module(nn.Conv2d(3, 4, 3), (3, 8, 8), load_protocol(tmp_path / "p.toml"))

    return measure


def test_the_program_gets_the_network_and_its_lines_are_read(measured):
    text = """
import sys, onnx
model = onnx.load(sys.argv[1])
assert [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim] == [2, 3, 8, 8]
assert sys.argv[3:] == ["2", "{literal}"]
print("hello")
for latency in (4.0, 4.1, 3.9, 4.0, 40.0): print('{"latency_ms": %s}' % latency)
print('{"memory_mb": 12.5, "energy_mj": 3}')
"""
    found = measured(text)
    assert (found.latency_ms, found.passes, found.outliers) == (pytest.approx(4.0), 5, 1)
    assert (found.throughput, found.memory_mb, found.energy_mj) == (pytest.approx(500.0), 12.5, 3.0)
    assert found.prepare_seconds > 0


def test_programs_before_it_leave_what_they_make(measured):
    prepare = "[[\"{python}\", \"-c\", \"open(r'{folder}/made', 'w').write('7')\"]]"
    found = measured(
        """import sys; print('{"latency_ms": ' + open(sys.argv[2] + '/made').read() + '}')""", prepare=prepare
    )
    assert found.latency_ms == 7.0


def test_a_failure_shows_what_the_program_complained_of(measured):
    with pytest.raises(MeasurementError, match=r"ended with 3\n  line 5\n(.|\n)*  no board at 10.0.0.7$") as caught:
        measured(
            "import sys\nfor n in range(19): print('line', n, file=sys.stderr)\n"
            "print('no board at 10.0.0.7', file=sys.stderr); sys.exit(3)"
        )
    assert caught.value.kind == "command failed"


def test_tries_again_as_often_as_the_protocol_says(measured, tmp_path):
    text = f"""
from pathlib import Path
tries = Path({str(tmp_path)!r}) / "tries"
count = len(tries.read_text()) if tries.exists() else 0
tries.write_text("x" * (count + 1))
assert count == 2, "not yet"
print('{{"latency_ms": 5}}')
"""
    with pytest.raises(MeasurementError, match="not yet"):
        measured(text, retries=1)
    assert measured(text).latency_ms == 5.0


def test_a_program_that_hangs_is_ended_with_what_it_started(measured, tmp_path):
    text = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
open({str(tmp_path / "child")!r}, "w").write(str(child.pid))
print("waiting for the board", file=sys.stderr, flush=True)
open({str(tmp_path / "waits")!r}, "w").close()
time.sleep(3600)
"""
    for timeout in (3, 30, 300):  # a busy machine needs longer to get to the waiting
        with pytest.raises(MeasurementError, match=f"ran for {timeout} s; raise command.timeout") as caught:
            measured(text, timeout=timeout)
        assert caught.value.kind == "timed out"
        if (tmp_path / "waits").exists():
            break
    assert str(caught.value).endswith("raise command.timeout\n  waiting for the board")
    child = int((tmp_path / "child").read_text())
    for _ in range(6000):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{child}/status").exists() and "zombie" in Path(f"/proc/{child}/status").read_text():
            return
        time.sleep(0.1)
    raise AssertionError(child)


def test_a_program_that_is_not_there(tmp_path):
    (tmp_path / "p.toml").write_text(
        'name = "own"\nmetric = "latency_own"\nbackend = "command"\n[command]\nrun = ["no-such-program"]\nretries = 0'
    )
    with pytest.raises(
        MeasurementError, match="no-such-program can't be run: No such file or directory; name a program"
    ):
        measure_module(nn.Conv2d(3, 4, 3), (3, 8, 8), load_protocol(tmp_path / "p.toml"))


@pytest.mark.parametrize(
    ("printed", "message"),
    [
        ("done", "no latency_ms or throughput, but 'done'"),
        ('{"latency": 3}', "printed 'latency'; choose from latency_ms, latency_std_ms"),
        ('{"latency_ms": 0}', "latency_ms 0; expected a number above 0"),
        ('{"latency_ms": "3"}', "latency_ms '3'; expected a number above 0"),
        ('{"latency_ms": true}', "latency_ms True; expected a number"),
        ('{"latency_ms": NaN}', "latency_ms nan; expected a number"),
        ('{"latency_ms": 3, "energy_mj": -1}', "energy_mj -1; expected a number of 0 or more"),
    ],
)
def test_what_is_not_understood(printed, message):
    with pytest.raises(MeasurementError, match=message) as caught:
        understand(printed, 1, 4.0)
    assert caught.value.kind == "not understood"


def test_boards_that_run_several_at_once_say_their_throughput():
    found = understand('{"latency_ms": 10, "latency_std_ms": 0.5, "passes": 50, "throughput": 480.0}', 1, 4.0)
    assert (found.latency_ms, found.latency_std_ms, found.passes, found.throughput) == (10.0, 0.5, 50, 480.0)
    assert understand('{"throughput": 250}', 2, 4.0).latency_ms == 8.0


@pytest.mark.parametrize("callers", [1, 2])
def test_the_program_for_boards_runs_here(tmp_path, callers):
    from accelnas_training.measure.subject import Subject

    onnx = Subject(nn.Conv2d(3, 4, 3), (3, 8, 8), tmp_path).onnx(2)
    arguments = [onnx, "--passes", "6", "--seconds", "0", "--callers", str(callers)]
    printed = subprocess.run([sys.executable, DEVICES / "run_onnx.py", *arguments], capture_output=True, text=True)
    found = understand(printed.stdout, 2, 4.0)
    assert found.passes >= 6, printed.stderr
    assert found.throughput > 0


def test_the_program_for_phones_reads_the_benchmark(tmp_path, monkeypatch):
    adb = tmp_path / "adb"
    adb.write_text(
        f"#!{sys.executable}\nimport sys\n"
        "assert sys.argv[1:] == ['shell', '/data/local/tmp/benchmark_model', '--graph=/data/n.tflite',"
        " '--num_threads=4', '--num_runs=50'], sys.argv\n"
        "print('count=14 first=41000 curr=35000 min=34000 max=41000 avg=36123.4 std=1500')\n"
        "print('count=50 first=35500 curr=35100 min=34900 max=36900 avg=35250.5 std=410')\n"
        "print('Inference timings in us: Init: 5685, First inference: 41000, Warmup (avg): 36123.4')\n"
    )
    adb.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    program = [sys.executable, DEVICES / "tflite" / "benchmark.py", "/data/n.tflite", "--threads", "4"]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    found = understand(done.stdout, 1, 4.0)
    assert (found.latency_ms, found.latency_std_ms, found.passes) == (35.2505, 0.41, 50)


@pytest.mark.parametrize("path", sorted(DEVICES.glob("*/*.toml")), ids=lambda path: path.stem)
def test_templates_are_protocols(path):
    protocol = load_protocol(path)
    assert protocol.name == path.stem or path.parent.name in {"script", "tflite"}
    assert (path.parent / ".." / "run_onnx.py").exists()
