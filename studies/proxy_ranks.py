"""What searches find that see a cheap training scheme, by the reference scheme, against how alike both rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

import accelnas
from accelnas import _core
from accelnas.circumstances import machine, versions
from accelnas.errors import SearchError
from accelnas.search import LocalSearch, RandomSearch, RegularizedEvolution
from studies.base import Figure, Reproduction, Table
from studies.deviations import CHOSEN, Deviations, drawn_deviation, estimate_deviations
from studies.fig3 import kendall
from studies.in_memory import with_metrics
from studies.lines import Lines, Mean, draw_panels, mean_of
from studies.lstm import LIBRARIES, Done
from studies.schemes import read_schemes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from accelnas.benchmark import Benchmark
    from accelnas.space import Rows
    from studies.schemes import Scheme

    Floats = NDArray[np.float64]

__all__ = ["DRAWS", "RUNS", "TAUS", "Draw", "scale_for", "study_proxy"]

METRIC, REFERENCE = "accuracy", "reference_accuracy"
TAUS, PUBLISHED = (1.0, 0.98, 0.95, 0.926, 0.9, 0.8, 0.7, 0.6), 0.926
DRAWS, RUNS, BUDGET, SAMPLES, RETRAINED = 50, 1000, 600, 2000, (1, 10, 100)
ALGORITHMS: Mapping[str, Any] = {
    "random search": RandomSearch(),
    "local search": LocalSearch(),
    "regularized evolution": RegularizedEvolution(population=20, sample=10),
}
RULE = (
    "The reference scheme's accuracy is drawn: a line through the cheap scheme's, and a deviation that is a function "
    "of the architecture, a random sum of tables over variables and pairs of them. So its optimum over the whole space "
    "is proven for every draw, as that of the benchmark is. Searches see the cheap scheme alone, without noise, and "
    "are judged by the reference."
)


@dataclass(frozen=True)
class Draw:
    """One deviation of variance 1 over the space, and what it says of some architectures.

    Attributes
    ----------
    surrogate
        Its tables.
    sampled
        float64 (SAMPLES,): of random architectures.
    found
        float64 (n,): of the architectures to judge.
    """

    surrogate: _core.Surrogate
    sampled: Floats
    found: Floats


def scale_for(tau: float, line: Floats, deviation: Floats) -> float:
    """Give how many times a deviation is added to values so that both rank as alike as Kendall's tau says.

    Examples
    --------
    >>> import numpy as np
    >>> a, b = np.random.default_rng(0).standard_normal((2, 1000))
    >>> round(kendall(a, a + scale_for(0.5, a, b) * b), 2), scale_for(1.0, a, b)
    (0.5, 0.0)
    """
    if tau >= 1:
        return 0.0
    low, high = 0.0, float(line.std())
    while kendall(line, line + high * deviation) > tau:
        high *= 2
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if kendall(line, line + middle * deviation) > tau else (low, middle)
    return (low + high) / 2


def study_proxy(
    folder: str | Path,
    bench: Benchmark | None = None,
    *,
    taus: Sequence[float] = TAUS,
    draws: int = DRAWS,
    seed: int = 0,
    runs: int = RUNS,
    budget: int = BUDGET,
    threads: int | None = None,
    progress: Callable[[float], object] | None = None,
) -> Reproduction:
    """Search under the cheap scheme, and judge what is found under drawn reference schemes.

    Parameters
    ----------
    folder
        See `studies.schemes.read_schemes`.
    bench
        The bundled benchmark by default.
    taus
        Kendall's tau of both schemes over random architectures.
    draws
        Deviations drawn; each is scaled to every tau.
    seed, runs, budget
        Of the searches; the seed of the draws, too.
    threads
        Nothing found depends on it.
    progress
        Called with the number of proofs that are done.

    Raises
    ------
    DataError
        If files are missing or malformed.
    SearchError
        If there are fewer than 2 runs or draws, or a tau is not above 0 and at most 1.
    """
    wrong = [tau for tau in taus if not 0 < tau <= 1]
    if min(runs, draws) < 2 or wrong or not taus:
        raise SearchError(f"taus are {list(taus)} with {runs} runs and {draws} draws; give taus up to 1, and 2 of both")
    bench, done = bench or accelnas.load(), Done(progress)
    schemes = read_schemes(folder)
    known = estimate_deviations(schemes["proxy"], schemes["reference"], bench.space)
    found = _searched(bench, runs, budget, seed, threads)
    rows = np.concatenate(list(found.values()))
    sample = bench.space.sample(SAMPLES, seed=seed)
    of_sample, of_rows = (
        known.intercept + known.slope * np.asarray(bench.predict(some, METRIC, dtype="float64"))
        for some in (sample, rows)
    )
    regrets: dict[str, list[dict[str, float]]] = {}
    reached: dict[str, list[float]] = {}
    for number in range(draws):
        surrogate = drawn_deviation(bench.space, known.share, seed + number)
        draw = Draw(surrogate, surrogate.predict(sample), surrogate.predict(rows))
        scales = {f"{tau:g}": scale_for(tau, of_sample, draw.sampled) for tau in taus} | {"estimated": known.total}
        for level, scale in scales.items():
            best = _best(bench, known, surrogate, scale, threads)
            losses = best - (of_rows + scale * draw.found)
            regrets.setdefault(level, []).append(_by_method(losses, found))
            reached.setdefault(level, []).append(kendall(of_sample, of_sample + scale * draw.sampled))
            done.end(1)
    means = {
        (level, name): mean_of(np.array([one[name] for one in each]))
        for level, each in regrets.items()
        for name in each[0]
    }
    tested, estimated = ",".join(f"{tau:g}" for tau in taus), float(np.mean(reached["estimated"]))
    again = _measured_again(bench, known, schemes["proxy"], schemes["reference"], draws, seed)
    options = f"--taus {tested} --draws {draws} --seed {seed} --runs {runs} --budget {budget}"
    return Reproduction(
        name="proxy",
        title="Ranks of a cheap training scheme, and what searches find",
        source="",
        rule=RULE,
        comparisons=[],
        command=f"accelnas study proxy DATA {options} --output DIRECTORY",
        machine=machine(),
        versions=versions(LIBRARIES),
        tables=[_regrets(means, reached, draws, runs, budget), _components(known, len(schemes["proxy"].choices))],
        figures=[
            Figure(
                "proxy",
                "Regret in the reference scheme's accuracy by how alike both schemes rank random architectures; "
                f"dotted: the deviation that the networks trained under both say. Means of {draws} draws with 95 % "
                f"bootstrap intervals over draws, of {runs:,} runs each. Left: searches; right: the cheap scheme's "
                "best networks of all, of which so many are trained by the reference scheme and the best is kept.",
                lambda path: draw_panels(
                    path, _panels(means, taus, estimated), [f"{tau:g}" for tau in taus], "Kendall's τ of both schemes"
                ),
            )
        ],
        remarks=_remarks(known, estimated, again),
    )


def _searched(bench: Benchmark, runs: int, budget: int, seed: int, threads: int | None) -> dict[str, Rows]:
    """Give what each run of each algorithm chose, and the proven best of the cheap scheme."""
    found = {
        label: bench.simulate(one, METRIC, runs=runs, budget=budget, seed=seed, threads=threads).final
        for label, one in ALGORITHMS.items()
    }
    return found | {"best": bench.best(METRIC, k=max(RETRAINED), threads=threads).architectures}


def _best(bench: Benchmark, known: Deviations, deviation: _core.Surrogate, scale: float, threads: int | None) -> float:
    """Prove the best reference accuracy of the whole space."""
    own = bench._core.surrogate(bench._core.position(METRIC)).averaged()
    parts, weights = [own, deviation], [known.slope, scale]
    both = _core.Surrogate.combine(bench.space._core, parts, weights, known.intercept)
    drawn = with_metrics(bench, {REFERENCE: (both, "maximise")})
    return float(drawn.best(REFERENCE, threads=threads).values[0])


def _by_method(losses: Floats, found: Mapping[str, Rows]) -> dict[str, float]:
    """Give mean regrets over runs, and that of the best few of the cheap scheme, the best of them kept."""
    parts = dict(zip(found, np.split(losses, np.cumsum([len(rows) for rows in found.values()])[:-1]), strict=True))
    best = parts.pop("best")
    return {label: float(own.mean()) for label, own in parts.items()} | {
        _retrained(count): float(best[:count].min()) for count in RETRAINED
    }


def _retrained(count: int) -> str:
    return "proven best" if count == 1 else f"proven best {count}"


def _regrets(
    means: Mapping[tuple[str, str], Mean], reached: Mapping[str, list[float]], draws: int, runs: int, budget: int
) -> Table:
    lines = [
        {
            "method": name,
            "τ": level if level != "estimated" else f"estimated, {np.mean(reached[level]):.3f}",
            "regret [points]": mean.mean,
            "low": mean.low,
            "high": mean.high,
        }
        for (level, name), mean in means.items()
    ]
    text = (
        f"Regret in points of the reference scheme's top-1, means of {draws} draws; low and high are the ends of 95 % "
        f"bootstrap intervals over draws. Searches: {runs:,} runs of {budget:,} evaluations. *Proven best N*: the best "
        "N networks of the whole space under the cheap scheme are trained by the reference scheme, and the best is "
        "kept."
    )
    return Table("regrets", "Regret by rank agreement", pl.DataFrame(lines).sort("method", maintain_order=True), text)


def _components(known: Deviations, count: int) -> Table:
    lines = [
        {"what may deviate": kind, "log likelihood above networks alone": value - known.likelihoods["networks"]}
        for kind, value in known.likelihoods.items()
    ]
    text = (
        f"Of {count} networks trained under both schemes. The line is {known.slope:.3f} · p + {known.intercept:.2f}; "
        f"seeds leave residuals of {known.seeds:.3f} points. Beyond these, *{CHOSEN}* say {known.of_variables:.3f} "
        f"points that are a sum of effects of variables and {known.of_networks:.3f} of each network's own, "
        f"{known.total:.3f} together. Restricted maximum likelihood; a difference of 1.92 for one more number is what "
        "chance exceeds in 5 % of cases."
    )
    return Table("components", "What the deviation is made of", pl.DataFrame(lines), text)


def _measured_again(
    bench: Benchmark, known: Deviations, proxy: Scheme, reference: Scheme, draws: int, seed: int
) -> Floats:
    """Simulate the measurement of tau: the same networks and numbers of seeds, under the estimated deviation."""
    random, found = np.random.default_rng(seed), np.empty(draws)
    cheap = np.asarray(bench.predict(proxy.choices, METRIC, dtype="float64"))
    of_means = [np.sqrt(s.accuracy.var(axis=1, ddof=1).mean() / s.accuracy.shape[1]) for s in (proxy, reference)]
    for number in range(draws):
        deviation = drawn_deviation(bench.space, known.share, seed + number).predict(proxy.choices)
        true = known.intercept + known.slope * cheap + known.total * deviation
        noise = random.standard_normal((2, len(cheap))) * np.array(of_means)[:, None]
        found[number] = kendall(cheap + noise[0], true + noise[1])
    return found


def _panels(means: Mapping[tuple[str, str], Mean], taus: Sequence[float], estimated: float) -> list[Lines]:
    levels = [f"{tau:g}" for tau in taus]
    order = np.argsort(taus)
    place = float(np.interp(estimated, np.asarray(taus)[order], order))
    names = (list(ALGORITHMS), [_retrained(count) for count in RETRAINED])
    ylabel = "regret [points of reference top-1]"
    return [
        Lines(title, ylabel, {name: [means[level, name] for level in levels] for name in some}, (place, "as estimated"))
        for title, some in zip(("searches", "the best of the cheap scheme"), names, strict=True)
    ]


def _remarks(known: Deviations, estimated: float, again: Floats) -> list[str]:
    return [
        (
            f"The published τ of {PUBLISHED} is of networks on an even grid of sizes, whose accuracies are spread more "
            f"widely than random ones, and holds the noise of seeds. The same deviation ({known.total:.2f} points) "
            f"ranks random architectures with a τ of {estimated:.3f}, which is the row *estimated*; measured as the "
            f"published one, on the same networks with as many seeds, draws of it give {again.mean():.3f} ± "
            f"{again.std(ddof=1):.3f}."
        ),
        (
            "Pairs of variables stand for what networks have of their own, which no table can hold: a draw without "
            "structure would have no optimum that can be proven, and a larger one, as the best of 10¹¹ independent "
            "draws is far out."
        ),
        "Draws know nothing of the networks trained: they say how far such a deviation leads astray, not where.",
        "At τ = 1 the regret is what the search misses of the cheap scheme's own optimum, times the slope of the line.",
    ]
