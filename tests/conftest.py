"""Hypothesis profiles, and what many tests ask for: the bundled benchmark and the data set."""

import os

import pytest
from hypothesis import HealthCheck, settings

import accelnas
from archive import Archive, generated, published
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


@pytest.fixture(scope="session")
def bench() -> accelnas.Benchmark:
    """The bundled benchmark."""
    return accelnas.load()


@pytest.fixture(scope="session", params=["generated", "published"])
def archive(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """A small archive of the Accel-NASBench form, and the authors' own."""
    if request.param == "generated":
        return generated(tmp_path_factory.mktemp("archive"))
    return _published()


@pytest.fixture(scope="session")
def published_archive() -> Archive:
    """The authors' archive, for what holds of it alone."""
    return _published()


def _published() -> Archive:
    found = published()
    if found is None:
        pytest.skip("the Accel-NASBench archive is not here; name its folder in ACCELNAS_DATA")
    return found
