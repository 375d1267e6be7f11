"""Scripts that commands of the Makefile and guides call can be called."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(path for folder in ("scripts", "training", "bench", ".ci") for path in (ROOT / folder).rglob("*.sh"))


@pytest.mark.parametrize("path", [str(path.relative_to(ROOT)) for path in SCRIPTS])
def test_a_script_can_be_called(path):
    assert (ROOT / path).read_text().startswith("#!")
    assert os.access(ROOT / path, os.X_OK), f"chmod +x {path}"
