"""The leaderboard: tasks against enumeration, records that are altered, damaged or foreign, and rankings."""

import copy
import itertools
import json
import random
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import moocore
import numpy as np
import polars as pl
import pytest
from scipy.stats import permutation_test

import accelnas
from accelnas.exact.files import sha256_of
from accelnas.leaderboard import Record, Trial, check_folder, check_record, load_task, record, record_trials, tasks
from accelnas.leaderboard.page import to_html
from accelnas.leaderboard.ranking import LEVEL, adjusted, p_values, ranks
from accelnas.leaderboard.runs import replayed
from accelnas.leaderboard.standings import standings
from accelnas.leaderboard.task import prove, read_task
from command_line import failure, run

ENTRIES = Path(__file__).parents[2] / "leaderboard"
CELLS, NOISY = "nasbench201/cifar100@1", "accel-nasbench/accuracy-noisy@1"
SMALL = [name for name in tasks() if not name.startswith("accel")]


def enumerated(task):
    """Every architecture's objectives, more of which is better, and the directions' signs."""
    bench = accelnas.load(task.benchmark)
    values = bench.predict(bench.space.range(0, bench.space.size), list(task.objectives), dtype="float64")
    signs = np.array([1.0 if end == "maximise" else -1.0 for end in task.objectives.values()])
    return np.stack(list(values.values()), axis=1) * signs, signs


def volume(points, task, signs):
    return moocore.hypervolume(-points, ref=-np.array(list(task.reference.values())) * signs)


def guessing(name, seed):
    """A plain loop of Python, which knows nothing of algorithms here."""
    trial, chance = Trial(name, seed), random.Random(seed)
    while trial.left:
        arch = [chance.randrange(len(variable.choices)) for variable in trial.space.variables]
        trial.evaluate([arch])
    return trial


@pytest.fixture(scope="module")
def foreign():
    return record_trials([guessing(CELLS, seed) for seed in range(load_task(CELLS).runs)], "guesses", {"draws": 1})


@pytest.fixture(scope="module")
def native():
    return record(CELLS, "regularized_evolution")


def saved(folder, content, name="entry.json"):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(content) if not isinstance(content, str) else content, encoding="utf-8")
    return folder


def plain(made):
    return json.loads(json.dumps(made.to_json()))


def signed(content):
    """Give altered content the digest that it would have."""
    rest = {name: value for name, value in content.items() if name != "sha256"}
    return {**rest, "sha256": sha256_of(rest)}


@pytest.mark.parametrize("name", SMALL)
def test_the_best_of_a_small_space_is_that_of_its_enumeration(name):
    task = load_task(name)
    values, signs = enumerated(task)
    several = len(task.objectives) > 1
    assert task.best == pytest.approx(volume(values, task, signs) if several else signs[0] * values.max(), rel=1e-12)
    for reference, sign, least in zip(task.reference.values(), signs, values.min(axis=0), strict=False):
        assert reference * sign < least  # every architecture adds to the hypervolume


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if "latency" in name else []) for name in tasks()],
)
def test_tasks_are_proven_anew_and_written_as_they_are(name, tmp_path):
    task = load_task(name)
    assert prove(task) == task
    path = tmp_path / task.benchmark / f"{name.rpartition('/')[2]}.toml"
    path.parent.mkdir()
    path.write_text(task.to_toml(), encoding="utf-8")
    assert read_task(path) == task


def test_another_benchmark_is_refused():
    task = load_task(CELLS)
    other = replace(task, proof=replace(task.proof, benchmark_sha256="0" * 64))
    with pytest.raises(
        accelnas.SearchError, match=rf"sha256 {'0' * 64}, .* has {task.proof.benchmark_sha256}; install"
    ):
        other.setting()


