"""States, parts and checkpoints from strangers: an altered field gives an error or the same result."""

import copy
import hashlib
import json
import random
import re
import sqlite3
from dataclasses import replace

import numpy as np
import pytest

import accelnas
from accelnas import SearchError
from accelnas.exact import (
    BestQuestion,
    CountQuestion,
    DistributionQuestion,
    FrontQuestion,
    Part,
    RankQuestion,
    RunOptions,
    merge_shards,
    run_shard,
)
from accelnas.exact.engine import prepare

BENCH = accelnas.load()
WITHIN = {f"block{i}_{c}": v for i in range(7) for c, v in (("e", 6), ("k", 3))}
SMALL = WITHIN | {f"block{i}_l": 2 for i in range(2, 7)} | {f"block{i}_se": True for i in range(3, 7)}
LIMITS = "latency_zcu102 <= 7"


QUESTIONS = {
    "best": BestQuestion("accuracy", within=WITHIN, k=3),
    "best under a constraint": BestQuestion("accuracy", subject_to=LIMITS, within=WITHIN, k=2),
    "front": FrontQuestion(["accuracy", "latency_zcu102"], within=WITHIN),
    "front of three": FrontQuestion(["throughput_a100", "macs", "params"], within=WITHIN),
    "front of four": FrontQuestion(["accuracy", "latency_zcu102", "params", "macs"], within=SMALL),
    "count": CountQuestion([LIMITS, "accuracy >= 62"], within=WITHIN),
    "histogram": DistributionQuestion("latency_zcu102", within=WITHIN, bins=5),
    "histogram under a constraint": DistributionQuestion("accuracy", subject_to=LIMITS, within=WITHIN, bins=5),
    "ranks": RankQuestion(BENCH.space.at([0, 10**9, 10**11]), "accuracy", within=WITHIN),
}
HOSTILE = [
    None,
    True,
    -1,
    0,
    1,
    3,
    255,
    256,
    2**32,
    2**63,
    2**64 - 1,
    2**64,
    10**400,
    0.5,
    -0.0,
    1e308,
    "",
    "x",
    "\ud800",
]
HOSTILE += [[], [0], [[0, 1]], {}, {"row": []}]


def sealed(state):
    """Give a state the digest of its fields, as a forger would."""
    fields = [state.get(name) for name in ("key", "done", "counts", "found")]
    text = re.sub(r"(\de[+-])0+(\d)", r"\1\2", json.dumps(fields, separators=(",", ":")))
    return json.dumps({**state, "sha256": hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()})


def places(content, path=()):
    """Paths of all parts of plain data."""
    if isinstance(content, (dict, list)):
        for key, value in content.items() if isinstance(content, dict) else enumerate(content):
            yield (*path, key)
            yield from places(value, (*path, key))


def mutations(state, count, seed):
    """Fields that are replaced, dropped, given twice or swapped with the next, at any depth."""
    draw = random.Random(seed)
    paths = [path for path in places(state) if path != ("sha256",)]
    shallow = [path for path in paths if len(path) < 5]
    for _ in range(count):
        changed = copy.deepcopy(state)
        path = draw.choice(draw.choice([paths, shallow]))
        inner = changed
        for key in path[:-1]:
            inner = inner[key]
        key, how = path[-1], draw.choice(["replace", "replace", "nudge", "drop", "twice", "swap"])
        if how == "replace":
            inner[key] = draw.choice(HOSTILE)
        elif how == "nudge" and isinstance(inner[key], (int, float)):
            inner[key] += draw.choice([-1, 1, 1e-9, 64])
        elif how == "drop":
            del inner[key]
        elif how == "twice" and isinstance(inner, list):
            inner.insert(key, copy.deepcopy(inner[key]))
        elif how == "swap" and isinstance(inner, list):
            inner[key - 1], inner[key] = inner[key], inner[key - 1]
        yield (how, path), changed


def outcome(search, state):
    """What a state says, as plain data."""
    found = search.result(state, 1)
    return {name: value.tolist() if hasattr(value, "tolist") else value for name, value in found.items()}


