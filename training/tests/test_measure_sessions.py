import math

import numpy as np
import pytest

from accelnas.errors import DataError
from accelnas_training.measure.sessions import session_effects


def simulated(rng, between, sessions=4, networks=6, repeats=3, within=0.02):
    """Some networks again and again, and independent noise."""
    session, _, network = (each.ravel() for each in np.indices((sessions, repeats, networks)))
    effects = between * rng.standard_normal(sessions)
    noise = within * rng.standard_normal(len(session))
    latencies = np.exp(network + effects[session] + noise)
    return (network, session, np.arange(float(len(session))), latencies), effects - effects.mean()


def disturbed(size, rng, memory, deviation):
    """Noise that remembers: each is `memory` of the one before, and new noise."""
    new = deviation * math.sqrt(1 - memory**2) * rng.standard_normal(size)
    noise = [deviation * rng.standard_normal()]
    for each in new[1:]:
        noise.append(memory * noise[-1] + each)
    return np.array(noise)


def references(rng, memory=0.7, sessions=4, networks=3, occasions=15, apart=0.005):
    """A few networks on every occasion, what a process does to each, and noise that remembers."""
    session, _, network = (each.ravel() for each in np.indices((sessions, occasions, networks)))
    effects = 0.05 * rng.standard_normal(sessions)
    own = apart * rng.standard_normal((sessions, networks))
    noise = np.concatenate([disturbed(occasions * networks, rng, memory, 0.02) for _ in range(sessions)])
    latencies = np.exp(network + effects[session] + own[session, network] + noise)
    return (network, session, np.arange(float(len(session))), latencies), effects - effects.mean()


def once_each(rng, memory=0.7, sessions=2, networks=60):
    """Many networks, once in each session, in another order each time."""
    network = np.concatenate([rng.permutation(networks) for _ in range(sessions)])
    session = np.repeat(np.arange(sessions), networks)
    effects = 0.05 * rng.standard_normal(sessions)
    noise = np.concatenate([disturbed(networks, rng, memory, 0.02) for _ in range(sessions)])
    latencies = np.exp(0.1 * network + effects[session] + noise)
    return (network, session, np.arange(float(len(session))), latencies), effects - effects.mean()


@pytest.mark.parametrize("between", [0.0, 0.05])
def test_known_effects_are_recovered_without_bias(between):
    rng = np.random.default_rng(0)
    variances, withins, inside = [], [], []
    for _ in range(400):
        measured, true = simulated(rng, between)
        found = session_effects(*measured)
        variances.append(found.variance)
        withins.append(found.within)
        inside.append(np.abs(found.effects - true) <= found.margins)
    error = np.std(variances) / np.sqrt(len(variances))
    assert abs(np.mean(variances) - between**2) < 4 * error
    assert abs(np.mean(withins) - 0.02) < 0.001
    assert 0.93 < np.mean(inside) < 0.99


@pytest.mark.parametrize("simulate", [references, once_each])
def test_intervals_allow_for_noise_that_neighbours_share(simulate):
    rng = np.random.default_rng(1)
    inside, variances = [], []
    for _ in range(200):
        measured, true = simulate(rng)
        found = session_effects(*measured)
        inside.append(np.abs(found.effects - true) <= found.margins)
        variances.append(found.variance)
    assert 0.9 < np.mean(inside) < 0.985  # .45 to .65, where measurements are taken for independent
    assert abs(np.mean(variances) / 0.05**2 - 1) < 4 * np.std(variances) / 0.05**2 / np.sqrt(200)


def test_intervals_allow_for_what_a_process_does_to_a_network():
    rng = np.random.default_rng(2)
    inside = []
    for _ in range(200):
        measured, true = references(rng, memory=0.0, apart=0.05)
        found = session_effects(*measured)
        inside.append(np.abs(found.effects - true) <= found.margins)
    assert 0.92 < np.mean(inside) < 0.98


def test_sessions_without_networks_in_common_are_not_compared():
    measured, _ = references(np.random.default_rng(3), sessions=3)
    expected = session_effects(*measured)
    network, session, times, latencies = (np.tile(each, 2) for each in measured)
    second = np.arange(len(session)) >= len(session) // 2
    kept = ~second | (session == 0)  # once more the first session, of networks of its own
    network, session = network + 10 * second, np.where(second, 0, session + 1)
    found = session_effects(network[kept], session[kept], times[kept], latencies[kept])
    np.testing.assert_allclose(found.effects, [math.nan, *expected.effects])
    np.testing.assert_allclose(found.margins, [math.nan, *expected.margins], rtol=0.02)  # repeats of all tell noise
    assert found.to_dict()["effects"][0] is None
    assert found.correction[0] == 0
    assert found.variance == pytest.approx(expected.variance, rel=0.02)


def test_a_chain_of_networks_compares_its_ends():
    network, session = np.array([0, 1, 0, 1, 2, 3, 2, 3]), np.array([0, 0, 1, 1, 1, 1, 2, 2])
    true = np.array([0.1, 0.0, -0.1])
    found = session_effects(network, session, np.arange(8.0), np.exp(network + true[session]))
    np.testing.assert_allclose(found.effects, true, atol=1e-12)
    np.testing.assert_allclose(found.correction, true, atol=1e-12)


def test_what_noise_explains_is_no_correction():
    rng = np.random.default_rng(4)
    left = [np.abs(session_effects(*references(rng, apart=0.03)[0]).correction).mean() for _ in range(20)]
    alone = [np.abs(session_effects(*simulated(rng, 0.0)[0]).correction).mean() for _ in range(20)]
    assert np.mean(left) > 0.02  # of .05
    assert np.mean(alone) < 0.0015  # effects of .004


def test_one_session_says_nothing():
    with pytest.raises(DataError, match="0 networks were measured in several of 1 sessions; measure at least 2"):
        session_effects(np.arange(3), np.zeros(3, np.intp), np.arange(3.0), np.ones(3))


def test_one_network_can_not_tell_sessions_from_what_they_do_to_it():
    with pytest.raises(DataError, match="1 networks were measured in several of 2 sessions"):
        session_effects(np.array([0, 0, 0, 1]), np.array([0, 1, 1, 1]), np.arange(4.0), np.ones(4))
