"""Run an ONNX file with ONNX Runtime and print a line of JSON for each pass; needs onnxruntime and NumPy alone.

Copy it to a board, or start from it: whatever prints the same lines can be measured.
"""

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime


def main() -> None:
    """Warm up, then print {"latency_ms": …} for each pass, or the throughput of all together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("onnx")
    parser.add_argument("--passes", type=int, default=20, help="least number of passes")
    parser.add_argument("--seconds", type=float, default=0.5, help="least time of all passes together")
    parser.add_argument("--threads", type=int, default=1, help="of one pass, on a processor")
    parser.add_argument("--callers", type=int, default=1, help="passes at the same time; above 1, throughput counts")
    parser.add_argument("--provider", default="CPUExecutionProvider", help="such as VitisAIExecutionProvider")
    parser.add_argument("--config", help="config_file of the provider")
    chosen = parser.parse_args()

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = chosen.threads
    settings = {"config_file": chosen.config} if chosen.config else {}
    session = onnxruntime.InferenceSession(chosen.onnx, options, [chosen.provider], [settings])
    (first,) = session.get_inputs()
    images = np.random.default_rng(0).standard_normal(first.shape, np.float32)

    def once(_: int = 0) -> float:
        started = time.perf_counter()
        session.run(None, {first.name: images})
        return time.perf_counter() - started

    for _ in range(5):
        once()
    passes, total = 0, 0.0
    with ThreadPoolExecutor(chosen.callers) as pool:
        while passes < chosen.passes or total < chosen.seconds:
            count = 1 if chosen.callers == 1 else 10 * chosen.callers
            started = time.perf_counter()
            latencies = list(pool.map(once, range(count)))
            total, passes = total + time.perf_counter() - started, passes + count
            if chosen.callers == 1:
                print(json.dumps({"latency_ms": 1e3 * latencies[0]}), flush=True)
    if chosen.callers > 1:
        latency = 1e3 * float(np.mean(latencies))
        print(json.dumps({"latency_ms": latency, "passes": passes, "throughput": passes * first.shape[0] / total}))


if __name__ == "__main__":
    main()
