"""The code of the guide to adapters is executed."""

import re
from pathlib import Path

import optuna
import pytest

GUIDE = Path(__file__).parent.parent / "docs" / "adapters.md"
# a block that can't run everywhere says so in the comment above it
BLOCKS = re.findall(r"(<!-- needs [a-z]+ -->\n)?```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


def test_blocks_are_found():
    assert [bool(needs) for needs, _ in BLOCKS] == [False, False, False, False, False, True]


@pytest.mark.parametrize("code", [code for needs, code in BLOCKS if not needs])
def test_code_runs(code):
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    exec(compile(code, "adapters.md", "exec"), {})  # noqa: S102 (our own guide)
    optuna.logging.set_verbosity(before)
