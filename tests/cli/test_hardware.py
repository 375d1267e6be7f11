"""``accelnas hardware``: accelerators shown, and joined with networks."""

import accelnas
from command_line import failure, run


def test_accelerators_are_shown():
    said = run("hardware", "show", "dpu", "--fix", "clock=200,300", "--fix", "cores=1").stdout
    assert "200, 300" in said
    assert "block_rams" in said
    assert "144 configurations, engine dpu" in said


def test_pairs_are_a_benchmark_like_any_other(tmp_path):
    folder = tmp_path / "pairs"
    fixed = ("--fix", "cores=1", "--fix", "clock=300", "--fix", "bandwidth=4.8")
    said = run("hardware", "join", "dpu", *fixed, "-b", "nasbench-macro", "-m", "accuracy", "-o", folder).stdout
    assert "157,464 pairs of 6,561 networks and 24 configurations; metrics accuracy, latency," in said
    pairs = accelnas.load(folder)
    rows = pairs.space.range(0, pairs.space.size)
    values = pairs.predict(rows, ["accuracy", "latency", "dsp_slices"], dtype="float64")
    met = (values["latency"] <= 0.3) & (values["dsp_slices"] <= 300)
    certificate = tmp_path / "best.json"
    limits = ("-s", "latency <= 0.3", "-s", "dsp_slices <= 300")
    run("best", "accuracy", *limits, "-b", folder, "--certificate", certificate)
    found = accelnas.exact.Certificate.load(certificate)
    assert found.verify(pairs).passed
    best = pairs.best("accuracy", subject_to=["latency <= 0.3", "dsp_slices <= 300"])
    assert best.values[0] == values["accuracy"][met].max()


def test_what_can_not_be_joined_is_refused(tmp_path):
    folder = tmp_path / "pairs"
    assert failure("hardware", "join", "npu", "-o", folder).startswith("there is no accelerator 'npu'; choose dpu,")
    assert failure("hardware", "show", "dpu", "--fix", "clock") == (
        "--fix is 'clock'; give a parameter and its value, such as clock=200"
    )
    assert failure("hardware", "show", "dpu", "--fix", "clock=201").startswith("dpu: clock is '201'; it can be 150,")
    assert "take 524; fix parameters" in failure("hardware", "join", "dpu", "-b", "nasbench201", "-o", folder)
    assert not folder.exists()
