"""Ceilings that are found from measured and modelled times."""

import numpy as np
import pytest

from studies.saturation import likeliest


@pytest.mark.parametrize("ceiling", [200.0, 500.0, None])
def test_the_likeliest_ceiling_is_that_of_the_device(ceiling):
    random = np.random.default_rng(0)
    modelled = random.uniform(1e-3, 1e-2, 4000)  # s an image: rates of 100 to 1,000
    measured = np.maximum(modelled, 0 if ceiling is None else 1 / ceiling) * random.normal(1, 0.01, 4000)
    found = likeliest(measured, modelled)
    assert found == pytest.approx(ceiling, rel=0.01) if ceiling else found > 970
