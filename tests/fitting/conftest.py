"""What several tests of fitting ask for."""

import pytest

from data_samples import sample_dataset


@pytest.fixture(scope="session")
def dataset():
    """1,200 architectures whose truth is known."""
    return sample_dataset()
