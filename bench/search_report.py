"""The comparison of searches as Markdown tables."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from accelnas.reports import markdown as table
from bench.report import number
from bench.search_load import SLACK, is_free
from bench.search_native import NATIVE, Native
from bench.search_peers import PEERS
from bench.search_quality import AGREE, RUNS, apart

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Results = dict[str, Any]
WAYS = {
    "farm": "many runs at once",
    "workers": "many runs at once, with workers in simulated time",
    "alone": "one run, `bench.search`",
    "ask": "asked and told from Python",
}
WALL_RUNS, WALL_AIM = "re20", 1.0  # 10,000 runs of 600 evaluations, seconds

MARK = "\\*"  # no undisturbed round

NOTES = """\
Every search runs in a process of its own, which warms up before it is timed; the processes take turns, one after the
other, round by round ({rounds} of {planned} done). The machine of {cores} cores is shared: a round counts as
undisturbed where other work, its host's included, left as many cores as the search has threads, but for {slack:g}.
Figures are medians over the undisturbed rounds; where there is none, over all rounds, marked with \\*. Ratios are
medians of those within a round: for two threads of seconds, in rounds in which both sides are undisturbed (else in
all, marked); for one thread of CPU-seconds, so that other work hardly matters. Peers evaluate by `bench.predict` in
the largest batches that they can ask for, so that hardly anything but the search itself is timed. *Per CPU-second*
divides by the processor time of all threads, which other work slows down too, but less: caches and frequency are
shared. *By CPU time* is that rate times the threads."""


def rate(sample: Results, unit: str = "seconds") -> float:
    """Give evaluations per second, or per second of processor time."""
    return float(sample["evaluations"] / sample[unit])


def quiet(sample: Results) -> bool:
    """Say whether every thread had a core of its own."""
    return is_free(sample["others"], sample["threads"])


def chosen(samples: Sequence[Results]) -> tuple[list[Results], str]:
    """Give the undisturbed rounds; all with a mark where there are none."""
    undisturbed = [sample for sample in samples if quiet(sample)]
    return (undisturbed, "") if undisturbed else (list(samples), MARK)


def rates(samples: Iterable[Results], unit: str = "seconds") -> list[float]:
    """Give the rate of every round."""
    return [rate(sample, unit) for sample in samples]


def ratio(ours: Sequence[Results], theirs: Sequence[Results], unit: str) -> str:
    """Say how many times as fast we are; processor time needs no undisturbed rounds."""
    pairs = list(zip(ours, theirs, strict=False))
    undisturbed = [(mine, other) for mine, other in pairs if unit == "cpu" or (quiet(mine) and quiet(other))]
    ratios = [rate(mine, unit) / rate(other, unit) for mine, other in undisturbed or pairs]
    return f"{number(median(ratios))} ×{'' if undisturbed else MARK}" if ratios else "–"


def millions(value: float) -> str:
    """Write evaluations a second in millions."""
    return number(value / 1e6)


def aim_of(search: Native, used: Sequence[Results], mark: str) -> list[str]:
    """Say what is aimed at and whether it is reached, or could not be seen beside other work."""
    if search.aim is None:
        return ["", ""]
    measured = rates(used)
    free = max(search.threads) * median(rates(used, "cpu"))
    if median(measured) >= search.aim:
        verdict = "met"
    elif mark:
        verdict = f"machine too busy; {millions(free)} by CPU time"
    else:
        verdict = "met in the best round" if max(measured) >= search.aim else "missed"
    return [f"{search.aim / 1e6:g}", verdict]


def native_table(samples: Results, way: str) -> str:
    """Tabulate our searches that are called in one way."""
    header = ["search", "objective", "runs × evaluations", "threads", "M evaluations/s", "best round", "rounds used"]
    header += ["M per CPU-second", "aim, M/s", "reached"]
    rows = []
    for name, search in NATIVE.items():
        for threads in search.threads:
            key = f"{name}/{threads}"
            if search.way != way or key not in samples:
                continue
            used, mark = chosen(samples[key])
            speed = rates(used)
            row = [search.title, ", ".join(search.metrics), f"{search.runs:,} × {search.budget:,}", str(threads)]
            row += [millions(median(speed)) + mark, millions(max(speed)), f"{'all' if mark else len(used)}"]
            row.append(millions(median(rates(used, "cpu"))))
            rows.append(row + (aim_of(search, used, mark) if threads == max(search.threads) else ["", ""]))
    return table(header, rows)


def wall(samples: Results) -> str:
    """State the time of ten thousand runs."""
    search = NATIVE[WALL_RUNS]
    threads = max(search.threads)
    used, mark = chosen(samples[f"{WALL_RUNS}/{threads}"])
    seconds = [sample["seconds"] for sample in used]
    cpu = median(sample["cpu"] for sample in used)
    if median(seconds) <= WALL_AIM:
        verdict = "met"
    elif mark:
        verdict = "not to be seen on a machine this busy"
    else:
        verdict = "met in the best round" if min(seconds) <= WALL_AIM else "missed"
    return (
        f"{search.runs:,} runs of {search.title}, of {search.budget} evaluations each, take {median(seconds):.2f} s "
        f"with {threads} threads (best round {min(seconds):.2f} s; {cpu:.2f} CPU-seconds); the aim of {WALL_AIM:g} s "
        f"is {verdict}."
    )


def peer_table(samples: Results) -> str:
    """Tabulate the peers, fastest first, with how many times as fast we are."""
    header = ["search", "version", "objective", "evaluations", "evaluations/s", "best round", "per CPU-second"]
    header += ["our farm, 2 threads", "our farm, 1 thread", "one run of ours"]
    measured = [name for name in PEERS if name in samples]
    rows = []
    for name in sorted(measured, key=lambda name: -median(rates(chosen(samples[name])[0]))):
        peer, (own, mark) = PEERS[name], chosen(samples[name])
        row = [peer.title, own[0]["version"], peer.sought, f"{own[0]['evaluations']:,}"]
        row += [f"{median(rates(own)):,.0f}{mark}", f"{max(rates(own)):,.0f}", f"{median(rates(own, 'cpu')):,.0f}"]
        for ours, unit in (
            (f"{peer.against.farm}/2", "seconds"),
            (f"{peer.against.farm}/1", "cpu"),
            (f"{peer.against.alone}/1", "cpu"),
        ):
            row.append(ratio(samples.get(ours, []), samples[name], unit))
        rows.append(row)
    return table(header, rows)


def regret_section(results: Results) -> list[str]:
    """Compare final regrets."""
    header = ["population and sample", "accelnas", "plain Python", "difference, standard errors"]
    rows, agree = [], True
    for name, found in results["settings"].items():
        ours, theirs = found["accelnas"], found["plain Python"]
        difference = apart(ours, theirs)
        agree &= abs(difference) < AGREE
        rows.append(
            [name, *(f"{one['mean']:.4f} ± {one['error']:.4f}" for one in (ours, theirs)), f"{difference:+.1f}"]
        )
    text = (
        f"Regularised evolution: accuracy missing to the proven optimum ({results['optimum']:.3f} %) after "
        f"{results['evaluations']} evaluations, mean and standard error of {RUNS} runs each. The two "
        f"{'agree' if agree else '**do not agree**'} (within {AGREE:g} standard errors)."
    )
    return [text, table(header, rows)]


def front_section(results: Results) -> list[str]:
    """Compare hypervolumes."""
    found = results["found"]
    ours = found["accelnas"]
    header = [
        "NSGA-II, population 100",
        "hypervolume",
        "share of the exact front's",
        "accelnas is better by, std. errors",
    ]
    rows = []
    for name, one in found.items():
        row = [name, f"{one['mean']:.2f} ± {one['error']:.2f}", f"{one['mean'] / results['exact']:.2%}"]
        rows.append([*row, "" if name == "accelnas" else f"{apart(ours, one):+.1f}"])
    text = (
        f"NSGA-II on accuracy and latency_zcu102: hypervolume of everything evaluated, from the published reference "
        f"point, after {results['evaluations']:,} evaluations; mean and standard error of {len(ours['samples'])} "
        f"seeds. The exact front has {results['exact']:.2f}."
    )
    return [text, table(header, rows)]


def markdown(results: Results) -> str:
    """Write the whole report."""
    samples = results["samples"]
    lines = [
        "# Our searches and those of others",
        "`{command}` on {cores} cores of {cpu}, {memory_gib} GiB, {system}, Python {python}, NumPy {numpy}, commit "
        "{commit}, {date} (load before: {load_before:.2f}, after: {load_after:.2f}).".format(
            command=results["command"], **results["machine"]
        ),
        NOTES.format(rounds=results["done"], planned=results["rounds"], slack=SLACK, cores=results["machine"]["cores"]),
    ]
    for way, title in WAYS.items():
        if any(NATIVE[name].way == way for name in (key.split("/")[0] for key in samples) if name in NATIVE):
            lines += [f"## Ours: {title}", native_table(samples, way)]
        if way == "farm" and f"{WALL_RUNS}/{max(NATIVE[WALL_RUNS].threads)}" in samples:
            lines.append(wall(samples))
    if any(name in PEERS for name in samples):
        lines += ["## Peers, and how many times as fast we are", peer_table(samples)]
    lines += [f"{PEERS[name].title} has no figures: {why}." for name, why in results["failed"].items() if name in PEERS]
    if "regrets" in results:
        lines += ["## The searches find as much", *regret_section(results["regrets"])]
    if "fronts" in results:
        lines += front_section(results["fronts"])
    return "\n\n".join(lines) + "\n"