def test_losses_of_plain_loops_are_those_of_tables(foreign):
    task = load_task(CELLS)
    values, _ = enumerated(task)
    for own in foreign.runs:
        best = np.maximum.accumulate(values[list(own.architectures), 0])
        expected = [values.max() - best[budget - 1] for budget in task.budgets]
        assert own.losses == pytest.approx(expected, abs=1e-6)  # runs see float32, where equal ones may differ
    several = load_task("nasbench-macro/accuracy+macs@1")
    values, signs = enumerated(several)
    own = record_trials([guessing(str(several), seed) for seed in range(several.runs)], "guesses").runs[3]
    expected = [1 - volume(values[list(own.architectures[:n])], several, signs) / several.best for n in several.budgets]
    assert own.losses == pytest.approx(expected, rel=1e-9)


def test_a_trial_tells_what_a_run_sees(foreign):
    for name in (CELLS, NOISY, "accel-nasbench/accuracy-zcu102-5ms@1"):
        trial = Trial(name, 2)
        archs = trial.space.sample(40, 5)
        told = np.concatenate([trial.evaluate(part) for part in np.split(archs, [1, 9])])
        history = replayed(trial.task, archs, 2)
        feasible = ~np.isnan(history.scores[:, 0])
        assert np.array_equal(told[feasible], history.scores[feasible, 0])
        assert feasible.all() or told[~feasible].max() < told[feasible].min()
        with pytest.raises(accelnas.SearchError, match=rf"601 architectures .* {trial.left} are left"):
            trial.evaluate(trial.space.sample(601))
    assert check_record(foreign) == ([], 0, "a foreign algorithm, which can't be run here")
    partial = [Trial(CELLS, seed) for seed in range(20)]
    partial[0].evaluate(partial[0].space.sample(40))
    with pytest.raises(accelnas.SearchError, match="seed 0 evaluated 40 architectures of 150"):
        record_trials(partial, "guesses")


def test_own_algorithms_and_loops_give_the_same_record():
    def guesses(task):
        while True:
            yield task.space.sample(50, seed=task.seed % 1000)

    made = record(CELLS, guesses, name="guesses")
    assert made.runs[4].at is None
    assert check_record(made)[0] == []
    loops = []
    for own in made.runs:
        trial = Trial(CELLS, own.seed)
        trial.evaluate(trial.space.at(list(own.architectures)))
        loops.append(trial)
    assert record_trials(loops, "guesses") == made
    for name in (None, "nsga2", "", "a\nb", "<b>", "=1+1"):
        with pytest.raises(accelnas.SearchError, match="name is"):
            record(CELLS, guesses, name=name)
    for settings in ({"": 1}, {"a": "<b>"}, {"a": [1]}, {"a": "x" * 81}, {f"a{i}": i for i in range(21)}):
        with pytest.raises(accelnas.SearchError, match="settings of"):
            record_trials(loops, "guesses", settings)
    with pytest.raises(accelnas.SearchError, match="libraries of guesses have 'x' = 1"):
        record_trials(loops, "guesses", libraries={"x": 1})


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [(NOISY, "successive_halving"), ("accel-nasbench/accuracy-zcu102-5ms@1", "local_search"), (SMALL[1], "moead")],
)
def test_threads_change_nothing(name, algorithm, tmp_path):
    one, three = (record(name, algorithm, threads=threads) for threads in (1, 3))
    assert one == three
    one.save(tmp_path / "one.json")
    assert Record.load(tmp_path / "one.json") == one
    for threads in (1, 3):
        assert check_record(one, threads=threads) == ([], load_task(name).runs, "")


