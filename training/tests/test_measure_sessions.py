import numpy as np
import pytest

from accelnas.errors import DataError
from accelnas_training.measure.sessions import session_effects


def simulated(rng, between, sessions=4, networks=6, repeats=3, within=0.02):
    session, network, _ = (each.ravel() for each in np.indices((sessions, networks, repeats)))
    effects = between * rng.standard_normal(sessions)
    noise = within * rng.standard_normal(len(session))
    return network, session, np.exp(network + effects[session] + noise), effects - effects.mean()


@pytest.mark.parametrize("between", [0.0, 0.05])
def test_known_effects_are_recovered_without_bias(between):
    rng = np.random.default_rng(0)
    variances, withins, inside = [], [], []
    for _ in range(400):
        *measured, true = simulated(rng, between)
        found = session_effects(*measured)
        variances.append(found.variance)
        withins.append(found.within)
        inside.append(np.abs(found.effects - true) <= found.margins)
    error = np.std(variances) / np.sqrt(len(variances))
    assert abs(np.mean(variances) - between**2) < 4 * error
    assert abs(np.mean(withins) - 0.02) < 0.001
    assert 0.92 < np.mean(inside) < 0.98


def test_one_session_says_nothing():
    with pytest.raises(DataError, match="of 1 sessions"):
        session_effects(np.arange(3), np.zeros(3, np.intp), np.ones(3))
