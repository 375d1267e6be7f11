import numpy as np
import polars as pl
import pytest

from accelnas.errors import ModelError
from accelnas.fitting.costs import block_costs
from accelnas.fitting.dataset import from_table
from data_samples import archived_dataset


def test_costs_are_recovered_exactly(dataset):
    costs = block_costs(dataset, "params", dataset.ids[:700])
    assert costs.decimals == 6
    assert costs.constant == 1_000_000
    for b, values in enumerate(costs.values):
        assert np.array_equal(values, np.arange(len(values)) * (b + 1) * 1234)
    other = dataset.space.block_states(dataset.space.sample(1000, seed=9)).astype(np.int64)
    expected = 1_000_000 + (other * (np.arange(7) + 1) * 1234).sum(axis=1)
    assert np.array_equal(costs.predict(other), expected)


def test_what_is_not_a_sum_is_refused(dataset):
    with pytest.raises(ModelError, match=r"accuracy is no exact sum|over 9 decimals"):
        block_costs(dataset, "accuracy")
    with pytest.raises(ModelError, match=r"30 rows determine .* of 258 block costs"):
        block_costs(dataset, "params", dataset.ids[:30])
    params = dataset.table["params"].to_list()
    params[5] += 1e-6
    wrong = from_table(dataset.table.with_columns(pl.Series("params", params)), dataset.space)
    with pytest.raises(ModelError, match=r"no exact sum over blocks: id 5 has .* \(1 rows differ\)"):
        block_costs(wrong, "params", dataset.ids[10:])


def test_every_measured_architecture_is_reproduced(archive):
    dataset = archived_dataset(archive)
    for metric in ("macs", "params"):
        costs = block_costs(dataset, metric)  # raises unless all rows agree
        total = costs.predict(dataset.space.block_states(dataset.choices)) / 10**costs.decimals
        assert np.array_equal(total, dataset.values(metric))