def altered(content):
    """Every alteration of a record's fields: where it is, and the record."""
    other = next(name for name in tasks() if name not in (CELLS, NOISY))
    changes = [
        (("format",), "accelnas certificate"),
        (("version",), 2),
        (("task",), other),
        (("task_sha256",), "0" * 64),
        (("algorithm", "name"), "local_search"),
        (("algorithm", "kind"), "foreign"),
        (("algorithm", "kind"), "adapter"),
        (("algorithm", "settings", "population"), 21),
        (("algorithm", "settings", "removal"), "worst"),
        (("algorithm", "settings", "removal"), "youngest"),
        (("algorithm", "libraries", "optuna"), "5.0.0"),
        (("runs", 3, "seed"), 4),
        (("runs", 3, "sha256"), "0" * 64),
    ]
    own = content["runs"][3]
    for place in (0, len(own["at"]) // 2, -1):
        changes += [
            (("runs", 3, "at", place), own["at"][place] + (place != -1) - (place == -1)),
            (("runs", 3, "architectures", place), own["architectures"][place] ^ 1),
            (("runs", 3, "architectures", place), 15_625),
            (("runs", 3, "values", place, 0), own["values"][place][0] + 1e-5),
        ]
    for place, loss in enumerate(own["losses"]):
        changes += [(("runs", 3, "losses", place), loss + 1e-12), (("runs", 3, "losses", place), None)]
    for path, value in changes:
        new = copy.deepcopy(content)
        part = new
        for step in path[:-1]:
            part = part[step]
        part[path[-1]] = value
        yield path, new
    for name in ("at", "architectures", "values", "losses"):
        new = copy.deepcopy(content)
        del new["runs"][3][name][-1]
        yield ("shorter", name), new
    new = copy.deepcopy(content)
    for name in ("at", "architectures", "values"):
        del new["runs"][3][name][1]
    yield ("without an improvement",), new
    new = copy.deepcopy(content)
    new["runs"][3] = {**new["runs"][5], "seed": 3}
    yield ("a better run",), new
    new = copy.deepcopy(content)
    del new["runs"][3]
    yield ("without a run",), new


def test_every_alteration_is_found_and_named(native, tmp_path):
    content = plain(native)
    for number, (path, new) in enumerate(altered(content)):
        assert not check_folder(saved(tmp_path / f"a{number}", new), reruns=0).passed, path  # by the digest
        fault, *others = check_folder(saved(tmp_path / f"b{number}", signed(new))).faults
        assert not others or path[0] == "algorithm", path
        assert fault.file == "entry.json", path
        if path[0] == "runs" and path[2] not in ("seed", "sha256"):
            assert "seed 3" in fault.reason or "runs[3]" in fault.reason, (path, fault)
        if path[:2] == ("runs", 3) and path[2] == "losses":
            assert str(new["runs"][3]["losses"][path[3]]) in fault.reason
            assert str(content["runs"][3]["losses"][path[3]]) in fault.reason


def test_alterations_of_foreign_records_are_found(foreign, tmp_path):
    content = plain(foreign)
    changes = [
        ("architectures", 7, content["runs"][2]["architectures"][7] ^ 1),
        ("architectures", 7, 15_625),
        ("values", 7, [50.0]),
        ("losses", 1, 0.0),
        ("at", None, [1]),
        ("sha256", None, "f" * 64),
    ]
    for number, (name, place, value) in enumerate(changes):
        new = copy.deepcopy(content)
        if place is None:
            new["runs"][2][name] = value
        else:
            new["runs"][2][name][place] = value
        (fault,) = check_folder(saved(tmp_path / str(number), signed(new))).faults
        assert "seed 2" in fault.reason or "runs[2]" in fault.reason
        if name in ("architectures", "values"):
            assert "evaluation 8" in fault.reason or "15625" in fault.reason.replace(",", "")
    new = copy.deepcopy(content)
    new["algorithm"]["name"] = "nsga2"
    assert "is the name of an algorithm of accelnas" in str(
        check_folder(saved(tmp_path / "name", signed(new))).faults[0]
    )


def leaves(content, path=()):
    if isinstance(content, dict):
        for name, value in content.items():
            yield (*path, name)
            yield from leaves(value, (*path, name))
    elif isinstance(content, list):
        for place in sorted({0, len(content) - 1} & set(range(len(content)))):
            yield (*path, place)
            yield from leaves(content[place], (*path, place))


ODD = [None, True, -1, 1.5, "x", "\ud800", [], {}, [[]], {"a": 1}, 2**64, 10**400, 1e308, "9" * 100_000]


def test_damaged_and_hostile_files_are_faults(native, tmp_path):
    content = plain(native)
    text = json.dumps(content)
    folder = tmp_path / "hostile"
    number = 0
    for path in leaves(content):
        for odd in ODD:
            new = copy.deepcopy(content)
            part = new
            for step in path[:-1]:
                part = part[step]
            if part[path[-1]] == odd and type(part[path[-1]]) is type(odd):
                continue
            part[path[-1]] = odd
            if path == ("accelnas",) and isinstance(odd, str) and odd.isascii():
                continue  # a text, which nothing depends on
            try:
                new = new if path == ("sha256",) else signed(new)
            except (accelnas.SearchError, ValueError, UnicodeEncodeError):
                new["sha256"] = "0" * 64
            with_odd = json.dumps(new) if odd != 10**400 else json.dumps(new).replace(json.dumps(odd), "1" + "0" * 400)
            saved(folder, with_odd, f"{number}.json")
            number += 1
    texts = [
        "",
        "{",
        "[]",
        "null",
        "NaN",
        "[" * 100_000,
        text[: len(text) // 2],
        text.replace('"task"', '"task": 1, "task"'),
    ]
    texts += [
        text.replace('"version": 1', '"version": 1e999'),
        text.replace('"version": 1', '"version": NaN'),
        "\ufeff" + text,
    ]
    for odd in texts:
        saved(folder, odd, f"{number}.json")
        number += 1
    (folder / "binary.json").write_bytes(bytes(range(256)))
    (folder / "folder.json").mkdir()
    checked = check_folder(folder, reruns=0)
    assert [(e.file, json.loads((folder / e.file).read_text())["algorithm"]) for e in checked.entries] == []
    assert len(checked.faults) >= number + 2
    assert not checked.passed
    with pytest.raises(accelnas.FileError, match="no records"):
        check_folder(tmp_path / "none")


def test_twins_are_refused(native, tmp_path):
    saved(tmp_path / "f", native.to_json(), "one.json")
    saved(tmp_path / "f", native.to_json(), "two.json")
    (fault,) = check_folder(tmp_path / "f", reruns=0).faults
    assert str(fault).startswith("two.json is of regularized_evolution on")


def test_tests_are_those_of_scipy_and_ranks_follow():
    chance = np.random.default_rng(5)
    losses = chance.exponential([[1.0], [1.1], [2.0], [4.0]], (4, 20)).round(2)
    losses[1, :8] = losses[0, :8]  # runs that began alike
    found = p_values(losses)
    for one, other in itertools.combinations(range(4), 2):
        expected = permutation_test(
            (losses[one], losses[other]), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=20_000,
            rng=np.random.default_rng(1),
        )  # fmt: skip
        assert found[one, other] == pytest.approx(expected.pvalue, abs=0.02)
        assert found[one, other] == found[other, one]
    pairs = sorted((found[one, other], one, other) for one, other in itertools.combinations(range(4), 2))
    least, apart = 0.0, set()
    for place, (p, one, other) in enumerate(pairs):
        least = max(least, min(1.0, p * (len(pairs) - place)))
        assert adjusted(found)[one, other] == pytest.approx(least)
        if least < LEVEL:
            apart |= {(one, other), (other, one)}
    means = [sum(row) / len(row) for row in losses.tolist()]
    expected = [1 + sum((i, j) in apart and means[j] < means[i] for j in range(4)) for i in range(4)]
    assert ranks(losses).tolist() == expected
    assert len(set(expected)) > 1


def test_entries_of_the_repository_hold():
    checked = check_folder(ENTRIES, reruns=0)
    assert checked.passed, checked.faults
    assert {entry.record.task for entry in checked.entries} == set(tasks())
    assert sum(path.stat().st_size for path in ENTRIES.rglob("*.json")) < 1_000_000
    again = check_folder(ENTRIES / CELLS, reruns=1)
    assert again.passed, again.faults
    assert sum(entry.rerun for entry in again.entries) >= 5


class Reader(HTMLParser):
    """What a page has: elements in order, with their attributes; it refuses tags that do not fit."""

    VOID = ("meta", "use", "polyline", "link", "img", "br")

    def __init__(self):
        super().__init__()
        self.open, self.found, self.texts = [], [], []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs), tuple(self.open)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs), tuple(self.open)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_the_page_says_what_the_records_say_and_needs_nothing(native, foreign, tmp_path):
    folder = tmp_path / "f"
    saved(folder, native.to_json(), "native.json")
    saved(folder, foreign.to_json(), "foreign.json")
    (table,) = standings(check_folder(folder, reruns=1))
    means = {entry.entrant.name: np.mean([own.losses for own in entry.runs], axis=0) for entry in (native, foreign)}
    assert [row.label for row in table.rows] == ["regularized_evolution", "guesses (draws 1)"]
    for row in table.rows:
        assert np.allclose(row.mean, means[row.entry.record.entrant.name], rtol=1e-12)
        assert (row.lower <= row.mean).all()
        assert (row.mean <= row.upper).all()
        assert row.curve[-1] == pytest.approx(row.mean[-1])
    page = to_html([table])
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert "http:" not in page
    assert "https:" not in page
    identifiers = [attributes["id"] for _, attributes, _ in reader.found if "id" in attributes]
    assert len(set(identifiers)) == len(identifiers)
    links = [a[name] for _, a, _ in reader.found for name in ("href", "src", "aria-labelledby") if name in a]
    assert {link.removeprefix("#") for link in links} <= set(identifiers)
    tags = [tag for tag, _, _ in reader.found]
    assert tags.count("table") == tags.count("caption") == 1
    assert all("scope" in attributes for tag, attributes, _ in reader.found if tag == "th")
    assert all(a.get("aria-label") or "aria-hidden" in a for tag, a, _ in reader.found if tag == "svg")
    said = " ".join("".join(reader.texts).split())
    for text in ("guesses (draws 1)", "foreign", "1 of 20 runs", "rank 2", table.rows[0].interval(2).split()[0]):
        assert text in said