def searched(question):
    """A search, its state after the first part of its jobs, after all of them, and of the rest alone."""
    search = prepare(BENCH, question.resolve(BENCH), 1)
    start = search.start(1)
    half = max(1, search.jobs // 2)
    first = search.run(start, 0, half, 1)
    return search, first, search.run(first, half, search.jobs, 1), search.run(start, half, search.jobs, 1)


@pytest.mark.parametrize("kind", QUESTIONS)
def test_altered_states_are_refused(kind):
    search, first, whole, _ = searched(QUESTIONS[kind])
    for state in (first, whole):
        expected = outcome(search, state)
        for what, changed in mutations(json.loads(state), 150, kind):
            try:
                text = json.dumps(changed)
                assert outcome(search, text) == expected, what
            except SearchError:
                pass


@pytest.mark.slow
@pytest.mark.parametrize("kind", QUESTIONS)
def test_forged_states_give_no_panic_and_no_foreign_values(kind):
    search, first, whole, rest = searched(QUESTIONS[kind])
    truth = outcome(search, search.merge(first, rest))
    assert json.loads(sealed(json.loads(first)))["sha256"] == json.loads(first)["sha256"]
    known = {"rows", "values"} & set(truth)
    for state in (first, whole):
        for what, changed in mutations(json.loads(state), 250, kind):
            if "\ud800" in json.dumps(changed, ensure_ascii=False):
                continue
            text = sealed(changed)
            half = max(1, search.jobs // 2)
            steps = [
                lambda text=text: outcome(search, text),
                lambda text=text, half=half: search.run(text, half, search.jobs, 1),
                lambda text=text: search.merge(text, rest, 1),
                lambda text=text: search.merge(rest, text, 1),
            ]
            for step in steps:
                try:
                    found = step()
                except SearchError:
                    continue
                found = outcome(search, found) if isinstance(found, str) else found
                sums = [b + e for b, e in zip(found.get("better", ()), found.get("equal", ()), strict=True)]
                assert max([*sums, sum(found.get("counts", ())), found.get("count", 0)]) <= search.size, what
                for i, row in enumerate(found["rows"] if known else ()):
                    names = list(QUESTIONS[kind].resolve(BENCH).metrics)
                    own = BENCH.predict(np.array([row], np.uint8), names, dtype="float64")
                    assert [float(v[0]) for v in own.values()] == list(found["values"][i]), what


def nested(state, path, value):
    state = copy.deepcopy(state)
    inner = state
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value(inner[path[-1]]) if callable(value) else value
    return state


ITEM = ("found", "items", 0)
PROVABLE = [
    ("best", ("found", "items"), [], "0 architectures are the 3 best"),
    ("best", ("found", "items"), lambda items: items[::-1], "does not belong behind"),
    ("best", ("found", "items"), lambda items: [items[0], *items], "4 architectures are the 3 best"),
    ("best", (*ITEM, "values"), [1e308], "has values"),
    ("best", (*ITEM, "values"), lambda v: [*v, 1.0], "has values"),
    ("best", (*ITEM, "row"), lambda row: row[:-1], "has 27 choices, expected 28"),
    ("best", (*ITEM, "row", 0), 1, r"block0_e has choice 1, expected one of \[2\]"),
    ("best", (*ITEM, "ties"), 2, "stands for 2, expected 1"),
    ("best", ("done",), [[5, 5]], "jobs 5 to 5 are done"),
    ("best", ("done",), [[0, 2**63]], "expected ascending ranges"),
    ("best", ("counts", "evaluated"), 0, "architectures are counted"),
    ("best", ("counts", "evaluated"), 2**64 - 1, "architectures are counted, the jobs that are done have"),
    ("best", ("counts", "more"), 1, "unknown field"),
    ("front", ("found", "items"), [], "is missing, or a point that dominates it"),
    ("front", ("found", "items"), lambda items: [items[0], *items], "is dominated"),
    ("front", (*ITEM, "values"), [1e308, 1e308], "has values"),
    ("front", (*ITEM, "ties"), 0, "stands for none"),
    ("front", (*ITEM, "ties"), 2**63, "points stand for"),
    ("count", ("found", "feasible"), 2**40, "meet the constraints, expected"),
    ("histogram", ("found", "bins"), lambda bins: bins[:-1], "there are 4 bins, expected 5"),
    ("histogram", ("found", "bins", 0), lambda n: n + 1, "bins hold"),
    ("ranks", ("found", "beaten"), lambda counts: counts[:-1], "counts of"),
    ("ranks", ("found", "beaten", 0), lambda n: n + 1, "are compared, expected"),
    ("ranks", ("found", "more", 0), 2**63, "beat value 0"),
]


@pytest.mark.parametrize(("kind", "path", "value", "message"), PROVABLE, ids=map(str, range(len(PROVABLE))))
def test_what_can_be_proven_is_refused_whatever_the_digest(kind, path, value, message):
    search, _, whole, _ = searched(QUESTIONS[kind])
    content = json.loads(whole)
    if path[-1] == "more" and path[0] == "counts":
        content["counts"]["more"] = 0
    with pytest.raises(SearchError, match=message):
        search.result(sealed(nested(content, path, value)), 1)


@pytest.mark.parametrize("kind", ["best", "front", "count", "histogram", "ranks"])
def test_parts_and_checkpoints_have_digests(kind, tmp_path):
    question = QUESTIONS[kind]
    parts = [run_shard(BENCH, question, i, 2) for i in (1, 2)]
    whole = merge_shards(BENCH, parts).certificate.result
    content = parts[0].to_json()
    for name in ("part", "parts", "key", "seconds", "threads", "engine", "state", "sha256", "question"):
        for value in (None, 7, "x", 10**400, {}):
            changed = {**content, name: value}
            path = tmp_path / "part.json"
            path.write_text(json.dumps(changed))
            with pytest.raises(SearchError):
                merge_shards(BENCH, [path, parts[1]])
    for state in (json.dumps({**json.loads(parts[0].state), "done": []}), 5, "[]", "\ud800"):
        with pytest.raises(SearchError):
            merge_shards(BENCH, [replace(parts[0], state=state), parts[1]])
    parts[0].save(tmp_path / "part.json")
    assert Part.load(tmp_path / "part.json") == parts[0]
    assert merge_shards(BENCH, [tmp_path / "part.json", parts[1]]).certificate.result == whole
    (tmp_path / "part.json").write_text(json.dumps({**content, "version": 1}))
    with pytest.raises(SearchError, match="version 1, this accelnas reads 2; run the shard again"):
        Part.load(tmp_path / "part.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("state = NULL", "damaged"),
        ("state = '[]'", "damaged"),
        ("state = X'ff'", "damaged"),
        ("state = 5", "damaged"),
        ('state = replace(state, \'"items":[{\', \'"items":[],"x":[{\')', "damaged"),
        ("seconds = NULL", "damaged"),
        ("seconds = 'x'", "damaged"),
        ("seconds = 9e999", "damaged"),
        ("seconds = seconds + 1", "damaged"),
        ("sha256 = NULL", "damaged"),
        ("key = X'78'", "another question"),
    ],
)
def test_damaged_checkpoints_are_refused(tmp_path, change, message):
    path = tmp_path / "checkpoint"
    BENCH.best("accuracy", within=WITHIN, k=3, options=RunOptions(checkpoint=path))
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(f"UPDATE search SET {change}")  # noqa: S608
    connection.close()
    with pytest.raises(SearchError, match=message):
        BENCH.best("accuracy", within=WITHIN, k=3, options=RunOptions(checkpoint=path))


def test_shards_of_too_few_jobs_are_refused():
    question = replace(QUESTIONS["count"])
    search = prepare(BENCH, question.resolve(BENCH), 1)
    part = run_shard(BENCH, question, 1, 1)
    with pytest.raises(SearchError, match="lack jobs"):
        merge_shards(BENCH, [replace(part, state=search.start(1))])
