"""Sorting, crowding, hypervolume and IGD+ against pymoo and moocore."""

import itertools

import moocore
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pymoo.operators.survival.rank_and_crowding.metrics import calc_crowding_distance
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

from accelnas import _core
from accelnas.exact.hypervolume import hypervolume


def populations(least=2, most=4, whole=False):
    """Scores of 1 to 60 points; whole numbers give many ties and duplicates."""
    shapes = st.tuples(st.integers(1, 60), st.integers(least, most))
    elements = st.integers(-4, 4).map(float) if whole else st.floats(-1e3, 1e3, allow_subnormal=False)
    return shapes.flatmap(lambda shape: arrays(np.float64, shape, elements=elements)).map(lambda scores: scores + 0.0)


def pymoo_ranks(scores):
    ranks = np.empty(len(scores), np.uint32)
    for rank, front in enumerate(NonDominatedSorting().do(-scores)):
        ranks[front] = rank
    return ranks


@given(populations(whole=True) | populations())
def test_ranks_are_those_of_pymoo(scores):
    assert np.array_equal(_core.non_dominated_ranks(scores), pymoo_ranks(scores))


@pytest.mark.parametrize("n", [100, 400])
@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_ranks_of_large_populations(n, width):
    scores = np.random.default_rng(n + width).integers(0, 30, (n, width)).astype(np.float64)
    assert np.array_equal(_core.non_dominated_ranks(scores), pymoo_ranks(scores))


def test_zeros_of_either_sign_are_equal():
    assert _core.non_dominated_ranks(np.array([[0.0, 1.0], [-0.0, 2.0]])).tolist() == [1, 0]


@given(populations())
def test_crowding_is_that_of_pymoo(scores):
    # ties have no crowding of their own: which of them is the neighbour is an implementation's choice
    if any(len(np.unique(column)) < len(scores) for column in scores.T):
        return
    ranks, found = _core.non_dominated_ranks(scores), _core.crowding_distances(scores)
    width = scores.shape[1]
    for rank in np.unique(ranks):
        front = scores[ranks == rank]
        own = found[ranks == rank]
        if len(front) < 3:
            assert np.isinf(own).all()
            continue
        # pymoo divides by the number of objectives
        np.testing.assert_allclose(own, width * calc_crowding_distance(-front), rtol=1e-9, atol=1e-12)


@given(populations(whole=True))
def test_crowding_of_ties_keeps_its_bounds(scores):
    ranks, found = _core.non_dominated_ranks(scores), _core.crowding_distances(scores)
    width = scores.shape[1]
    for rank in np.unique(ranks):
        own, front = found[ranks == rank], scores[ranks == rank]
        assert (own >= 0).all()
        assert not np.isnan(own).any()
        finite = own[np.isfinite(own)]
        # every objective adds at most 2 to the sum of its front
        assert finite.sum() <= 2 * width + 1e-9
        for column in front.T:
            assert np.isinf(own[column == column.max()]).any()
            assert np.isinf(own[column == column.min()]).any()
        assert np.isinf(own).sum() <= 2 * width


def runs_of(scores, cuts):
    return np.unique([0, *(cut % (len(scores) + 1) for cut in cuts), len(scores)]).astype(np.int64)


@given(populations(most=5) | populations(most=5, whole=True), st.lists(st.integers(0, 60), max_size=3))
def test_hypervolumes_are_those_of_moocore(scores, cuts):
    starts, width = runs_of(scores, cuts), scores.shape[1]
    found = _core.hypervolumes(scores, starts)
    for first, last in itertools.pairwise(starts):
        for i in range(first, last):
            points = scores[first : i + 1]
            expected = moocore.hypervolume(points, ref=[0.0] * width, maximise=True)
            assert found[i] == pytest.approx(expected, rel=1e-9, abs=1e-9)
            assert found[i] == pytest.approx(hypervolume(points, [0.0] * width, ["maximise"] * width), rel=1e-9)
        assert (np.diff(found[first:last]) >= -1e-9 * found[first:last].max(initial=0)).all()


@given(populations(), st.lists(st.integers(0, 60), max_size=3), st.integers(0, 2**32 - 1))
def test_igd_plus_is_that_of_moocore(scores, cuts, seed):
    starts = runs_of(scores, cuts)
    ideal = np.random.default_rng(seed).normal(0, 300, (7, scores.shape[1]))
    found = _core.igd_plus(scores, starts, ideal)
    for first, last in itertools.pairwise(starts):
        for i in range(first, last):
            expected = moocore.igd_plus(scores[first : i + 1], ref=ideal, maximise=True)
            assert found[i] == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_threads_change_no_quality():
    chance = np.random.default_rng(1)
    points, starts = chance.normal(1, 1, (5_000, 3)), np.arange(0, 5_001, 50)
    for threads in (2, 3):
        for function, more in ((_core.hypervolumes, ()), (_core.igd_plus, (points[:9].copy(),))):
            one = function(points, starts, *more, threads=1)
            assert np.array_equal(function(points, starts, *more, threads=threads), one)


@pytest.mark.parametrize(
    ("starts", "message"),
    [([], "starts do not ascend"), ([0, 3], "starts do not ascend"), ([0, 3, 2, 4], "starts do not ascend")],
)
def test_runs_that_do_not_fit_are_refused(starts, message):
    points = np.ones((4, 2))
    for function, more in ((_core.hypervolumes, ()), (_core.igd_plus, (points,))):
        with pytest.raises(ValueError, match=message):
            function(points, np.array(starts, np.int64), *more)
    with pytest.raises(ValueError, match="the front has no points, or points of another width"):
        _core.igd_plus(points, np.array([0, 4]), np.ones((3, 3)))
    with pytest.raises(ValueError, match="array must be C-contiguous"):
        _core.non_dominated_ranks(np.ones((4, 4))[:, ::2])
    with pytest.raises(ValueError, match="points have no coordinates"):
        _core.crowding_distances(np.ones((4, 0)))
