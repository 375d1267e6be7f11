"""Random calls from many threads and forked processes at once, each compared with a serial answer.

``make stress STRESS_SECONDS=600`` runs for ten minutes. Benchmarks are small and random: tables, forests, several
members, links. A call that hangs, crashes or gives another answer ends it with exit code 1.
"""

import faulthandler
import os
import random
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

import numpy as np
import xgboost

import accelnas
from accelnas.fitting.compile import MetricSpec, compile_metric

THREADS, BENCHMARKS, HANG = 16, 6, 120.0
SIZES = (1, 3, 199, 256, 257, 300, 4095, 4096, 4097, 9000, 70_000)


def make_benchmark(directory, number):
    """Random space, two metrics of one to four XGBoost models: shallow ones become tables, deep ones stay trees."""
    rng = np.random.default_rng(number)
    blocks = [[int(n) for n in rng.integers(2, 5, rng.integers(1, 4))] for _ in range(rng.integers(3, 7))]
    lines = ['[space]\nname = "stress"']
    for b, counts in enumerate(blocks):
        variables = ", ".join(f'{{name = "v{b}x{v}", choices = {list(range(n))}}}' for v, n in enumerate(counts))
        lines.append(f'[[space.blocks]]\nname = "b{b}"\nvariables = [{variables}]')
    space = accelnas.Space("\n".join(lines))
    rows = space.sample(2000, seed=number)
    target = np.sin(rows @ rng.normal(size=rows.shape[1])) + 3.0
    for metric, depth in (("shallow", 2), ("deep", 6)):
        models = []
        for m in range(int(rng.integers(1, 5))):
            parameters = {"max_depth": depth, "eta": 0.1, "subsample": 0.8, "seed": m, "nthread": 1}
            models.append(xgboost.train(parameters, xgboost.DMatrix(rows, label=target), 40))
        spec = MetricSpec(name=metric, unit="", direction="maximise")
        compile_metric(models, space=space, metric=spec, directory=directory, random_rows=500, threads=1)


def question(bench, seed):
    """A random call, as a function of the number of threads."""
    draw = random.Random(seed)
    metric, size = draw.choice(("shallow", "deep")), draw.choice(SIZES)
    rows = bench.space.sample(size, seed)
    std = draw.choice((False, True, "members"))
    dtype = draw.choice(("float32", "float64"))
    if size > 10_000:
        dtype = "float32"
    kinds = (
        lambda t: bench.predict(rows, metric, return_std=std, dtype=dtype, threads=t),
        lambda t: bench.predict(rows, return_std=std, threads=t),
        lambda t: bench.space.sample(size, seed, threads=t),
        lambda t: [r.values for r in (bench.best("shallow", k=3, threads=t),)],
        lambda t: bench.count("shallow >= 3", threads=t).count,
        lambda t: bench.search("random_search", metric, budget=300, seed=seed, threads=t).values,
        lambda t: bench.search("regularized_evolution", metric, budget=300, seed=seed, threads=t).values,
    )
    return draw.choice(kinds)


def equal(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(equal, a, b))
    return np.array_equal(np.asarray(a), np.asarray(b))


def work(benches, paths, seed, until, failures, calls, slot):
    draw = random.Random(seed)
    while time.monotonic() < until and not failures:
        calls[slot] = (calls[slot][0] + 1, time.monotonic())
        number = draw.randrange(len(benches))
        # a fresh benchmark has nothing prepared: several threads find it so at once
        if draw.random() < 0.2:
            benches[number] = accelnas.load(paths[number])
        bench, call = benches[number], draw.randrange(2**31)
        try:
            ask = question(bench, call)
            serial = question(accelnas.load(paths[number]), call)
            if not equal(ask(draw.choice((None, 1, 2, 3, 8, 1000))), serial(1)):
                failures.append(f"benchmark {number}, call {call}: another answer than serially")
        except Exception:
            failures.append(f"benchmark {number}, call {call}: {traceback.format_exc()}")


def forked(benches, seed):
    """Exit code of a child that uses what its parent has prepared; None where it hangs."""
    child = os.fork()
    if child == 0:
        faulthandler.dump_traceback_later(HANG / 2)
        draw = random.Random(seed)
        good = True
        for _ in range(5):
            bench, call = draw.choice(benches), draw.randrange(2**31)
            good &= equal(question(bench, call)(draw.choice((None, 2, 3))), question(bench, call)(1))
        os._exit(0 if good else 3)
    end = time.monotonic() + HANG
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return None


def main(seconds):
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / str(number) for number in range(BENCHMARKS)]
        for number, path in enumerate(paths):
            make_benchmark(path, number)
        benches = [accelnas.load(path) for path in paths]
        failures, forks, until = [], 0, time.monotonic() + seconds
        calls = [(0, time.monotonic())] * THREADS
        threads = [
            threading.Thread(target=work, args=(benches, paths, i, until, failures, calls, i), daemon=True)
            for i in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        while time.monotonic() < until and not failures:
            code = forked(benches, forks)
            forks += 1
            if code != 0:
                failures.append(f"fork {forks}: {'it hung' if code is None else f'exit code {code}'}")
            stuck = [i for i, (_, since) in enumerate(calls) if time.monotonic() - since > HANG]
            if stuck:
                failures.append(f"threads {stuck} hang")
        for thread in threads:
            thread.join(HANG)
        hung = sum(thread.is_alive() for thread in threads)
        made = sum(n for n, _ in calls)
        print(f"{made} calls in {THREADS} threads, {forks} forks, {len(failures)} failures, {hung} hung")
        print("\n".join(failures[:5]))
        sys.stdout.flush()
        os._exit(bool(failures or hung))


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
