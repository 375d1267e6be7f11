"""Small spaces, and one thread: several slow each other down on a machine with other work."""

import pytest
import torch

import accelnas
from not_run import pytest_terminal_summary  # noqa: F401 a hook

torch.set_num_threads(1)


def make_space(*choices, name="toy"):
    """Give a space of one-variable blocks."""
    lines = ["[space]", f'name = "{name}"']
    for variable, count in enumerate(choices):
        values = list(range(count))
        lines += ["[[space.blocks]]", f'name = "b{variable}"']
        lines += [f'variables = [{{ name = "v{variable}", symbol = "v", choices = {values} }}]']
    return accelnas.Space("\n".join(lines))


@pytest.fixture(scope="session")
def toy():
    return make_space(3, 2, 5, 4)


@pytest.fixture(scope="session")
def other_toy():
    return make_space(2, 2, name="other")
