"""Small spaces, and metrics of given tables."""

import json

from accelnas import Space, _core


def space_of(name, /, **blocks):
    """A space of blocks, each the choices of its variables by name."""
    lines = [f'[space]\nname = "{name}"']
    for block, variables in blocks.items():
        rows = ", ".join(f'{{ name = "{v}", choices = {json.dumps(choices)} }}' for v, choices in variables.items())
        lines.append(f'[[space.blocks]]\nname = "{block}"\nvariables = [{rows}]')
    return Space("\n".join(lines))


def write_surrogate(folder, name, surrogate, direction="maximise", link="identity"):
    """Write a metric of which nothing else is known."""
    texts = {"unit": "", "direction": direction, "link": link, "description": ""}
    _core.write_metric(folder, name, surrogate, noise=None, provenance={}, **texts)
