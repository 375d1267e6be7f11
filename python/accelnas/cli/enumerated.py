"""``accelnas compile --enumerate``: models of any kind, evaluated on every architecture of a small space."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelnas.cli.info import new_table
from accelnas.cli.shared import imported, progress
from accelnas.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from rich.table import Table

    from accelnas import Space
    from accelnas.fitting.enumeration import Seen
    from accelnas.fitting.metric import MetricSpec


def enumerate_models(
    models: Sequence[str],
    space: Space,
    metric: MetricSpec,
    output: Path,
    encoding: str | None,
    scale: float,
    bias: float,
    trusted: Collection[str],
) -> Table:
    """Write what an ensemble says of every architecture; give a table of it."""
    import numpy as np

    from accelnas.fitting.ensemble import link_of
    from accelnas.fitting.enumeration import check_output, evaluated, write_values

    start = time.perf_counter()
    spec = replace(metric, link="identity", limit=None)
    check_output(space, spec, output)
    members, origins = [], []
    with progress("evaluate", space.size * len(models), "architectures") as tell:
        for number, name in enumerate(models):
            function, seen, origin = _function(name, space, _seen(encoding, space), metric.link, trusted)
            done = number * space.size
            try:
                values = evaluated(function, space, seen, progress=lambda n, _, done=done: tell(done + n))  # type: ignore[misc]
            except ModelError as error:
                raise ModelError(f"{name}: {error}") from error
            members.append(bias + scale * values)
            origins.append({"model": Path(name).name} | origin)
    with np.errstate(all="ignore"):  # what is not finite is refused
        values = np.asarray(link_of(metric).inverse(np.mean(members, axis=0)))
    provenance = {"family": "enumerated", "source_models": json.dumps(origins), "link": metric.link}
    write_values(values, space, spec, output, provenance)
    table = new_table(f"{metric.name}: {len(models)} models in {output}", "what", "result")
    table.add_row("architectures evaluated", f"{space.size:,}, all of the space")
    table.add_row("values", f"{values.min():.6g} to {values.max():.6g} {metric.unit}".rstrip())
    table.add_row("seconds", f"{time.perf_counter() - start:.2f}")
    return table


def _function(
    name: str, space: Space, encoding: Seen | None, link: str, trusted: Collection[str]
) -> tuple[Callable[[Any], Any], Seen, dict[str, object]]:
    if not re.fullmatch(r"[\w.]+:[\w.]+", name) or Path(name).exists():
        from accelnas.fitting.estimators import function_of

        return function_of(Path(name), space, encoding, link, trusted)
    return imported(name, "a function of architectures"), encoding or "ordinal", {"library": "python"}


def _seen(name: str | None, space: Space) -> Seen | None:
    from accelnas.fitting.encoding import Encoding
    from accelnas.fitting.enumeration import SEEN

    if name is None:
        return None
    return name if name in SEEN else Encoding.from_toml(name, space)  # type: ignore[return-value]