def test_commands(tmp_path, monkeypatch):
    folder = tmp_path / "records"
    assert CELLS in run("leaderboard", "tasks").output
    assert json.loads(run("leaderboard", "tasks", "--json").output)[CELLS]["sha256"] == load_task(CELLS).sha256
    folder.mkdir()
    run("leaderboard", "record", CELLS, "random_search", "-o", folder)
    made = run("leaderboard", "record", CELLS, "regularized_evolution", "--set", "population=50", "-o", folder).output
    assert Record.load(made.strip()).entrant.settings["population"] == 50
    (tmp_path / "mine.py").write_text(
        "def guesses(task):\n    while True:\n        yield task.space.sample(10, task.seed)\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    run("leaderboard", "record", CELLS, "mine:guesses", "--set", "batch=10", "-o", folder)
    checked = json.loads(run("leaderboard", "check", folder, "--reruns", "2", "--json").output)
    assert checked["passed"]
    assert sorted(entry["rerun"] for entry in checked["records"]) == [0, 2, 2]
    run("leaderboard", "page", folder, "-o", tmp_path / "page.html")
    run("leaderboard", "page", folder, "-o", tmp_path / "page.csv")
    said = run("leaderboard", "page", folder).output
    frame = pl.read_csv(tmp_path / "page.csv")
    assert frame.filter(pl.col("evaluations") == 150)["rank"].min() == 1
    for label in frame["algorithm"].unique():
        assert label in said
        assert label in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "unknown task" in failure("leaderboard", "record", "x@1", "random_search", "-o", folder)
    assert "unknown algorithm" in failure("leaderboard", "record", CELLS, "x", "-o", folder)
    shutil.copy(made.strip(), folder / "twin.json")
    assert "keep one of them" in run("leaderboard", "check", folder, "--reruns", "0", code=1).output
    assert "mend or remove it" in failure("leaderboard", "page", folder)
