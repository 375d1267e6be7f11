"""Samples: distinct, new, repeatable; grids that are even; active choices that teach more than uniform ones."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelnas
from accelnas.errors import DataError, SpaceError
from accelnas.fitting.ensemble import fit_ensemble
from accelnas.networks import network_layers
from accelnas_training import sampling
from accelnas_training.networks import NetworkFamily, load_family
from accelnas_training.sampling import active, grid, uniform
from conftest import make_space

MNASNET = accelnas.mnasnet_space()
LAYERS = network_layers(MNASNET)
TOY = make_space(3, 2, 5, 4)


def macs_and_params(archs):
    states = MNASNET.block_states(archs)
    return np.stack(
        [sampling.costs(LAYERS, lambda layer, cost=cost: getattr(layer, cost), states) for cost in ("macs", "params")],
        1,
    )


def rows_of(archs):
    return {row.tobytes() for row in archs}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 2**32))
def test_uniform_samples_are_distinct_and_new(n, m, seed):
    known = TOY.sample(m, seed + 1, unique=True)
    new = uniform(TOY, n, seed, known)
    assert new.shape == (n, 4)
    assert new.dtype == np.uint8
    assert len(rows_of(new) | rows_of(known)) == n + m
    np.testing.assert_array_equal(new, uniform(TOY, n, seed, known))


def test_too_few_are_left():
    with pytest.raises(
        SpaceError, match="61 architectures are wanted, but toy has 120, of which 60 are not known; ask for"
    ):
        uniform(TOY, 61, 0, TOY.sample(60, 3, unique=True))
    with pytest.raises(SpaceError, match="130 architectures are wanted"):
        active(TOY, 130, 0, TOY.at(range(12)), np.arange(12.0))


def test_mnasnets_grid_is_even():
    family = load_family()
    known = MNASNET.sample(5, seed=0)
    archs = grid(family, 20, seed=0, known=known)
    assert len(rows_of(archs)) == 20
    assert not rows_of(archs) & rows_of(known)
    np.testing.assert_array_equal(archs, grid(family, 20, seed=0, known=known))
    candidates = macs_and_params(uniform(MNASNET, 20_000, 1))
    unit = (macs_and_params(archs) - candidates.min(axis=0)) / np.ptp(candidates, axis=0)
    apart = np.linalg.norm(unit[:, None] - unit, axis=2) + 9 * np.eye(20)
    assert apart.min() > 0.1  # a grid of 6 × 6 cells
    assert np.ptp(unit, axis=0).min() > 0.7
    drawn = (macs_and_params(uniform(MNASNET, 20, 1)) - candidates.min(axis=0)) / np.ptp(candidates, axis=0)
    assert apart.min() > 3 * (np.linalg.norm(drawn[:, None] - drawn, axis=2) + 9 * np.eye(20)).min()


def test_the_costs_of_a_grid_are_those_of_the_networks():
    from accelnas_training.networks.complexity import complexities

    rows = MNASNET.sample(2, seed=4)
    counted = [(one.dataset_macs, one.params) for one in complexities(load_family(), rows, 224)]
    assert macs_and_params(rows).tolist() == [list(map(float, one)) for one in counted]


def test_grids_of_other_spaces_build_their_networks(tmp_path, toy):
    path = tmp_path / "nets.py"
    path.write_text(
        "from torch import nn\n"
        "def build(a, options):\n"
        "    return nn.Sequential(nn.Conv2d(3, 1 + a['v2'], 1 + a['v0']), nn.Flatten(), nn.LazyLinear(2 + a['v3']))\n"
    )
    archs = grid(NetworkFamily(toy, f"{path}:build"), 9, seed=0, resolution=4)
    assert len(rows_of(archs)) == 9
    assert len(rows_of(grid(NetworkFamily(toy, f"{path}:build"), 120, seed=0, resolution=4))) == 120  # all there are


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(30, 200), st.integers(0, 999), st.booleans())
def test_cells_are_chosen_apart(n, candidates, seed, few):
    points = np.random.default_rng(seed).integers(0, 3 if few else 10**6, (candidates, 2)).astype(float)
    chosen = sampling._spread_cells(points, n)
    assert len(set(chosen.tolist())) == n
    if not few and n > 1:  # the order is one of farthest points: the first two are not in neighbouring cells
        assert np.linalg.norm(points[chosen[0]] - points[chosen[1]]) > 0.3 * np.ptp(points, axis=0).max()


def test_the_greedy_choice_is_conditioning():
    rng = np.random.default_rng(0)
    members = rng.normal(size=(400, 6)) @ rng.normal(size=(6, 6))
    noise = 0.5
    chosen = sampling._least_known(members.copy(), noise, 6)
    covariance, wanted = np.cov(members.T), []
    for _ in range(6):
        variance = np.diag(covariance).copy()
        variance[wanted] = -1
        best = int(np.argmax(variance))
        wanted.append(best)
        column = covariance[:, best]
        covariance = covariance - np.outer(column, column) / (column[best] + noise)
    assert chosen == wanted


SMALL = make_space(4, 4, 4, 4, 4, 4)


def landscape(seed):
    """Give main effects, interactions of neighbours, and measurements of them with noise."""
    rng = np.random.default_rng(seed)
    main, pairs = rng.normal(size=(6, 4)), 0.5 * rng.normal(size=(6, 4, 4))

    def truth(archs):
        return (main[range(6), archs] + pairs[range(6), archs, np.roll(archs, -1, axis=1)]).sum(axis=1)

    return truth, lambda archs: truth(archs) + 0.1 * rng.normal(size=len(archs))


def test_active_choices_teach_more_than_uniform_ones():
    test = SMALL.sample(2000, seed=99)
    errors = []
    for seed in range(3):
        truth, measure = landscape(seed)
        known = SMALL.sample(40, seed, unique=True)
        values = measure(known)
        of_seed = []
        for new in (active(SMALL, 30, seed, known, values), uniform(SMALL, 30, seed, known)):
            archs = np.concatenate([known, new])
            dataset = sampling._dataset(SMALL, archs, np.concatenate([values, measure(new)]))
            own = replace(sampling._ensemble_settings(), members=2)
            fitted = fit_ensemble(dataset, dataset.ids, own.metrics["accuracy"], own, threads=1)
            of_seed.append(np.sqrt(np.mean((fitted.predict(test) - truth(test)) ** 2)))
        errors.append(of_seed)
    of_active, of_uniform = np.mean(errors, axis=0)
    assert of_active < 0.95 * of_uniform  # 0.85 over ten seeds


def test_active_choices_are_distinct_new_and_repeatable():
    known = TOY.sample(40, 1, unique=True)
    values = known.sum(axis=1).astype(float)
    values[:3] = np.nan  # failed, and not to be chosen again
    new = active(TOY, 80, 5, known, values)
    assert len(rows_of(new) | rows_of(known)) == 120
    np.testing.assert_array_equal(new, active(TOY, 80, 5, known, values))


def test_wrong_measurements_are_named():
    known = TOY.sample(8, 1, unique=True)
    with pytest.raises(DataError, match="8 architectures have 7 values; give one for each"):
        active(TOY, 3, 0, known, np.zeros(7))
    with pytest.raises(DataError, match="accuracy has 8 rows to fit on; 5 folds need twice as many"):
        active(TOY, 3, 0, known, np.arange(8.0))
