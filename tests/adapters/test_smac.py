import gc
import logging
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from smac import BlackBoxFacade

import accelnas
from accelnas.adapters.smac import smac_algorithm
from accelnas.search.protocol import Task
from search_driver import SMALL, TINY, drive, score, scores

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("evaluate", [score, scores])
def test_seeds_decide(evaluate):
    cases = [(1, "maximise"), (1, "minimise"), (2, "maximise"), (2**62, "maximise")]
    runs = [drive(smac_algorithm(), 9, seed, evaluate=evaluate, direction=end)[0] for seed, end in cases]
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[1], runs[2])
    assert not np.array_equal(runs[2], runs[3])


def test_scores_are_learned():
    # told the opposite, they go the other way: what one run finds depends on the machine's floats and load
    means = []
    for sign in (1, -1):
        found = []
        run = smac_algorithm()(Task(SMALL, {"quality": "maximise"}, 24, seed=3))
        for trial in range(24):
            archs = run.ask()
            if trial >= 6:
                found.append(score(archs)[0])
            run.tell(archs, sign * score(archs))
        means.append(np.mean(found))
    assert means[0] > means[1]


def test_other_facades_and_options():
    algorithm = smac_algorithm(BlackBoxFacade, use_default_config=True)
    assert len(drive(algorithm, 4, seed=1)[0]) == 4


def test_exhausted_space_is_no_end(caplog):
    with caplog.at_level(logging.WARNING):
        archs, _ = drive(smac_algorithm(), 9, 1, TINY, lambda rows: rows.sum(axis=1).astype(float))
    assert len(np.unique(TINY.index(archs))) < len(archs) == 9
    assert not caplog.records


def test_folder_is_removed(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    run = smac_algorithm()(Task(SMALL, {"quality": "maximise"}, 9, seed=1))
    (folder,) = Path(tmp_path).iterdir()
    archs = run.ask()
    run.tell(archs, score(archs))
    assert list(Path(tmp_path).iterdir()) == [folder]
    del run
    gc.collect()
    assert not list(Path(tmp_path).iterdir())


def test_missing_smac(monkeypatch):
    monkeypatch.setitem(sys.modules, "smac", None)
    with pytest.raises(accelnas.MissingExtraError, match=r"pip install 'accelnas\[smac\]'"):
        smac_algorithm()(Task(SMALL, {"quality": "maximise"}, 9, seed=1))
