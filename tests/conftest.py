"""Hypothesis profiles, and the data set for the tests that need it."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from not_run import pytest_terminal_summary  # noqa: F401 a hook

settings.register_profile("dev", max_examples=25, deadline=None)
settings.register_profile(
    "ci",
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Folder of the Accel-NASBench archive: ACCELNAS_DATA, or shared/data beside the repository."""
    named = os.environ.get("ACCELNAS_DATA")
    folders = [Path(named)] if named else [REPOSITORY.parent / "shared" / "data" / "anb"]
    for folder in folders:
        if (folder / "anb_dataset_jsons.tar.gz").is_file():
            return folder
    pytest.skip("the Accel-NASBench archive is not here; name its folder in ACCELNAS_DATA")
