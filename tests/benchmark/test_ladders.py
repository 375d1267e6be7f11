"""What a benchmark says after fewer epochs is what the metric of these epochs says."""

import numpy as np
import pytest

import accelnas
from accelnas import MetricError, ParameterError
from accelnas.fitting.dataset import from_table
from accelnas.fitting.fidelities import ladder
from accelnas.fitting.metric import MetricSpec
from accelnas.fitting.tabulate import tabulate
from command_line import failure, run
from small_samples import space_of

SPACE = space_of("small", stem={"width": [8, 16, 32]})
COLUMNS = {"width": [8, 16, 32], "acc@1": [5.0, 7.0, 6.0], "acc@4": [6.0, 7.0, 8.0], "acc": [7.0, 8.0, 9.0],
           "loss@4": [3.0, 2.0, 1.0], "loss": [2.0, 1.0, 0.5], "ms": [1.0, 2.0, 3.0]}  # fmt: skip


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    import polars as pl

    folder = tmp_path_factory.mktemp("ladder")
    metrics = [
        *ladder(MetricSpec("acc", "%", noise=0.1), [1, 4, 16]),
        *ladder(MetricSpec("loss", direction="minimise"), [4, 16]),
        MetricSpec("ms", "ms", "minimise"),
    ]
    tabulate(from_table(pl.DataFrame(COLUMNS), SPACE), metrics, folder)
    return accelnas.load(folder)


def test_predictions_by_epochs(bench):
    rows = range(3)
    assert bench.predict(rows, "acc", epochs=4).tolist() == COLUMNS["acc@4"]
    assert bench.predict(1, "acc", epochs=1) == 7
    assert bench.predict(1, "acc", epochs=16) == bench.predict(1, "acc") == 8
    found = bench.predict(rows, ["loss", "acc"], epochs=np.int64(4), return_std=True)
    assert list(found) == ["loss@4", "acc@4"]
    assert found["loss@4"][0].tolist() == COLUMNS["loss@4"]
    assert list(bench.predict(rows, epochs=1)) == ["acc@1"]  # all that are known then
    assert list(bench.predict(rows, epochs=16)) == ["acc", "loss"]
    assert bench.query(rows, "acc", epochs=16, seed=1).tolist() == bench.query(rows, "acc", seed=1).tolist()


def test_other_epochs_are_told(bench):
    for ask, said in (
        (lambda: bench.predict([0], "acc", epochs=5), "acc is not known after 5 epochs; choose of 1, 4, 16"),
        (lambda: bench.query([0], "loss", epochs=1, seed=0), "loss is not known after 1 epochs; choose of 4, 16"),
        (lambda: bench.predict([0], epochs=5), "acc is not known after 5 epochs; choose of 1, 4, 16"),
        (lambda: bench.predict([0], ["acc", "ms"], epochs=1),
         "ms is not known after 1 epochs; it has no fidelities: leave epochs out"),
        (lambda: accelnas.load("nasbench-macro").predict([0], epochs=3),
         "accuracy is not known after 3 epochs; it has no fidelities: leave epochs out"),
        (lambda: bench.fidelities("top1"), 'unknown metric "top1"; the metrics are ' + ", ".join(bench.metrics)),
    ):  # fmt: skip
        with pytest.raises(MetricError) as error:
            ask()
        assert str(error.value) == said
    with pytest.raises(ParameterError, match=r"epochs is 4\.0; choose an integer of 1"):
        bench.predict([0], "acc", epochs=4.0)


def test_fidelities_are_metrics_for_whatever_is_asked(bench):
    assert bench.best("acc@4", subject_to="acc@1 >= 6").values.tolist() == [8.0]
    assert bench.pareto_front(["acc@1", "acc"]).values.tolist() == [[7.0, 8.0], [6.0, 9.0]]
    more = bench.derive("error", "100 - acc", direction="minimise")
    assert more.fidelities("acc") == bench.fidelities("acc") == {1: "acc@1", 4: "acc@4", 16: "acc"}
    assert more.fidelities("error") == more.fidelities("acc@4") == {}
    assert more.predict([2], "acc", epochs=1).tolist() == [6.0]


def test_the_command_line_takes_epochs(bench, tmp_path):
    (tmp_path / "archs.csv").write_text("width\n8\n32\n")
    asked = ("predict", tmp_path / "archs.csv", "-b", bench.path, "--epochs")
    assert run(*asked, 4, "-m", "acc").stdout == "width,acc@4\n8,6.0\n32,8.0\n"
    assert run(*asked, 4, "--std").stdout.splitlines()[0] == "width,acc@4,acc@4_std,loss@4,loss@4_std"
    assert failure(*asked, 2, "-m", "loss") == "loss is not known after 2 epochs; choose of 4, 16"
    said = run("info", "-b", bench.path).stdout
    assert "acc after 1, 4, 16 epochs: acc@1, acc@4, acc\nloss after 4, 16 epochs: loss@4, loss\n" in said
