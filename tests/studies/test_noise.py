"""The noise of a training against the deviations that the authors' seeds have."""

import re

import numpy as np
import pytest

from accelnas.errors import DataError
from accelnas.fitting.checks import pooled_noise
from accelnas.fitting.settings import read_settings
from archive import SIGMAS, TRAINED
from studies.noise import main
from studies.schemes import read_schemes


def test_seeds_are_pooled(tmp_path, capsys, archive):
    seeds = read_schemes(archive.seeds, ["proxy"])["proxy"]
    assert [len(group) for group in seeds.accuracy] == [3] * (117 if archive.published else TRAINED)
    main([str(archive.path), "--seeds", str(archive.seeds)])
    printed = re.match(r"accuracy: ([\d.]+) ", capsys.readouterr().out)
    if archive.published:
        # the published .256 is the mean of the deviations, which is below the root of the pooled variance
        assert np.mean([np.std(group, ddof=1) for group in seeds.accuracy]) == pytest.approx(0.256, abs=5e-4)
        assert pooled_noise(seeds.accuracy) == pytest.approx(0.307, abs=5e-4)
        assert float(printed[1]) == pytest.approx(read_settings("bundled").metrics["accuracy"].noise, abs=5e-4)
    else:
        assert pooled_noise(seeds.accuracy) == pytest.approx(SIGMAS["proxified"], rel=0.25)  # 80 degrees of freedom
        assert float(printed[1]) == pytest.approx(SIGMAS["proxified"], rel=0.3)
    with pytest.raises(DataError, match="has 0 files"):
        read_schemes(tmp_path, ["proxy"])
