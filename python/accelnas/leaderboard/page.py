"""The leaderboard as one HTML page, which needs nothing from elsewhere."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from accelnas._core import __version__
from accelnas.leaderboard.ranking import RESAMPLES
from accelnas.leaderboard.standings import caption
from accelnas.pages.document import document
from accelnas.reports import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from accelnas.leaderboard.standings import Standing, Standings

__all__ = ["to_html"]

_WIDTH, _HEIGHT, _EDGE = 160.0, 48.0, 3.0  # of a curve, in its own units
_READING = f"""<p>Algorithms are ranked by what their runs lost after the same number of evaluations. Regret is the
distance to the optimum of the whole space, which is proven, by predictions without noise; of several objectives it is
what the hypervolume of the run's front lacks of that of the exact front. Intervals are percentile bootstrap intervals
of the mean.</p>
<p>An algorithm has rank 1, plus one for each that has a smaller mean and is told apart from it: by a permutation test
of the mean difference, paired by seed, two-sided, with {RESAMPLES:,} random exchanges, at 5 % after Holm's adjustment
for all pairs of the table at this number of evaluations. Equal ranks are ties.</p>
<p>Of every record all values, regrets and hypervolumes were computed again. “Checked” says how many runs were also made
again and were the same. That a foreign algorithm found what its record lists is its author's word.</p>"""


def to_html(tables: Sequence[Standings]) -> str:
    """Write the page."""
    links = "\n".join(f'<li><a href="#task-{i}">{escape(str(t.task))}</a></li>' for i, t in enumerate(tables))
    sections = "\n".join(_section(table, i) for i, table in enumerate(tables))
    body = f"""<section class="wide" aria-labelledby="reading">
<h2 id="reading">How to read it</h2>
{_READING}
<nav aria-label="Tasks">
<ul>
{links}
</ul>
</nav>
</section>
{sections}"""
    return document(
        "accelnas leaderboard",
        "search algorithms, ranked by what they lost",
        body,
        scripts=["theme.js", "sort.js"],
        styles=["leaderboard.css"],
        footer=f"Made by accelnas {__version__} from records that accelnas leaderboard check checks.",
    )


def _section(table: Standings, number_of: int) -> str:
    task, name = table.task, f"task-{number_of}"
    budgets = "".join(f'<th scope="col" class="number">after {budget}</th>' for budget in task.budgets)
    points = _points(table)
    lines = "".join(f'<polyline id="{name}-{i}" points="{text}"/>' for i, text in enumerate(points))
    rows = "\n".join(_row(table, i, name) for i in range(len(table.rows)))
    return f"""<section class="wide" aria-labelledby="{name}">
<h2 id="{name}">{escape(str(task))}</h2>
{_facts(table)}
<svg width="0" height="0" style="position: absolute" aria-hidden="true" focusable="false"><defs>{lines}</defs></svg>
<div class="scroll" role="region" aria-labelledby="{name}" tabindex="0">
<table class="sortable">
<caption><span>{escape(caption(table))} Curves: the mean over evaluations, both axes logarithmic, beside those of the
others.</span></caption>
<thead>
<tr><th scope="col" class="number">rank</th><th scope="col">algorithm</th>{budgets}\
<th scope="col" data-unsorted>curve</th><th scope="col">from</th><th scope="col">checked</th></tr>
</thead>
<tbody>
{rows}
</tbody>
</table>
</div>
</section>"""


def _facts(table: Standings) -> str:
    task = table.task
    sought = ", ".join(f"{direction} {name}" for name, direction in task.objectives.items())
    best = f"{task.best:.10g}" + (f" {table.unit}" if table.unit else "")
    facts = {
        "Benchmark": escape(task.benchmark),
        "Sought": escape(sought),
        **({"Under": escape("; ".join(task.constraints))} if task.constraints else {}),
        "Evaluations": "simulated measurements" if task.noise else "predictions",
        "Optimum" if len(task.objectives) == 1 else "Hypervolume of the exact front": escape(best),
        "Task": f"<code>{task.sha256}</code>",
    }
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in facts.items()) + "</dl>"


def _row(table: Standings, i: int, name: str) -> str:
    row = table.rows[i]
    cells = "".join(_cell(row, column) for column in range(len(table.task.budgets)))
    others = "".join(f'<use href="#{name}-{j}"/>' for j in range(len(table.rows)) if j != i)
    first, last = (number(float(end), 3) for end in (row.curve[0], row.curve[-1]))
    told = escape(f"{row.label}: {table.task.loss} from {first} to {last}")
    curve = (
        f'<svg class="curve" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" preserveAspectRatio="none" role="img" '
        f'aria-label="{told}">{others}<use class="own" href="#{name}-{i}"/></svg>'
    )
    who = row.entry.record.entrant
    made = ", ".join((who.kind, *(f"{library} {version}" for library, version in who.libraries.items())))
    return (
        f'<tr><td class="number">{row.ranks[-1]}</td><th scope="row">{escape(row.label)}</th>{cells}'
        f"<td>{curve}</td><td>{escape(made)}</td><td>{escape(row.checked)}</td></tr>"
    )


def _cell(row: Standing, i: int) -> str:
    mean, _, interval = row.interval(i).partition(" ")
    return f'<td class="number">{mean} <span class="interval">{escape(interval)}, rank {row.ranks[i]}</span></td>'


def _points(table: Standings) -> list[str]:
    """Place the curves of a task on common axes, both logarithmic; zeros lie on the lower edge."""
    curves = np.stack([row.curve for row in table.rows])
    positive = curves[np.isfinite(curves) & (curves > 0)]
    lowest, highest = (positive.min(), positive.max()) if len(positive) else (1.0, 1.0)
    span = np.log(highest / lowest) or 1.0
    across = np.log(table.evaluations) / max(np.log(table.evaluations[-1]), 1.0)
    x = _EDGE + across * (_WIDTH - 2 * _EDGE)
    texts = []
    for curve in curves:
        height = np.log(np.maximum(curve, lowest) / lowest) / span
        y = _HEIGHT - _EDGE - height * (_HEIGHT - 2 * _EDGE)
        texts.append(_pairs(x, y))
    return texts


def _pairs(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True) if np.isfinite(b))
