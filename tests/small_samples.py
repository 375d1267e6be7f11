"""Small spaces, and metrics of given tables."""

import math

import numpy as np

from accelnas import _core, load
from accelnas.space.definition import defined


def space_of(name, /, **blocks):
    """A space of blocks, each the choices of its variables by name."""
    variables = {block: [{"name": v, "choices": own} for v, own in of.items()] for block, of in blocks.items()}
    return defined(name, variables)


def random_benchmark(folder, space, sets, metrics, seed=0):
    """Metrics of random tables: name, direction, link, centre and spread of a cell on the scale of the link."""
    random = np.random.default_rng(seed)
    sizes = [math.prod(len(space.variables[v].states) for v in some) for some in sets]
    for name, direction, link, centre, spread in metrics:
        cells = [spread * random.normal(size=(2, size)) for size in sizes]
        surrogate = _core.Surrogate.from_tables(space._core, [centre, centre], sets, cells)
        write_surrogate(folder, name, surrogate, direction, link)
    return load(folder)


def write_surrogate(folder, name, surrogate, direction="maximise", link="identity", limit=None):
    """Write a metric of which nothing else is known."""
    texts = {"unit": "", "direction": direction, "link": link, "limit": limit, "description": ""}
    _core.write_metric(folder, name, surrogate, noise=None, provenance={}, **texts)
