"""What two fits agree in: bytes where the same kernels ran, the bounds of docs/concepts/surrogates.md elsewhere."""

import numpy as np

from accelnas.exact.recompute import _tensors

BOUND = 1e-3  # of predictions and cells, in standard deviations of the metric over the space, on the scale of the link
DEVIATIONS = 0.02  # relative
LINKS = {"identity": lambda y: y, "reciprocal": lambda y: 1 / y, "log": np.log}


def tensors(bench, metric):
    return _tensors((bench.path / f"{metric}.safetensors").read_bytes())[0]


def same_kernels(one, two, metric):
    """Whether two fits ran on the same kernels and versions; False where a file is too old to tell."""
    first, second = one.provenance(metric), two.provenance(metric)
    return "kernels" in first and all(first[name] == second.get(name) for name in ("kernels", "versions"))


def check_reproduced(one, two, metric):
    """Assert that two fits of the same data and settings agree as is promised; give how far predictions differ."""
    first, second = (tensors(bench, metric) for bench in (one, two))
    assert first.keys() == second.keys()
    if same_kernels(one, two, metric):
        assert all(first[name].tobytes() == second[name].tobytes() for name in first)
    spread = float(one.provenance(metric)["verified_sd"])
    for name in ("constants", "table_cells"):
        assert np.abs(first[name] - second[name]).max() <= BOUND * spread, name
    rows = one.space.sample(10_000, seed=0)
    link = LINKS[one.metrics[metric].link]
    values, deviations = zip(
        *(bench.predict(rows, metric, dtype="float64", return_std=True) for bench in (one, two)), strict=True
    )
    moved = np.abs(link(values[0]) - link(values[1])).max() / spread
    assert moved <= BOUND
    np.testing.assert_allclose(deviations[1], deviations[0], rtol=DEVIATIONS)
    return moved
