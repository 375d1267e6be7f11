"""Expected metrics, against the sum over all architectures of probability times prediction."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import accelnas
from accelnas.errors import MetricError
from accelnas_training import TableLayer
from accelnas_training.tables import read_tables

LADDER = Path(__file__).parent.parent / "examples" / "digits" / "ladder" / "benchmark"


@pytest.fixture(scope="module")
def bench():
    return accelnas.load()


def drawn(layer, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = [torch.randn(count, generator=generator, dtype=torch.float64) for count in layer.counts]
    return [each.softmax(0) for each in logits]


@pytest.mark.parametrize(("name", "metric"), [(LADDER, "accuracy"), ("nasbench-macro", "accuracy")])
def test_the_expectation_is_that_of_all_architectures(name, metric):
    small = accelnas.load(name)  # tables of three variables; one table of all variables, as it is given
    layer = TableLayer(small, metric)
    probabilities = drawn(layer, 3)
    archs = small.space.range(0, small.space.size)
    weights = np.prod([each.numpy()[archs[:, place]] for place, each in enumerate(probabilities)], axis=0)
    expected = weights @ small.predict(archs, metric, dtype="float64")
    assert float(layer(probabilities)) == pytest.approx(expected, rel=1e-13)


# tables of variables and of blocks; every kind of link of the benchmark
@pytest.mark.parametrize(
    "metric", ["accuracy", "macs", "train_time", "throughput_a100", "throughput_3090", "latency_zcu102"]
)
def test_certain_choices_give_predictions(bench, metric):
    archs = bench.space.sample(50, seed=0)
    layer = TableLayer(bench, metric, plug_in=True)
    assert layer(layer.one_hot(archs)).numpy() == pytest.approx(
        bench.predict(archs, metric, dtype="float64"), rel=1e-12
    )


def test_interactions_are_in_the_expectation(bench):
    layer = TableLayer(bench, "latency_zcu102")
    probabilities = drawn(layer, 1)
    generator = np.random.default_rng(0)
    columns = [generator.choice(len(each), 200_000, p=each.numpy()) for each in probabilities]
    values = bench.predict(np.stack(columns, axis=1).astype(np.uint8), "latency_zcu102", dtype="float64")
    error = values.std() / np.sqrt(len(values))
    assert abs(values.mean() - float(layer(probabilities))) < 4 * error


def test_gradients():
    layer = TableLayer(accelnas.load(LADDER), "accuracy")
    logits = [torch.randn(2, count, dtype=torch.float64, requires_grad=True) for count in layer.counts]  # a batch
    assert torch.autograd.gradcheck(lambda *each: layer([one.softmax(-1) for one in each]), logits)


def test_derived_metrics_have_expectations(bench):
    derived = bench.derive("cost", "latency_zcu102 + 2 * macs", unit="", direction="minimise")
    layers = [TableLayer(derived, name) for name in ("latency_zcu102", "macs", "cost")]
    first, second, cost = (float(layer(drawn(layers[0], 2))) for layer in layers)
    assert cost == pytest.approx(first + 2 * second)


def test_what_has_no_expectation_is_refused(bench, monkeypatch):
    with pytest.raises(MetricError, match=r"^throughput_a100 is modelled through link 'capped', .* plug_in=True"):
        TableLayer(bench, "throughput_a100")
    with pytest.raises(MetricError, match=r"^probabilities are of \[3, 2\] choices; give a tensor a variable, of"):
        TableLayer(bench, "macs")([torch.ones(3), torch.ones(2)])
    with pytest.raises(MetricError, match="beauty"):
        TableLayer(bench, "beauty")
    with monkeypatch.context() as patched:
        patched.setattr(accelnas.Benchmark, "_surrogate", lambda _bench, _metric: SimpleNamespace(forest_trees=7))
        with pytest.raises(MetricError, match=r"^macs has 7 trees that no tables hold, .*; choose a metric of tables"):
            read_tables(bench, "macs")
